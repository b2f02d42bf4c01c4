// Whether a file can be read: every chunk of every data set decoded, on all ranks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/session/session.h"

namespace rankine::apps {

// Something about a data set, or a chunk of it: "/t2m, chunk (3, 0, 0)"; of the whole file if
// `place` is empty.
struct Finding {
  std::string place;
  std::string what;
  std::string remedy;  // may be empty
};

struct FileCheck {
  std::string path;
  std::int64_t data_sets = 0;  // of types that are computed with, the bad ones included
  std::int64_t chunks = 0;     // of these that were read; 1 for what is not chunked
  std::uint64_t stored_bytes = 0;
  std::uint64_t raw_bytes = 0;
  double seconds = 0;
  std::vector<Finding> bad;        // every bad chunk in row-major order, up to 16 of a data set
  std::vector<Finding> unchecked;  // types that are not computed with, what is left after 16
  // Data sets whose bytes nothing vouches for: damage there may go unnoticed.
  std::vector<std::string> without_checksum;
};

// What is wrong with the file is in the result. Throws Error for what says nothing about it (a
// signal).
FileCheck check_file(Session& session, const std::string& path);

}  // namespace rankine::apps
