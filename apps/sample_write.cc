#include <algorithm>
#include <atomic>
#include <cstdio>
#include <exception>
#include <mutex>
#include <vector>

#include "apps/cli.h"
#include "apps/progress_line.h"
#include "apps/sample_field.h"
#include "apps/sample_file.h"
#include "io/encode.h"
#include "io/h5/netcdf_writer.h"
#include "io/log.h"
#include "io/publish.h"
#include "io/settle.h"
#include "runtime/base/clock.h"
#include "runtime/base/stop_signals.h"
#include "runtime/worker/team.h"

namespace rankine::apps {
namespace {

// Progress on stderr. One thread calls.
class ChunkProgress {
 public:
  explicit ChunkProgress(std::int64_t whole)
      : whole_(whole),
        line_("rankine sample", stderr_is_terminal()) {}
  ~ChunkProgress() { draw(line_.wipe()); }
  void update(std::int64_t done) {
    const double seconds = clock_.seconds();
    draw(line_.update(seconds, describe_share(done, whole_, "chunks", seconds)));
  }

 private:
  const std::int64_t whole_;
  ProgressLine line_;
  const Stopwatch clock_;
};

// Computes, encodes and logs every chunk of the field with a team of threads. Stops early at the
// first failure, which is thrown, and at a signal.
class ChunkWriter {
 public:
  ChunkWriter(const Sample& sample, const io::OutputVariable& variable, io::LogWriter& log)
      : variable_(variable),
        grid_(io::chunk_grid(variable)),
        log_(log),
        field_(sample.seed, sample.shape, sample.missing) {}

  void run(int threads) {
    ChunkProgress progress(std::max<std::int64_t>(grid_.chunk_count(), 1));
    worker::run_team(threads, [&](int thread) { work(thread == 0 ? &progress : nullptr); });
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void work(ChunkProgress* progress) {
    try {
      io::EncodeScratch scratch;
      std::vector<float> elements(static_cast<std::size_t>(grid_.largest_chunk()));
      std::vector<std::byte> encoded;
      const std::int64_t chunks = grid_.chunk_count();
      for (std::int64_t chunk = next_++; chunk < chunks && !stopped(); chunk = next_++) {
        const Box box = grid_.chunk_box(coordinate_of(chunk, grid_.counts()));
        field_.fill(box, elements.data());
        io::encode_chunk(variable_, box, reinterpret_cast<const std::byte*>(elements.data()),
                         scratch, encoded);
        log_.append(kSampleField, chunk, encoded);
        if (progress != nullptr) progress->update(chunk);
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      failed_ = true;
    }
  }
  bool stopped() const { return failed_ || StopSignals::received() != 0; }

  const io::OutputVariable& variable_;
  const ChunkGrid grid_;
  io::LogWriter& log_;
  const SampleField field_;
  std::atomic<std::int64_t> next_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;  // protects failure_
  std::exception_ptr failure_;
};

bool write_all(const Sample& sample, const io::OutputPaths& paths, bool overwrite, int threads) {
  const io::OutputFile file = sample_file(sample);
  io::check(file);
  io::LogWriter log(paths.log_folder, 0);
  ChunkWriter(sample, file.variables[kSampleField], log).run(threads);
  log.close();
  if (StopSignals::received() != 0) return false;
  const auto settlement = io::place_chunks(file, {{log.records()}});
  io::create_part(paths.part);
  io::copy_segments(paths.log_folder, paths.part, io::plan_copies(settlement, 1).front());
  io::write_netcdf(paths.part, file, settlement.placements);
  if (StopSignals::received() != 0) return false;
  io::publish(paths.part, paths.final, overwrite);
  return true;
}

}  // namespace

// A sample is made afresh: nothing in its log is of use to a later run.
bool write_sample(const Sample& sample, const io::OutputPaths& paths, bool overwrite, int threads) {
  try {
    return write_all(sample, paths, overwrite, threads);
  } catch (Error& error) {
    if (error.exit_code == ExitCode::kStopped) error.exit_code = ExitCode::kTaskFailed;
    throw;
  }
}

}  // namespace rankine::apps
