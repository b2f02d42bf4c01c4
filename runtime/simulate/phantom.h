// Tasks that compute nothing: a chunk is a name, a weight and how long it took at least to get to
// it. So a graph of any size is simulated in the memory of what is live.
#pragma once

#include "runtime/simulate/machine.h"
#include "runtime/simulate/work.h"

namespace rankine::simulate {

class PhantomWork : public Work {
 public:
  // task_bytes: of the results of users' tasks, of which the graph knows no length; from a quarter
  // to four times that.
  PhantomWork(const graph::Topology& topology, const Draws& draws, std::int64_t task_bytes)
      : topology_(topology),
        draws_(draws),
        task_bytes_(task_bytes) {}

  std::vector<worker::Output> run(int rank, const graph::TaskId& task,
                                  const worker::FindChunk& find_chunk) override;
  std::int64_t bytes_of(const graph::ChunkId& chunk, const plan::Piece& piece,
                        const Buffer& whole) const override;
  SharedBuffer pack(const graph::ChunkId&, const plan::Piece&, const SharedBuffer& whole) override {
    return whole;
  }

  // Along the inputs of the tasks that ran, on ranks that are not slow.
  std::int64_t critical_path_ns() const { return critical_path_ns_; }
  std::int64_t work_ns() const { return work_ns_; }  // of all tasks that ran

 private:
  const graph::Topology& topology_;
  const Draws& draws_;
  std::int64_t task_bytes_;
  std::int64_t critical_path_ns_ = 0;
  std::int64_t work_ns_ = 0;
};

}  // namespace rankine::simulate
