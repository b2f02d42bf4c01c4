// Stored numbers -> numbers to compute with, by the CF conventions (2.5.1 missing data, 8.1 packed
// data) and NUG's `_Unsigned`: missing values become NaN, packed values are unpacked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "io/h5/file_info.h"
#include "runtime/base/dtype.h"

namespace rankine::io {

// How to decode one data set. All comparisons are made with the packed value in the packed type.
struct Decode {
  DType packed = DType::kFloat64;  // the stored type, with `_Unsigned` applied
  DType result = DType::kFloat64;
  Numbers missing;      // of type packed: `_FillValue`, `missing_value`; never NaN
  Numbers range;        // of type packed: empty, or {lowest, highest} valid value;
                        // lowest > highest: none is valid
  bool scaled = false;  // result = packed * scale + offset, computed in float64
  double scale = 1;
  double offset = 0;

  bool plain() const {
    return packed == result && missing.bytes.empty() && range.bytes.empty() && !scaled &&
           packed != DType::kBool;
  }
  // Decoding keeps the size of elements, so `in` may be `out`.
  bool in_place() const { return size_of(packed) == size_of(result); }

  bool operator==(const Decode&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(packed, result, missing, range, scaled, scale, offset);
  }
};

// From the attributes of a variable that has a dtype. Integers with a declaration of missing values
// become float32 (8 and 16 bits) or float64; packed ones do so too if scale_factor and add_offset
// are float32, and become float64 if one of them is of another type; floats keep their type. int8
// with the attribute dtype = "bool" (xarray's convention) becomes bool. The fill value of the data
// set alone declares nothing, and netCDF's default fill only where Variable::assume_fill says so.
// Attributes of a wrong kind (text, references) declare nothing.
Decode make_decode(const Variable& variable);

// count elements of type decode.packed, host byte order, to decode.result. The arrays do not
// overlap, or are the same and decode.in_place().
void decode_values(const Decode& decode, const std::byte* in, std::byte* out, std::int64_t count);

}  // namespace rankine::io
