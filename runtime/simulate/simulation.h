// A graph on many ranks in one process, by a virtual clock: the state machines of the runtime
// (boards, reactors, scheduler) are the real ones, time is not. Rank 0 has the plan at time 0, the
// others one latency later per step of the broadcast.
//
// A rank's threads run tasks; one that is between tasks, or has none, takes what has arrived, if no
// other does, and sends what there is to send, as worker/graph_run.cc does. While all threads of a
// rank are inside tasks messages wait for the helper (worker/loop.h).
//
// Memory: what is live, and some hundred bytes per rank and layer. The same machine, options and
// graph give the same events, one by one.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "runtime/scheduler/frontier.h"
#include "runtime/scheduler/reactor.h"
#include "runtime/simulate/event_queue.h"
#include "runtime/simulate/network.h"
#include "runtime/simulate/rank.h"
#include "runtime/simulate/report.h"

namespace rankine::simulate {

struct SimulationOptions {
  bool check = false;    // every state machine after every event that touched it
  int broken_rank = -1;  // cannot install the graph
  std::optional<std::int64_t> stop_ns = std::nullopt;  // the user stops the run, if it still runs
};

class Simulation {
 public:
  // world: of machine.ranks ranks. draws: of this machine.
  Simulation(const World& world, const Machine& machine, Draws& draws,
             const SimulationOptions& options);

  // Once. Throws std::logic_error if something is wrong: a check fails, the run gets stuck, or
  // something is left at its end.
  Report run();

 private:
  struct Delivery {
    int from = 0;
    int to = 0;
    std::int64_t bytes = 0;
    std::vector<Rank::Letter> letters;  // of a packet
    std::uint32_t tag = 0;              // of a transfer
    SharedBuffer buffer;                // likewise; null: this is a packet
    int ends = 1;                       // events that still look at it, but one for kReach
  };
  struct Node {
    Rank rank;
    std::vector<std::uint32_t> inbox;  // packets that have arrived
    std::vector<std::pair<Rank::Channel, SharedBuffer>> ended;
    int idle = 0;  // threads
    bool started = false;
    bool right_taken = false;  // someone carries messages
    bool helped = false;       // the helper will look
    std::int64_t next_advance_ns = 0;
  };

  void happen(const Event& event);
  void start(int rank);
  void end_task(int rank, const graph::TaskId& task);
  void turn(int rank);  // a thread is between tasks
  void wake(int rank);  // something came: a thread without tasks looks at it
  bool needs_help(int rank);
  void help(int rank);
  bool has_to_progress(const Node& node) const;
  std::int64_t progress(int rank);  // what it cost
  std::int64_t take_inbox(int rank);
  void tell_scheduler(int from, const Rank::Letter& letter, std::int64_t cost_ns);
  std::int64_t send_orders(const scheduler::Reactor::Outbox& outbox, std::int64_t cost_ns);
  std::int64_t send_letters(int rank, std::int64_t cost_ns);
  void send_packet(int from, int to, std::vector<Rank::Letter> letters, std::int64_t when_ns);
  void send_transfers(int rank, std::int64_t when_ns);
  void begin_task(int rank, const graph::TaskId& task, std::int64_t when_ns);
  void use_idle_threads(int rank, std::int64_t when_ns);
  void arrive(const Event& event);
  std::uint32_t keep(Delivery delivery);
  void drop(std::uint32_t delivery);
  std::int64_t slowed(int rank, std::int64_t ns) const;
  void look_at(int rank);  // after an event
  void check_end() const;
  std::string describe() const;

  World world_;
  Machine machine_;
  Draws& draws_;
  SimulationOptions options_;
  Network network_;
  scheduler::Reactor scheduler_;
  scheduler::Frontier frontier_;  // if there is a budget
  std::deque<Node> nodes_;
  EventQueue queue_;
  std::vector<Delivery> deliveries_;
  std::vector<std::uint32_t> free_deliveries_;
  std::int64_t order_cost_ns_ = 0;  // of what rank 0 sent as the scheduler in this turn
  std::int64_t now_ns_ = 0;
  bool task_started_ = false;
  Report report_;
};

}  // namespace rankine::simulate
