// Attributes in the form netCDF-C writes them.
#pragma once

#include <string>

#include "io/h5/file_info.h"
#include "io/h5/handles.h"

namespace rankine::io {

// The HDF5 type in which elements are stored: little-endian, bool as int8. Not to be closed.
hid_t stored_type(DType dtype);
hid_t memory_type(DType dtype);

// Attributes of the dimension-scale machinery, which belong to a file and not to its data: a copy
// of them would be wrong, so write_attribute is not called for them.
bool is_machinery(const std::string& attribute_name);

// Texts become fixed-length scalar strings without a terminator (as in netCDF-C), UTF-8 only if
// not ASCII; lists of texts variable-length strings; numbers 1-D. Empty ones get no elements, what
// we cannot carry (monostate) is left out. The HDF5 lock is held. Throws Error (task failed).
void write_attribute(hid_t object, const Attribute& attribute, const std::string& where);

}  // namespace rankine::io
