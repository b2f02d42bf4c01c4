// What graphs leave on a rank for later ones: chunks and results under names that all ranks know
// (graph/held.h), and values that every rank has (scattered).
//
// A value is kept from the moment it is made until it is dropped. Who asks for one that is not made
// yet gets it when it is; a value that was dropped meanwhile is kept for those only. Rank 0 drops a
// value after it has told every rank of the graphs that use it, so who asks always finds it, or
// will.
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "runtime/base/pool.h"
#include "runtime/graph/held.h"
#include "runtime/graph/topology.h"

namespace rankine::worker {

using graph::HeldName;

// Waits for values. Called by any thread, without a lock of the store.
class HeldUser {
 public:
  virtual ~HeldUser() = default;
  virtual void feed(const graph::TaskId& task, SharedBuffer value) = 0;
};

class HeldStore {
 public:
  void put(const HeldName& name, SharedBuffer value);
  // Feeds the task of the user now or when the value is there.
  void ask(const HeldName& name, const std::shared_ptr<HeldUser>& user, const graph::TaskId& task);
  // The user waits for nothing any more.
  void forget(const HeldUser* user);
  void drop(const HeldName& name);
  // The chunks of an array, of a graph that is over.
  void drop_array(std::uint32_t graph, std::uint32_t slot);
  // A graph that failed makes no more values: those of it, and who waits for some, are dropped.
  void drop_graph(std::uint32_t graph);

  void put_scattered(std::uint64_t name, SharedBuffer value);
  SharedBuffer scattered(std::uint64_t name) const;  // null if it is not there
  void drop_scattered(std::uint64_t name);

  std::size_t size() const;  // values held, and names somebody waits for

 private:
  struct Waiting {
    std::shared_ptr<HeldUser> user;
    graph::TaskId task;
  };
  struct Entry {
    SharedBuffer value;  // null: not made yet
    bool dropped = false;
    std::vector<Waiting> waiting;
  };

  mutable std::mutex mutex_;
  std::unordered_map<HeldName, Entry, graph::HeldNameHash> entries_;
  std::unordered_map<std::uint64_t, SharedBuffer> scattered_;
};

}  // namespace rankine::worker
