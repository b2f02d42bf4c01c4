// What the tasks of a simulation do and what their chunks are: real values (values.h), only their
// weights (phantom.h), or whatever a test wants to see.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/plan/footprint.h"
#include "runtime/plan/pieces.h"
#include "runtime/plan/reserve.h"
#include "runtime/protocol/messages.h"
#include "runtime/worker/executor.h"
#include "runtime/worker/steal.h"

namespace rankine::simulate {

// Called from one thread. A chunk is any buffer that is not null.
class Work {
 public:
  Work() = default;
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  virtual ~Work() = default;

  // What the task, on this rank, leaves for others. Throws Error if it fails.
  virtual std::vector<worker::Output> run(int rank, const graph::TaskId& task,
                                          const worker::FindChunk& find_chunk) = 0;
  // What a piece weighs on the wire: of a chunk that run() made.
  virtual std::int64_t bytes_of(const graph::ChunkId& chunk, const plan::Piece& piece,
                                const Buffer& whole) const = 0;
  // What of it goes to another rank.
  virtual SharedBuffer pack(const graph::ChunkId& chunk, const plan::Piece& piece,
                            const SharedBuffer& whole) = 0;
};

// The same for all ranks of a simulation; outlives them.
struct World {
  const graph::Topology& topology;
  const plan::Placement& placement;
  Work& work;
  int ranks = 1;
  std::int64_t eager_limit = protocol::kEagerLimit;
  std::int64_t window = protocol::kEagerWindow;
  std::int64_t bulk_sends = plan::kBulkSends;
  int threads = 1;  // of a rank
  worker::StealRules steal = {};
  plan::Budget budget = {};  // of each rank, if tasks must be admitted
};

}  // namespace rankine::simulate
