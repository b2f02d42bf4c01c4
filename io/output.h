// Where an output goes and whether it may: checked before anything is computed.
#pragma once

#include <span>
#include <string>

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
OutputPaths check_output(const std::string& path, std::span<const std::string> inputs,
                         bool overwrite);

}  // namespace rankine::io
