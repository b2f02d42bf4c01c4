// The last step: the finished part file becomes the output, at once or not at all.
#pragma once

#include <string>

#include "io/output.h"

namespace rankine::io {

// fsync, rename (without `overwrite` never over an existing file), fsync of the folder. The mode
// is that of create_part: 0666 less the umask. Rank 0 only. Throws Error (usage) if the output
// appeared meanwhile, Error (task failed) if the system refuses: before the
// rename the part file is then still there, unless its data could not be synced (sync_part), after
// it (a folder that cannot be synced) the output.
void publish(const std::string& part_path, const std::string& final_path, bool overwrite);

// Removes part file, logs and log folder; what is not there is no error. Also the way out after a
// failure: nothing of ours is left behind. Rank 0, after all ranks closed their logs and while the
// OutputClaim is held. Never throws; if something could not be removed, says so in one line on
// stderr and returns false.
bool remove_working_files(const OutputPaths& paths) noexcept;

}  // namespace rankine::io
