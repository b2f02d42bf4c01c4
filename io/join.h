// Several files as one along their record dimension: a model's output, one file a month.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "io/dataset.h"
#include "io/h5/file_info.h"

namespace rankine::io {

// How the variable of one file becomes a part of the joined one.
struct JoinedPart {
  std::int64_t start = 0;   // along the record axis
  std::int64_t length = 0;  // likewise
  Decode decode;            // to the stored type of the joined variable
};

struct JoinedVariable {
  std::size_t axis = 0;
  std::vector<JoinedPart> parts;  // by member
};

struct Joined {
  std::string word;               // for people: how many, along what, in which order
  std::vector<FileInfo> members;  // in order along the record dimension
  std::map<std::string, JoinedVariable> variables;  // by path: those along the record dimension
  std::set<std::string> texts;  // likewise of text, which is that of one member after the other
};

// One FileInfo that stands for all of them (at least one; probed with ProbeOptions::coordinates).
// The record dimension is the unlimited one, else the time that leads a variable; in files without
// named dimensions, the unlimited first axis of a data set. Files are put in the order of its
// coordinate, else of their names, where numbers count as numbers. Each file's packing, missing
// values and time units are its own: where they differ, the joined variable is the decoded one,
// with times in the units of the first file. What has no record dimension is the first file's.
// Throws Error (input) naming the file, what and why, if the files do not fit together: other
// dimensions, coordinates, calendars, overlapping records. A variable that does not fit has a
// read_problem.
FileInfo join_files(std::vector<FileInfo> files, const std::string& name);

// make_dataset of such a FileInfo.
Dataset joined_dataset(const FileInfo& info, const Variable& variable);

}  // namespace rankine::io
