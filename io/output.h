// Where an output goes and whether it may: checked before anything is computed.
#pragma once

#include <span>
#include <string>

#include "io/posix_file.h"

namespace rankine::io {

struct OutputPaths {
  std::string final;       // the file to be published; symbolic links followed
  std::string part;        // final + ".part"
  std::string log_folder;  // ".<name>.rankine" beside it
  template <class Archive>
  void serialize(Archive& archive) {
    archive(final, part, log_folder);
  }
};

// The paths for an output the user called `path`. A symbolic link is followed, also one that
// points to nothing yet. Throws Error (input) if the folder is missing.
OutputPaths output_paths(const std::string& path);

// output_paths(path), after making sure that it may be written: exists without `overwrite`, is no
// regular file, or is one of the inputs (same file or same path) -> Error (usage); folder missing
// -> Error (input); folder not writable -> Error (task failed). Creates nothing. Rank 0 only.
// An existing output that `overwrite` does not cover is left to the caller with `resume`.
OutputPaths check_output(const std::string& path, std::span<const std::string> inputs,
                         bool overwrite, bool resume = false);

// The same paths for processes with other working folders.
OutputPaths absolute(const OutputPaths& paths);

// Whether both names lead, or would lead, to one file; what is missing counts by its name.
bool same_place(const std::string& a, const std::string& b);

// The right to write an output, held by rank 0 until the object is destroyed or the process ends.
class OutputClaim {
 public:
  // Creates the log folder and locks it (flock, where the file system has it); removes what a dead
  // run left there, all or (keep_journal) all but its journal and part file. Throws Error (usage)
  // if another live run writes this output. Before any log.
  explicit OutputClaim(const OutputPaths& paths, bool keep_journal = false);

  bool discarded() const { return discarded_; }  // logs of a dead run were removed
  // Removes a journal that was kept, with its part file. Throws Error (task failed).
  void discard_journal(const OutputPaths& paths) { clear(paths, false); }

 private:
  void clear(const OutputPaths& paths, bool keep_journal);
  PosixFile owner_;
  bool discarded_ = false;
};

// A file beside the output that a run may fill first, with all that belongs to a file. Its name is
// of one length, so that it is legal where the output's is, and nobody else's.
std::string scratch_path(const OutputPaths& paths);

// Whether a live run writes this output. Creates nothing.
bool is_claimed(const OutputPaths& paths);

// Creates a folder that only its owner may enter (mode 0700); one that exists must be ours and no
// symbolic link. Throws Error (task failed). Any rank.
void make_private_folder(const std::string& folder);

}  // namespace rankine::io
