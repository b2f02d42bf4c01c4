// Writing data sets of text. Only for io/h5. The HDF5 lock is held.
#pragma once

#include <string>

#include "io/h5/handles.h"
#include "io/h5/output_spec.h"

namespace rankine::io {

// As the variable's elements are stored: a number, text of any length, or a single character.
// netCDF reads no other text (fixed lengths crash it).
H5Type element_type(const OutputVariable& variable, const std::string& where);

// The texts of a variable that has them, into a data set of that type.
void write_texts(hid_t data_set, const OutputVariable& variable, const std::string& where);

}  // namespace rankine::io
