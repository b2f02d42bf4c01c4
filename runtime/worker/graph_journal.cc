#include "runtime/worker/graph_journal.h"

#include <algorithm>
#include <limits>

#include "runtime/base/hash.h"

namespace rankine::worker {

using graph::ChunkId;
using graph::TaskId;

GraphJournal::GraphJournal(const graph::Topology& topology, io::LogWriter& log,
                           std::uint64_t graph_hash, std::shared_ptr<const Salvage> salvage,
                           const io::Shard& shard)
    : topology_(topology),
      log_(log),
      graph_hash_(graph_hash),
      checkpoints_(topology),
      salvage_(std::move(salvage)) {
  if (shard) shard_ = std::make_unique<plan::ShardTasks>(topology, shard);
  if (!salvage_ && !shard_) return;
  if (salvage_) {
    for (const SavedState& state : salvage_->states) {
      if (state.record.graph != graph_hash_) continue;
      states_.emplace(ChunkId{state.record.variable, state.record.filter_mask, state.record.chunk},
                      &state);
    }
  }
  outstanding_ = std::make_unique<const plan::Outstanding>(
      topology,
      [&](std::uint32_t variable, std::int64_t chunk) { return is_logged(variable, chunk); },
      [&](const ChunkId& chunk) { return states_.contains(chunk); }, shard_.get());
}

// A shard that makes a chunk on the way to others leaves it to the shard whose it is: every chunk
// is in one log, so it does not matter whether two would have the same bytes.
bool GraphJournal::is_stored(const TaskId& task, std::uint32_t variable, std::int64_t chunk) const {
  return is_logged(variable, chunk) || (shard_ && !shard_->stores(topology_, task));
}

bool GraphJournal::is_logged(std::uint32_t variable, std::int64_t chunk) const {
  return salvage_ && salvage_->stored[variable][static_cast<std::size_t>(chunk)];
}

bool GraphJournal::take_over(const TaskId& task, Pool& pool, std::vector<Output>& outputs) const {
  using What = plan::Outstanding::What;
  const What what = outstanding_ ? outstanding_->of(task) : What::kRun;
  if (what == What::kRun) return false;
  for (std::uint32_t output = 0; output < topology_.output_count(task.layer); ++output) {
    if (!topology_.leaves_chunk(task.layer, output)) continue;
    const ChunkId chunk{task.layer, output, task.position};
    outputs.push_back(
        {chunk, what == What::kReadBack ? read_back(chunk, pool) : pool.allocate_shared(0)});
  }
  return true;
}

SharedBuffer GraphJournal::read_back(const ChunkId& chunk, Pool& pool) const {
  const SavedState& state = *states_.at(chunk);
  SharedBuffer bytes = pool.allocate_shared(state.record.size);
  const std::shared_ptr<const io::PosixFile> file = log_file(state.log);
  file->pread_full(bytes->bytes(), state.record.offset);
  const bool whole = topology_.output_bytes(chunk) == static_cast<std::int64_t>(bytes->size()) &&
                     hash_bytes(bytes->bytes()) == state.record.checksum;
  if (!whole) {
    throw input_error("a state in the journal is damaged", file->path(),
                      "start afresh without --resume");
  }
  return bytes;
}

std::shared_ptr<const io::PosixFile> GraphJournal::log_file(std::int32_t number) const {
  const std::lock_guard lock(mutex_);
  const auto found = log_files_.find(number);
  if (found != log_files_.end()) return found->second;
  const std::string path = io::log_path(salvage_->log_folder, number);
  if (log_files_.size() == kMostOpen) log_files_.clear();
  auto file = std::make_shared<const io::PosixFile>(
      io::open_elsewhere([&] { return io::PosixFile::open_read(path); }));
  return log_files_.emplace(number, std::move(file)).first->second;
}

void GraphJournal::store(std::uint32_t variable, std::int64_t chunk,
                         std::span<const std::byte> encoded) const {
  log_.append(variable, chunk, encoded);
}

bool GraphJournal::is_dear(const TaskId& task, const std::vector<Output>& outputs,
                           double seconds) const {
  if (checkpoints_.has(topology_, task)) return true;
  if (shard_ && shard_->logs(topology_, task)) return true;
  double bytes = 0;
  for (const Output& output : outputs) bytes += double(output.bytes.buffer->size());
  return bytes <= kBytesPerSecond * seconds;
}

void GraphJournal::keep_states(const TaskId& task, const std::vector<Output>& outputs,
                               double seconds) const {
  if (outputs.empty() || !plan::Checkpoints::may_log(topology_, task.layer)) return;
  const std::vector<ChunkId> below = logged_for(task);
  // Cheap to make from what is logged, but it takes the place of several.
  const bool replaces = below.size() > outputs.size();
  if (!replaces && !is_dear(task, outputs, seconds)) return;
  for (const Output& output : outputs) {
    const std::size_t size = output.bytes.buffer->size();
    if (size == 0) continue;
    if (size > std::numeric_limits<std::uint32_t>::max()) return;
    io::LogRecord record;
    record.graph = graph_hash_;
    record.variable = output.chunk.layer;
    record.filter_mask = output.chunk.output;
    record.chunk = output.chunk.position;
    const auto logged = log_.append_state(record, std::as_const(*output.bytes.buffer).bytes());
    if (!logged) return;
    const std::lock_guard lock(mutex_);
    logged_.emplace(output.chunk, *logged);
  }
  const std::lock_guard lock(mutex_);
  for (const ChunkId& chunk : below) {
    const auto found = logged_.find(chunk);
    log_.supersede(found->second);
    logged_.erase(found);
  }
}

// The logged states that this task alone reads: whoever takes over begins with what it left, and
// needs them no more. So of a tree, of any height, only the uppermost states of each part stay.
std::vector<ChunkId> GraphJournal::logged_for(const TaskId& task) const {
  std::vector<ChunkId> found;
  const std::lock_guard lock(mutex_);
  if (logged_.empty()) return found;
  topology_.for_each_input(task, [&](const ChunkId& chunk) {
    if (!logged_.contains(chunk)) return;
    if (shard_ && shard_->logs(topology_, chunk.task())) return;  // who takes over may begin there
    bool alone = true;
    topology_.for_each_consumer(chunk, [&](const TaskId& other) { alone &= other == task; });
    // Through two edges it comes twice.
    if (alone && std::ranges::find(found, chunk) == found.end()) found.push_back(chunk);
  });
  return found;
}

}  // namespace rankine::worker
