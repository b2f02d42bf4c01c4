// A whole graph on one board, without values: every chunk is a buffer that counts the bytes it
// stands for.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <set>

#include "runtime/worker/board.h"

namespace rankine::testing {

class BoardRun {
 public:
  BoardRun(const graph::Topology& topology, const plan::Placement& placement)
      : topology_(topology),
        board(topology, placement, 0) {}

  // A buffer that counts as `bytes` for as long as it lives.
  SharedBuffer buffer(std::int64_t bytes) {
    auto held = held_;
    *held += bytes;
    most_held = std::max(most_held, *held);
    return {new Buffer(pool_.allocate(1)), [held, bytes](Buffer* made) {
              *held -= bytes;
              delete made;
            }};
  }

  // Puts down what the task makes, as worker/executor.cc would.
  void finish(const graph::TaskId& task) {
    for (std::uint32_t i = 0; i < topology_.output_count(task.layer); ++i) {
      const graph::ChunkId chunk{task.layer, i, task.position};
      if (topology_.leaves_chunk(task.layer, i)) {
        board.put(chunk, buffer(topology_.output_bytes(chunk)), true);
      }
    }
    board.complete(task);
  }

  // Runs to the end; `visit` sees each task after its inputs were found and before it is done.
  void run(const std::function<void(const graph::TaskId&)>& visit) {
    while (const auto task = board.next()) {
      topology_.for_each_input(*task, [&](const graph::ChunkId& chunk) { board.input(chunk); });
      visit(*task);
      finish(*task);
      board.sanity_check();
    }
  }

 private:
  const graph::Topology& topology_;
  Pool pool_;
  std::shared_ptr<std::int64_t> held_ = std::make_shared<std::int64_t>(0);

 public:
  worker::Board board;
  std::int64_t most_held = 0;
  std::int64_t held() const { return *held_; }
};

}  // namespace rankine::testing
