// What `rankine info` prints.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/h5/file_info.h"

namespace rankine::apps {

// Of a coordinate that counts time, from its values: "2000-01-01 to 2000-12-31", the first and the
// last. By path of the variable. Reads the file; what cannot be read has none.
using TimeRanges = std::map<std::string, std::string>;
TimeRanges time_ranges(const io::FileInfo& info);

// The first of the texts in data sets with one axis or none: "north, south, ...". By path. Reads
// the file; what cannot be read, or is long, has none.
using TextSamples = std::map<std::string, std::string>;
TextSamples text_samples(const io::FileInfo& info);

// For people. Ends with a newline.
std::string info_text(const io::FileInfo& info, const TimeRanges& ranges = {},
                      const TextSamples& texts = {});

// For programs: one file gives an object, several an array. What a number cannot be in JSON stands
// as text ("NaN", "Infinity"); what there is not (chunks of contiguous data, the shape of a null
// data space, the name of a nameless axis) is null.
std::string info_json(const std::vector<io::FileInfo>& infos);

// Bytes of all elements, unfiltered; empty beyond 2^64.
std::optional<std::uint64_t> raw_bytes(const io::Variable& variable);

// The data sets to be listed: a pure dimension stands among the dimensions.
bool is_listed(const io::Variable& variable);

// Name of a dimension, with its group unless that is the root: "time", "forecast/time".
std::string dimension_name(const io::Dimension& dimension);
// The same for an axis of a variable; "" if it has none.
std::string dimension_name(const io::Variable& variable, std::size_t axis);

// "deflate" of a filter that calls itself "deflate; see https://...".
std::string filter_name(const io::Filter& filter);

}  // namespace rankine::apps
