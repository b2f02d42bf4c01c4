// Rank 0's part of moving tasks (worker/steal.h): which rank gives some to which. It knows of each
// rank only what that said last, and brings those that want tasks together with those that have
// most. O(1) for each word of a rank, however many ranks there are.
//
// A rank that wants tasks waits in one of two queues, those with idle threads first. The others get
// none of the last tasks of a rank: those are for threads that have nothing. One that has
// many lies in a bucket by the work that waits for each of its threads. It is asked once at a time,
// and a rank takes part in one order at a time, as one of the two. Each order is answered (kGave),
// so none is open for ever. A thief may speak before or after it gets what it is given: it says how
// many tasks it has been given so far, so an old word is known. A rank that has given tasks away
// says that it wants none until they are back (worker/steal.cc).
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "runtime/protocol/messages.h"

namespace rankine::scheduler {

class Balance {
 public:
  struct Order {  // `victim` is to give tasks to `thief`
    int victim;
    int thief;
    std::uint32_t tasks;  // at most
  };

  explicit Balance(int ranks) : ranks_(static_cast<std::size_t>(ranks)) {}

  // A state of a rank (protocol::is_state); if it is kGave, first closes the order.
  void on_state(int from, const protocol::Message& state);
  // The next order, which is open then.
  std::optional<Order> next();
  std::int64_t open() const { return open_; }
  std::int64_t moved() const { return moved_; }  // tasks that were given so far

  void sanity_check() const;  // throws std::logic_error
  std::string describe() const;

 private:
  static constexpr int kNobody = -1;
  static constexpr std::size_t kBuckets = 64;
  struct Rank {
    protocol::Wants wants = protocol::Wants::kNothing;
    std::uint32_t room = 0;
    std::int64_t gives_seen = 0;  // as it says
    std::int64_t gives = 0;       // as its victims say
    std::int64_t tasks = 0;       // to give away, for each of its threads
    std::int64_t work_ns = 0;     // of them
    int partner = kNobody;        // of an open order
    // In queue_[waits - 1] (perhaps more than once; entries of another kind are stale).
    protocol::Wants waits = protocol::Wants::kNothing;
    int bucket = kNobody;   // in which it lies,
    std::size_t place = 0;  // and where
  };
  Rank& at(int rank) { return ranks_[static_cast<std::size_t>(rank)]; }
  void close(int victim, const protocol::Message& gave);
  void place(int rank);  // into the lists where it belongs
  void leave_bucket(int rank);
  std::optional<int> take_thief(bool busy_too);
  bool waits_rightly(const Rank& rank, protocol::Wants queue) const;

  std::vector<Rank> ranks_;
  std::array<std::deque<int>, 2> queues_;  // soon, now
  std::array<std::vector<int>, kBuckets> buckets_;
  std::uint64_t filled_ = 0;  // bit b: bucket b is not empty
  std::int64_t open_ = 0;
  std::int64_t moved_ = 0;
};

}  // namespace rankine::scheduler
