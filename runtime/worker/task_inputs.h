// What a running task reads and who will read what it makes: found once, so that what a task does
// under the board's lock is short.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/graph/topology.h"
#include "runtime/plan/rank_index.h"
#include "runtime/worker/held_chunk.h"

namespace rankine::worker {

// A chunk on the board, which stays where it is until its uses are over.
struct HeldOnBoard {
  HeldChunk chunk;
  std::int64_t uses = 0;  // local triples and remote ranks still to come
};

// Who uses a chunk that was made here: tasks at home here, once for each use, and other ranks.
struct Users {
  std::vector<graph::TaskId> here;
  plan::RankIndex elsewhere;
  void clear() {
    here.clear();
    elsewhere.clear();
  }
};

// In the order of Topology::for_each_input. Filled by Board::find_inputs, valid until the task is
// complete; a thread uses one object again and again, so that a task allocates nothing.
class TaskInputs {
 public:
  struct Input {
    graph::ChunkId id;
    HeldOnBoard* held;
  };
  void clear() {
    constexpr std::size_t kKept = 1024;  // room for so many stays
    inputs_.clear();
    if (inputs_.capacity() > kKept) inputs_ = std::vector<Input>();  // {} would keep it
    next_ = 0;
  }
  void add(const graph::ChunkId& id, HeldOnBoard* held) { inputs_.push_back({id, held}); }
  const std::vector<Input>& all() const { return inputs_; }

  // The chunk of one input, at once where they are asked for in order; null if it is not among the
  // few that follow.
  const HeldChunk* find(const graph::ChunkId& id) {
    const std::size_t count = inputs_.size();
    const std::size_t looks = std::min(count, kMostLooks);
    for (std::size_t look = 0; look < looks; ++look) {
      if (next_ >= count) next_ = 0;
      const Input& input = inputs_[next_++];
      if (input.id == id) return &input.held->chunk;
    }
    return nullptr;
  }

 private:
  static constexpr std::size_t kMostLooks = 64;
  std::vector<Input> inputs_;
  std::size_t next_ = 0;
};

}  // namespace rankine::worker
