// Events in the order of virtual time; those of one moment in the order in which they were added.
#pragma once

#include <cstdint>
#include <queue>
#include <utility>
#include <vector>

namespace rankine::simulate {

struct Event {
  enum class Kind : std::uint8_t {
    kStart,       // a rank has the graph
    kTaskEnd,     // task
    kRelease,     // the progress right of a rank is free
    kThreadFree,  // a thread that carried messages has nothing to do any more
    kHelp,        // the helper of a rank looks whether messages wait
    kReach,       // delivery: the first of it is at its rank
    kArrive,      // delivery: all of it is
    kSent,        // delivery: a transfer has left its sender
    kStop,        // the user stops the run
  };
  std::int64_t time_ns = 0;
  std::uint64_t sequence = 0;
  Kind kind = Kind::kStart;
  int rank = 0;
  std::uint32_t layer = 0;     // kTaskEnd
  std::int64_t position = 0;   // kTaskEnd
  std::uint32_t delivery = 0;  // kReach kArrive kSent
};

class EventQueue {
 public:
  void add(Event event) {
    event.sequence = ++added_;
    queue_.push(event);
  }
  bool empty() const { return queue_.empty(); }
  Event take() {
    const Event event = queue_.top();
    queue_.pop();
    return event;
  }
  std::int64_t added() const { return static_cast<std::int64_t>(added_); }

 private:
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return std::pair(a.time_ns, a.sequence) > std::pair(b.time_ns, b.sequence);
    }
  };
  std::priority_queue<Event, std::vector<Event>, Later> queue_;
  std::uint64_t added_ = 0;
};

}  // namespace rankine::simulate
