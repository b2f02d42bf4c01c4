// Along which dimension files are joined, and in which order. For join.cc and for copies.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "io/h5/file_info.h"

namespace rankine::io {

struct Record {
  std::string path;   // of the dimension; "": the unlimited first axis of data sets without names
  std::string order;  // for people: what the files are sorted by
  std::string name() const { return path.empty() ? "the first axis" : path.substr(1); }
};

// Throws Error (input) if the file has none.
Record record_dimension(const FileInfo& file);

// The variable's axis along it.
std::optional<std::size_t> record_axis(const Variable& variable, const Record& record);

std::int64_t record_length(const FileInfo& file, const Record& record);

// Drops files without records, unless all are; tells in record.order what counts. Throws Error
// (input) for a file without the dimension, other calendars, and records that overlap.
void sort_by_record(std::vector<FileInfo>& files, Record& record);

// Whether a name comes before another: digits count as numbers, "t_2" before "t_10".
bool comes_before(const std::string& a, const std::string& b);

}  // namespace rankine::io
