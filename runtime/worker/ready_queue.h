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

  std::optional<Ready> first_;  // not worse than any in heap_
  std::vector<Ready> heap_;
};

}  // namespace rankine::worker
