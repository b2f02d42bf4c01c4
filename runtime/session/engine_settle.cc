// Engine: the phases in which the ranks put their logged chunks into one file, or drop them.
#include <algorithm>
#include <cstdio>
#include <utility>

#include "collectives/broadcast.h"
#include "collectives/gather.h"
#include "runtime/base/archive.h"
#include "runtime/base/current_error.h"
#include "runtime/session/engine.h"

namespace rankine::session {
namespace {

// What one rank brings to the settling: its records, or why it has none.
struct LogContents {
  std::optional<Error> error;
  std::vector<io::LogRecord> records;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(error, records);
  }
};

// What rank 0 answers: the copies of each rank, or nothing after an error.
struct CopyOrders {
  bool go = false;
  std::vector<std::vector<io::CopySegment>> by_rank;
  std::vector<io::CopiedInput> inputs;  // without their records
  template <class Archive>
  void serialize(Archive& archive) {
    archive(go, by_rank, inputs);
  }
};

// Closes the log. Whatever goes wrong becomes a value: the gather waits for every rank.
Bytes log_contents(io::LogWriter* log) {
  LogContents contents;
  if (log == nullptr) return to_bytes(contents);  // everything comes from inputs
  try {
    log->close();
    contents.records = log->records();
    std::erase_if(contents.records, [](const io::LogRecord& record) { return record.is_state(); });
    return to_bytes(contents);
  } catch (...) {
    contents = {current_error(), {}};
  }
  return to_bytes(contents);
}

}  // namespace

// Rank 0: where every chunk goes, and who copies it there.
Bytes Engine::order_copies(Job& job, const std::vector<Bytes>& gathered, const std::string& part) {
  std::vector<std::vector<io::LogRecord>> logs = std::exchange(earlier_logs_, {});
  const auto first_log = static_cast<int>(logs.size());
  for (const Bytes& bytes : gathered) {
    auto contents = from_bytes<LogContents>(bytes);
    if (contents.error) throw std::move(*contents.error);
    logs.push_back(std::move(contents.records));
  }
  job.settlement = io::place_chunks(job.parts->file, logs, job.parts->inputs);
  if (!job.parts->begun) io::create_part(part);
  CopyOrders orders;
  orders.by_rank = io::plan_copies(job.settlement, communicator_.size(), first_log);
  for (const io::CopiedInput& input : job.parts->inputs) {
    orders.inputs.push_back({input.path, input.size, input.mtime_ns, {}});
  }
  orders.go = true;
  return to_bytes(orders);
}

void Engine::run_settle(Job* job, const Settle& command) {
  const int rank = communicator_.rank();
  const Bytes contents = log_contents(log_.get());
  log_.reset();
  salvage_.reset();
  const std::vector<Bytes> gathered = collectives::gather(communicator_, 0, contents);

  std::optional<Error> failure;
  Bytes orders = to_bytes(CopyOrders());
  if (rank == 0) {
    try {
      orders = order_copies(*job, gathered, command.part);
    } catch (...) {
      failure = current_error();
    }
  }
  collectives::broadcast(communicator_, 0, orders);
  std::optional<Error> mine_failed;
  try {
    const auto copies = from_bytes<CopyOrders>(orders);
    if (copies.go) {
      io::copy_segments(command.log_folder, command.part, copies.by_rank[rank], copies.inputs);
    }
  } catch (...) {
    mine_failed = current_error();
  }
  for (const Bytes& status : collectives::gather(communicator_, 0, to_bytes(mine_failed))) {
    auto error = from_bytes<std::optional<Error>>(status);
    if (error && !failure) failure = std::move(error);
  }
  if (failure) job->error = std::make_exception_ptr(std::move(*failure));
}

void Engine::Kept::count(const std::vector<io::LogRecord>& records) {
  for (const io::LogRecord& record : records) {
    states += record.is_state() ? 1 : 0;
    chunks += record.is_state() ? 0 : 1;
    placed += record.placed ? 1 : 0;
  }
}

// What cannot be synced or closed may be lost; the next run finds out, if the caller does not care.
void Engine::run_discard(Job* job, bool keep) {
  Kept mine;
  if (log_) {
    try {
      if (keep) log_->sync();
      log_->close();
    } catch (const Error& error) {
      mine.error = error;
    }
    mine.count(log_->records());
  }
  log_.reset();
  salvage_.reset();
  for (const Bytes& bytes : collectives::gather(communicator_, 0, to_bytes(mine))) {
    const auto theirs = from_bytes<Kept>(bytes);
    job->kept.chunks += theirs.chunks;
    job->kept.placed += theirs.placed;
    job->kept.states += theirs.states;
    if (!job->kept.error) job->kept.error = theirs.error;
  }
  for (const auto& records : std::exchange(earlier_logs_, {})) job->kept.count(records);
}

}  // namespace rankine::session
