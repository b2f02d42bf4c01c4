// Data sets of text: names of stations, regions, flags. They label numbers and are small; they are
// read whole, through the library.
#pragma once

#include <string>
#include <vector>

#include "io/h5/file_info.h"

namespace rankine::io {

// One text per element in row-major order, without padding.
struct Texts {
  std::vector<std::string> values;
  bool operator==(const Texts&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(values);
  }
};

// Whether `variable` is a data set of text that read_texts can be asked for.
bool holds_text(const Variable& variable);
// Whether its elements are single characters, as netCDF's char: then the last axis makes words.
bool is_characters(const Variable& variable);

inline constexpr std::int64_t kMostTexts = std::int64_t{1} << 20;  // elements
inline constexpr std::int64_t kMostTextBytes = std::int64_t{64} << 20;

// Call it through probe.h: damaged heaps crash the library. Throws Error (input).
Texts read_texts(const std::string& path, const std::string& dataset);

}  // namespace rankine::io
