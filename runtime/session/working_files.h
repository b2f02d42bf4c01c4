// What a store leaves beside its output until it ends, in whichever way.
#pragma once

#include <filesystem>
#include <system_error>

#include "io/publish.h"
#include "runtime/session/engine.h"

namespace rankine::session {

// On rank 0, while the output is claimed. What is kept for a later run is the journal, and the part
// file if chunks may lie in it (io/fixed_places.h).
class WorkingFiles {
 public:
  WorkingFiles(Engine& engine, const io::OutputPaths& paths, bool keep_journal)
      : engine_(engine),
        paths_(paths),
        part_kept_(keep_journal) {
    set_kept(keep_journal);
  }
  ~WorkingFiles() {
    engine_.set_last_will({});
    if (!kept_) {
      io::remove_working_files(paths_);
      return;
    }
    std::error_code ignored;  // the next run removes it
    if (!part_kept_) std::filesystem::remove(paths_.part, ignored);
  }
  WorkingFiles(const WorkingFiles&) = delete;
  WorkingFiles& operator=(const WorkingFiles&) = delete;

  bool kept() const { return kept_; }
  void set_kept(bool kept) {
    kept_ = kept;
    keep_if_job_ends(kept);
  }
  // With the journal; at first, what an earlier run left stays with it.
  void set_part_kept(bool kept) { part_kept_ = kept; }
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
  bool part_kept_;
  bool kept_ = false;
};

}  // namespace rankine::session
