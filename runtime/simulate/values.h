// Tasks that compute what they say, for simulated ranks and one after the other without any.
#pragma once

#include <memory>
#include <vector>

#include "runtime/simulate/work.h"
#include "runtime/worker/held_store.h"

namespace rankine::simulate {

using Results = std::vector<std::vector<std::byte>>;  // as Graph::results

// The executor of a worker, shared by all ranks. For graphs that read and write no file and leave
// nothing to later ones. Results that are fetched land here, whatever the rank; all its tasks run
// on rank 0 by plan.
class ValueWork : public Work {
 public:
  // Throws Error as a worker does that cannot install the graph.
  explicit ValueWork(const graph::Topology& topology);

  std::vector<worker::Output> run(int rank, const graph::TaskId& task,
                                  const worker::FindChunk& find_chunk) override;
  std::int64_t bytes_of(const graph::ChunkId& chunk, const plan::Piece& piece,
                        const Buffer& whole) const override;
  SharedBuffer pack(const graph::ChunkId& chunk, const plan::Piece& piece,
                    const SharedBuffer& whole) override;

  const Results& results() const { return results_; }

 private:
  const graph::Topology& topology_;
  Pool pool_;
  worker::HeldStore held_;  // stays empty
  worker::UserTasks user_tasks_;
  Results results_;
  std::vector<std::unique_ptr<io::DatasetReader>> readers_;  // none
  worker::Executor executor_;
  worker::TaskContext context_;
};

// All tasks, layer by layer and front to back, every chunk kept: no ranks, no counters, no order to
// get wrong. The oracle. Throws what the first failing task throws.
Results run_serially(const graph::Topology& topology);

}  // namespace rankine::simulate
