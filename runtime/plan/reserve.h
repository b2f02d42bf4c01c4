// What a rank needs if tasks are admitted one by one when memory is short (worker/admission.h), in
// closed form from the layers.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/plan/key_order.h"
#include "runtime/plan/task_memory.h"

namespace rankine::plan {

// Bytes.
struct Reserve {
  // The most that a running task and held chunks take together on a rank if all tasks of all ranks
  // run one at a time, in the order of keys.
  std::int64_t bytes = 0;
  std::int64_t task_bytes = 0;  // of it, the largest task with what it reads and writes through
  std::string largest_task;     // its layer
  std::int64_t most_held_bytes = 0;
  std::string most_holding;  // the layer of most_held_bytes
  // Beside it: what a thread keeps between tasks all the same, and what a rank notes of its tasks.
  std::int64_t thread_bytes = 0;
  std::int64_t note_bytes = 0;
};

Reserve reserve(const graph::Topology& topology, const Placement& placement, const KeyOrder& keys);

// What a task takes while it runs under admission: afterwards a thread gives all back but its
// tiles.
std::int64_t admitted_bytes(const graph::Topology& topology, const Placement& placement,
                            std::uint32_t layer);
// Of it, what does not come from the pool.
std::int64_t scratch_bytes(const graph::Topology& topology, const Placement& placement,
                           std::uint32_t layer);

// What a rank may hold under admission: running tasks, held chunks, chunks that were pulled.
struct Budget {
  std::int64_t bytes = 0;    // 0: there is no admission
  std::int64_t reserve = 0;  // of it; the rest is slack
  template <class Archive>
  void serialize(Archive& archive) {
    Varint all{bytes}, kept{reserve};
    archive(all, kept);
    bytes = all.value;
    reserve = kept.value;
  }
};

}  // namespace rankine::plan
