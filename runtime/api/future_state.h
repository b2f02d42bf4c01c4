// A result that a task makes in the background, as rank 0 knows it, and what the session does for
// it. Users have Future (future.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "runtime/base/error.h"

namespace rankine::api {

class TaskArena;
class FutureState;
using FuturePtr = std::shared_ptr<FutureState>;

// The session's side of futures. Thread-safe. Outlives the session as long as a future does; from
// then on wait and outcomes throw Error.
class FutureKeeper {
 public:
  virtual ~FutureKeeper() = default;
  // Until one, or each, of them is done: made, failed or cancelled.
  virtual void wait(std::span<const FuturePtr> futures, bool all) = 0;
  virtual bool is_done(const FutureState& future) = 0;
  // The order in which it was done, counted from 1; 0: it is not.
  virtual std::uint64_t done_order(const FutureState& future) = 0;
  // True if its result will not come any more because of this.
  virtual bool cancel(FutureState& future) = 0;
  // Waits for all and brings the results to rank 0, all at once: as outcomes (kernels/outcome.h).
  virtual std::vector<std::vector<std::byte>> outcomes(std::span<const FuturePtr> futures) = 0;
  virtual void on_dropped(const FutureState& future) noexcept = 0;
};

// Its members belong to the keeper, under the keeper's lock.
class FutureState {
 public:
  enum class Stage { kPending, kStarted, kDone };

  FutureState(std::shared_ptr<FutureKeeper> its_keeper, std::shared_ptr<TaskArena> its_arena,
              std::uint32_t its_task);
  ~FutureState() { keeper->on_dropped(*this); }
  FutureState(const FutureState&) = delete;
  FutureState& operator=(const FutureState&) = delete;

  const std::shared_ptr<FutureKeeper> keeper;
  Stage stage = Stage::kPending;
  std::shared_ptr<TaskArena> arena;  // kept alive until it is started
  const std::uint64_t arena_id;
  std::uint32_t task;       // in the arena; once started, in the graph
  std::uint32_t graph = 0;  // once started
  int home = 0;
  std::uint64_t order = 0;                        // once done
  std::optional<std::vector<std::byte>> outcome;  // once it is known on rank 0
  std::optional<Error> failure;                   // of the whole graph
};

// A value that every rank has, as long as this lives.
class ScatteredValue {
 public:
  ScatteredValue(std::uint64_t name, std::function<void(std::uint64_t)> release)
      : name_(name),
        release_(std::move(release)) {}
  ~ScatteredValue() { release_(name_); }
  ScatteredValue(const ScatteredValue&) = delete;
  ScatteredValue& operator=(const ScatteredValue&) = delete;
  std::uint64_t name() const { return name_; }

 private:
  std::uint64_t name_;
  std::function<void(std::uint64_t)> release_;
};

}  // namespace rankine::api
