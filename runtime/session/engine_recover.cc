// Engine: the phase in which the ranks read what earlier runs of the same job left.
#include <algorithm>
#include <numeric>

#include "collectives/broadcast.h"
#include "collectives/gather.h"
#include "runtime/base/archive.h"
#include "runtime/base/current_error.h"
#include "runtime/session/engine.h"

namespace rankine::session {
namespace {

struct ScannedLog {
  std::int32_t number = 0;
  std::vector<io::LogRecord> records;
  std::int64_t damaged = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(number, records, damaged);
  }
};

// What one rank found in its share of the logs, or why it could not read them.
struct Scanned {
  std::optional<Error> error;
  std::vector<ScannedLog> logs;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(error, logs);
  }
};

Bytes scan_share(const Recover& command, const std::vector<std::int32_t>& logs, int rank,
                 int ranks) {
  Scanned scanned;
  try {
    for (std::size_t i = 0; i < logs.size(); ++i) {
      if (static_cast<int>(i) % ranks != rank) continue;
      const std::string path = io::log_path(command.log_folder, logs[i]);
      io::open_elsewhere([&] { return io::PosixFile::open_read(path); });
      io::LogScan scan = io::scan_log(path);
      io::check_placed(scan, command.part);
      scanned.logs.push_back(
          {logs[i], std::move(scan.records), static_cast<std::int64_t>(scan.damaged.size())});
    }
    return to_bytes(scanned);
  } catch (...) {
    scanned = {current_error(), {}};
  }
  return to_bytes(scanned);
}

// Chunks of one variable: which are there, and with which bytes.
class Found {
 public:
  explicit Found(const std::vector<std::int64_t>& chunks) {
    for (const std::int64_t count : chunks) {
      stored.emplace_back(static_cast<std::size_t>(count));
      contents_.emplace_back(static_cast<std::size_t>(count));
    }
  }

  void add(const io::LogRecord& record, const std::string& log) {
    const bool known = record.variable < stored.size() && record.chunk >= 0 &&
                       record.chunk < static_cast<std::int64_t>(stored[record.variable].size());
    if (!known) {
      throw input_error("the journal holds a chunk that the output does not have", log,
                        "start afresh without --resume");
    }
    const auto at = static_cast<std::size_t>(record.chunk);
    const auto bytes = std::make_pair(record.size, record.checksum);
    if (stored[record.variable][at] && contents_[record.variable][at] != bytes) {
      throw input_error(
          "the journal holds chunk " + std::to_string(record.chunk) + " twice, with other bytes",
          log, "start afresh without --resume");
    }
    stored[record.variable][at] = true;
    contents_[record.variable][at] = bytes;
  }

  std::vector<std::vector<bool>> stored;  // by variable and chunk

 private:
  std::vector<std::vector<std::pair<std::uint32_t, std::uint64_t>>> contents_;
};

}  // namespace

Bytes Engine::merge_recovered(Job& job, const std::vector<Bytes>& gathered,
                              const Recover& command) {
  Found found(command.chunks);
  auto salvage = std::make_shared<worker::Salvage>();
  salvage->log_folder = command.log_folder;
  if (!command.logs.empty()) {
    earlier_logs_.resize(static_cast<std::size_t>(command.logs.back()) + 1);
  }
  for (const Bytes& bytes : gathered) {
    auto scanned = from_bytes<Scanned>(bytes);
    if (scanned.error) throw std::move(*scanned.error);
    for (ScannedLog& log : scanned.logs) {
      const std::string path = io::log_path(command.log_folder, log.number);
      for (const io::LogRecord& record : log.records) {
        if (record.is_state()) {
          salvage->states.push_back({log.number, record});
        } else {
          found.add(record, path);
        }
      }
      job.recovered.damaged += log.damaged;
      std::erase_if(log.records, [](const io::LogRecord& record) { return record.is_state(); });
      earlier_logs_[static_cast<std::size_t>(log.number)] = std::move(log.records);
    }
  }
  for (const std::vector<bool>& chunks : found.stored) {
    job.recovered.chunks += std::count(chunks.begin(), chunks.end(), true);
  }
  job.recovered.states = static_cast<std::int64_t>(salvage->states.size());
  salvage->stored = std::move(found.stored);
  return to_bytes(std::make_optional(*salvage));
}

// A rank that cannot read says so; nothing is taken over then, on any rank.
void Engine::run_recover(Job* job, const Recover& command) {
  Bytes numbers = to_bytes(command.logs);
  collectives::broadcast(communicator_, 0, numbers);
  const auto logs = from_bytes<std::vector<std::int32_t>>(numbers);
  const Bytes mine = scan_share(command, logs, communicator_.rank(), communicator_.size());
  const std::vector<Bytes> gathered = collectives::gather(communicator_, 0, mine);
  Bytes merged = to_bytes(std::optional<worker::Salvage>());
  if (communicator_.rank() == 0) {
    earlier_logs_.clear();
    try {
      merged = merge_recovered(*job, gathered, command);
    } catch (...) {
      earlier_logs_.clear();
      job->error = std::current_exception();
    }
  }
  collectives::broadcast(communicator_, 0, merged);
  auto salvage = from_bytes<std::optional<worker::Salvage>>(merged);
  salvage_ = salvage ? std::make_shared<const worker::Salvage>(std::move(*salvage)) : nullptr;
}

}  // namespace rankine::session
