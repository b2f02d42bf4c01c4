// A graph with outputs writes a journal while it runs, and takes over what the journal of an
// earlier run holds. Called by many threads at once.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "io/log.h"
#include "runtime/plan/checkpoints.h"
#include "runtime/plan/outstanding.h"
#include "runtime/worker/held_chunk.h"
#include "runtime/worker/salvage.h"

namespace rankine::worker {

// A chunk for other tasks.
struct Output {
  graph::ChunkId chunk;
  HeldChunk bytes;
};

// Chunks of a task that has nothing to do travel and wait as others do, without elements: only
// tasks that have nothing to do themselves get them.
inline bool is_void(const HeldChunk& chunk) {
  return chunk.buffer != nullptr && chunk.buffer->size() == 0;
}

// Bytes of results between tasks that are logged for a second of work, whatever the plan says: a
// disk that takes 100 MB/s slows tasks that long by a tenth at most.
inline constexpr double kBytesPerSecond = 1e7;

class GraphJournal {
 public:
  // graph_hash: of the layers, not 0; states count only for the graph that they are of. salvage:
  // null if nothing is taken over. shard: which part of the graph is to be done, if not all.
  // topology and log must outlive it.
  GraphJournal(const graph::Topology& topology, io::LogWriter& log, std::uint64_t graph_hash,
               std::shared_ptr<const Salvage> salvage, const io::Shard& shard = {});

  // True if the task need not run: its outputs are there, read back or void. Throws Error (input)
  // if a state cannot be read.
  bool take_over(const graph::TaskId& task, Pool& pool, std::vector<Output>& outputs) const;
  // Appends a chunk of an output. Throws as LogWriter::append.
  void store(std::uint32_t variable, std::int64_t chunk, std::span<const std::byte> encoded) const;
  // Whether it is not for this run to do: an earlier one did, or another shard will.
  bool is_stored(const graph::TaskId& task, std::uint32_t variable, std::int64_t chunk) const;
  // Logs what the task left, if it is dear: by the plan (plan/checkpoints.h), or by the seconds it
  // took; if it takes the place of several; or if the shard is to. What those took on the disk is
  // given back.
  void keep_states(const graph::TaskId& task, const std::vector<Output>& outputs,
                   double seconds) const;

 private:
  bool is_logged(std::uint32_t variable, std::int64_t chunk) const;
  bool is_dear(const graph::TaskId& task, const std::vector<Output>& outputs, double seconds) const;
  std::vector<graph::ChunkId> logged_for(const graph::TaskId& task) const;
  struct ChunkHash {
    std::size_t operator()(const graph::ChunkId& chunk) const {
      return graph::TaskIdHash()(chunk.task()) * 31 + chunk.output;
    }
  };
  SharedBuffer read_back(const graph::ChunkId& chunk, Pool& pool) const;
  std::shared_ptr<const io::PosixFile> log_file(std::int32_t number) const;

  const graph::Topology& topology_;
  io::LogWriter& log_;
  const std::uint64_t graph_hash_;
  const plan::Checkpoints checkpoints_;
  const std::shared_ptr<const Salvage> salvage_;
  std::unordered_map<graph::ChunkId, const SavedState*, ChunkHash> states_;
  std::unique_ptr<const plan::ShardTasks> shard_;         // null if all is to be done
  std::unique_ptr<const plan::Outstanding> outstanding_;  // null if all is to be run

  // Logs that are open at a time: thousands would exceed what a process may have. Who holds one may
  // go on with it.
  static constexpr std::size_t kMostOpen = 16;
  mutable std::mutex mutex_;  // protects the members below
  // Of this run and this rank, while nobody has logged what becomes of them.
  mutable std::unordered_map<graph::ChunkId, io::LogRecord, ChunkHash> logged_;
  mutable std::map<std::int32_t, std::shared_ptr<const io::PosixFile>> log_files_;
};

}  // namespace rankine::worker
