// Results that are made in the background:
//
//   Future<double> a = session.submit(simulate, 1);            // starts now
//   std::vector<Future<double>> all = session.map(simulate, seeds);
//   Future<double> sum = session.submit(add, a, all[3]);       // where its arguments are
//   for (auto& ready : as_completed(all)) use(ready.get());
//
// A result stays on the rank that made it until its last Future goes; other tasks take it as an
// argument without a detour over rank 0. get() brings it to rank 0. A task that throws makes its
// own future fail, and those that take its result: get() throws the Error, which says which task,
// which rank and where the user made it.
//
// Ref<T>, from session.scatter(value), is a value that was sent to every rank once; tasks take it
// like the value itself, and no graph carries it.
//
// Threads: as Session, by one thread at a time. A Future may outlive its session; get() throws then
// if the result is not on rank 0.
#pragma once

#include <algorithm>
#include <iterator>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "runtime/api/future_state.h"
#include "runtime/base/value.h"
#include "runtime/kernels/outcome.h"

namespace rankine {

namespace api {

// The value that an outcome is. Throws the Error that it is instead.
template <class R>
R value_from(std::span<const std::byte> outcome) {
  const auto bytes = kernels::value_of(outcome);
  if constexpr (!std::is_void_v<R>) return read_value<R>(bytes);
}

}  // namespace api

// Cheap to copy; all copies are the same result.
template <class R>
class Future {
 public:
  using future_value = R;
  explicit Future(api::FuturePtr state) : state_(std::move(state)) {}

  // Waits; the value, on rank 0. Throws Error if the task, or one whose result it takes, failed, or
  // if it was cancelled.
  R get() const {
    const auto outcomes = state_->keeper->outcomes(std::span(&state_, 1));
    return api::value_from<R>(outcomes.front());
  }
  void wait() const { state_->keeper->wait(std::span(&state_, 1), true); }
  // True if get() would not wait for the task.
  bool done() const { return state_->keeper->is_done(*state_); }
  // Nobody wants the result any more. True if it had not been made: get() throws then, and the task
  // does not run if it had not begun and nothing else needs it.
  bool cancel() { return state_->keeper->cancel(*state_); }

  const api::FuturePtr& state() const { return state_; }

 private:
  api::FuturePtr state_;
};

// A value on every rank; goes with its last copy.
template <class T>
class Ref {
 public:
  using scattered_value = T;
  explicit Ref(std::shared_ptr<const api::ScatteredValue> value) : value_(std::move(value)) {}
  const std::shared_ptr<const api::ScatteredValue>& value() const { return value_; }

 private:
  std::shared_ptr<const api::ScatteredValue> value_;
};

namespace api {

template <class R>
std::vector<FuturePtr> states_of(const std::vector<Future<R>>& futures) {
  std::vector<FuturePtr> states;
  states.reserve(futures.size());
  for (const Future<R>& future : futures) states.push_back(future.state());
  return states;
}

}  // namespace api

// Waits for all; none is brought to rank 0.
template <class R>
void wait(const std::vector<Future<R>>& futures) {
  if (futures.empty()) return;
  const auto states = api::states_of(futures);
  states.front()->keeper->wait(states, true);
}

// The values in the order of the futures, brought to rank 0 in one pass. Throws the Error of the
// first in this order that failed.
template <class R>
auto gather(const std::vector<Future<R>>& futures) {
  const auto states = api::states_of(futures);
  std::vector<std::vector<std::byte>> outcomes;
  if (!states.empty()) outcomes = states.front()->keeper->outcomes(states);
  if constexpr (std::is_void_v<R>) {
    for (const auto& outcome : outcomes) api::value_from<void>(outcome);
  } else {
    std::vector<R> values;
    values.reserve(outcomes.size());
    for (const auto& outcome : outcomes) values.push_back(api::value_from<R>(outcome));
    return values;
  }
}

// The futures in the order in which they are done; a step waits for the next one. More futures can
// be added while it is used.
template <class R>
class AsCompleted {
 public:
  explicit AsCompleted(std::vector<Future<R>> futures) : left_(std::move(futures)) {}

  void add(Future<R> future) { left_.push_back(std::move(future)); }
  bool empty() const { return left_.empty() && done_.empty(); }
  // The next one; not empty.
  Future<R> next() {
    if (done_.empty()) collect();
    Future<R> first = std::move(done_.back());
    done_.pop_back();
    return first;
  }

  // For a range-based for, once.
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Future<R>;
    using difference_type = std::ptrdiff_t;
    using pointer = Future<R>*;
    using reference = Future<R>&;
    Iterator() = default;
    explicit Iterator(AsCompleted* from) : from_(from) { ++*this; }
    Future<R>& operator*() { return current_.front(); }
    Iterator& operator++() {
      current_.clear();
      if (from_->empty()) {
        from_ = nullptr;
      } else {
        current_.push_back(from_->next());
      }
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(const Iterator& other) const { return from_ == other.from_; }

   private:
    AsCompleted* from_ = nullptr;       // null: at the end
    std::vector<Future<R>> current_{};  // one, or none at the end
  };
  Iterator begin() { return Iterator(this); }
  Iterator end() { return Iterator(); }

 private:
  // Waits until some are done and takes all that are.
  void collect() {
    const auto states = api::states_of(left_);
    api::FutureKeeper& keeper = *states.front()->keeper;
    keeper.wait(states, false);
    std::vector<std::pair<std::uint64_t, std::size_t>> done;
    for (std::size_t i = 0; i < states.size(); ++i) {
      if (const std::uint64_t order = keeper.done_order(*states[i]); order > 0) {
        done.emplace_back(order, i);
      }
    }
    std::sort(done.rbegin(), done.rend());
    for (const auto& [order, i] : done) done_.push_back(left_[i]);
    std::vector<Future<R>> rest;
    std::sort(done.begin(), done.end(),
              [](const auto& a, const auto& b) { return a.second < b.second; });
    std::size_t next = 0;
    for (std::size_t i = 0; i < left_.size(); ++i) {
      if (next < done.size() && done[next].second == i) {
        ++next;
      } else {
        rest.push_back(std::move(left_[i]));
      }
    }
    left_ = std::move(rest);
  }

  std::vector<Future<R>> left_;
  std::vector<Future<R>> done_;  // the first to come last
};

template <class R>
AsCompleted<R> as_completed(std::vector<Future<R>> futures) {
  return AsCompleted<R>(std::move(futures));
}

}  // namespace rankine
