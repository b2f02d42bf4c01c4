// How values are written for people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "io/h5/file_info.h"

namespace rankine::apps {

// Text of a file, safe for a terminal: control characters, and bytes that are no UTF-8, as escapes.
std::string printable(std::string_view text);

// "713 B", "1.5 MiB".
std::string byte_size(std::uint64_t bytes);

// "1 file", "3 files".
std::string counted(std::int64_t count, const char* noun);

// One number: shortest text that reads back as the same value of its type.
std::string number_text(const io::Numbers& numbers, std::size_t i);

// The value of an attribute on one line; long texts and lists are cut and say so.
std::string attribute_text(const io::AttributeValue& value);

}  // namespace rankine::apps
