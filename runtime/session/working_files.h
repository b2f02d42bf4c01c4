// What a store leaves beside its output until it ends, in whichever way.
#pragma once

#include <filesystem>
#include <system_error>

#include "io/publish.h"
#include "runtime/session/engine.h"

namespace rankine::session {

// On rank 0, while the output is claimed. What is kept for a later run is the journal, never the
// part file.
class WorkingFiles {
 public:
  WorkingFiles(Engine& engine, const io::OutputPaths& paths, bool keep_journal)
      : engine_(engine),
        paths_(paths) {
    set_kept(keep_journal);
  }
  ~WorkingFiles() {
    engine_.set_last_will({});
    if (!kept_) {
      io::remove_working_files(paths_);
      return;
    }
    std::error_code ignored;  // the next run removes it
    std::filesystem::remove(paths_.part, ignored);
  }
  WorkingFiles(const WorkingFiles&) = delete;
  WorkingFiles& operator=(const WorkingFiles&) = delete;

  bool kept() const { return kept_; }
  void set_kept(bool kept) {
    kept_ = kept;
    keep_if_job_ends(kept);
  }
  // Whether they are kept if the job ends at once (a rank was lost), though else they would not be.
  void keep_if_job_ends(bool keep) {
    engine_.set_last_will([paths = paths_, keep] {
      if (!keep) io::remove_working_files(paths);
      return keep;
    });
  }

 private:
  Engine& engine_;
  const io::OutputPaths paths_;
  bool kept_ = false;
};

}  // namespace rankine::session
