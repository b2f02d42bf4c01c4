// The file of --stages: checked and opened before anything is computed, written at the end.
#pragma once

#include <span>
#include <string>

#include "io/posix_file.h"

namespace rankine::session {

class StagesFile {
 public:
  explicit StagesFile(std::string path) : path_(std::move(path)) {}  // "": none is wanted
  ~StagesFile();  // removes the file if it was made here and nothing was written
  StagesFile(const StagesFile&) = delete;
  StagesFile& operator=(const StagesFile&) = delete;

  // Opens the file and leaves what it holds. Throws Error (usage) if it is one of `others`, the
  // files that the run reads and writes, or holds anything but stages; if it cannot be opened,
  // Error (input) for a missing folder, else (task failed). Again: checks only.
  void open(std::span<const std::string> others);
  // Replaces what it holds. Throws Error (task failed).
  void write(const std::string& json);

 private:
  void check(std::span<const std::string> others) const;

  const std::string path_;
  io::PosixFile file_;
  bool made_ = false;  // by open, and empty
};

}  // namespace rankine::session
