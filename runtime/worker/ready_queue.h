// The tasks that can run, best first.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/graph/topology.h"

namespace rankine::worker {

struct Ready {
  std::int32_t priority;
  std::int32_t depth;
  std::int64_t order;
  graph::TaskId task;
  // Worse: of lower priority, less deep, later.
  bool operator<(const Ready& other) const {
    if (priority != other.priority) return priority < other.priority;
    return depth != other.depth ? depth < other.depth : order > other.order;
  }
};

// A heap with a place in front of it, so that a task which becomes ready as the best of all and
// runs next, as along a chain, never moves through the heap.
class ReadyQueue {
 public:
  bool empty() const { return !first_ && heap_.empty(); }
  std::size_t size() const { return heap_.size() + (first_ ? 1 : 0); }
  const Ready& top() const { return first_ ? *first_ : heap_.front(); }
  void push(const Ready& ready) {
    if (first_) {
      if (!(*first_ < ready)) return push_heap(ready);
      push_heap(std::exchange(*first_, ready));
    } else if (heap_.empty() || heap_.front() < ready) {
      first_ = ready;
    } else {
      push_heap(ready);
    }
  }
  void pop() {
    if (first_) return first_.reset();
    std::pop_heap(heap_.begin(), heap_.end());
    heap_.pop_back();
  }
  // Takes out one that passes the test, of the few that are looked at: those that would be popped
  // last are among them, as leaves of the heap.
  template <class Test>
  std::optional<Ready> take_late(const Test& test) {
    constexpr std::size_t kMostLooks = 16;
    const std::size_t first_leaf = heap_.size() / 2;
    for (std::size_t looks = 0; looks < kMostLooks && looks < heap_.size() - first_leaf; ++looks) {
      const std::size_t leaf = heap_.size() - 1 - looks;
      if (test(heap_[leaf])) return take_leaf(leaf);
    }
    if (!heap_.empty() || !first_ || !test(*first_)) return std::nullopt;
    return std::exchange(first_, std::nullopt);
  }
  // Whether test(ready) holds for any, looked at in any order.
  template <class Test>
  bool any_of(const Test& test) const {
    return (first_ && test(*first_)) || std::any_of(heap_.begin(), heap_.end(), test);
  }

 private:
  void push_heap(const Ready& ready) {
    heap_.push_back(ready);
    std::push_heap(heap_.begin(), heap_.end());
  }
  // What fills the gap rises to its place.
  Ready take_leaf(std::size_t leaf) {
    const Ready taken = heap_[leaf];
    heap_[leaf] = heap_.back();
    heap_.pop_back();
    if (leaf < heap_.size()) {
      std::push_heap(heap_.begin(), heap_.begin() + static_cast<std::ptrdiff_t>(leaf) + 1);
    }
    return taken;
  }

  std::optional<Ready> first_;  // not worse than any in heap_
  std::vector<Ready> heap_;
};

}  // namespace rankine::worker
