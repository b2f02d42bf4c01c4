// What an earlier run of the same plan left in its logs, as every rank gets it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/log.h"

namespace rankine::worker {

struct SavedState {
  std::int32_t log = 0;  // its number
  io::LogRecord record;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(log, record);
  }
};

struct Salvage {
  std::string log_folder;
  std::vector<std::vector<bool>> stored;  // by output of the graph and chunk: it is in some log
  std::vector<SavedState> states;         // of any graph
  template <class Archive>
  void serialize(Archive& archive) {
    archive(log_folder, stored, states);
  }
};

}  // namespace rankine::worker
