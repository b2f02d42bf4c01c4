// One rank as a value: board and reactor as worker/graph_run.cc drives them, without threads,
// network and clock. It keeps the rules of that file:
// - messages collect in an outbox and leave when the rank makes progress: receives are posted
//   before pulls leave, failures leave before a report of finished tasks;
// - a count is answered after what was received before has been answered;
// - rank 0 tells its own failures to the scheduler at once.
// Results for later graphs (held layers, kMade) are left out.
// What leaves the rank lies in public vectors, from which the network takes it. Who drives it
// decides in which order things happen: simulation.h by a virtual clock, tests in every order.
#pragma once

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/simulate/work.h"
#include "runtime/worker/board.h"
#include "runtime/worker/reactor.h"
#include "runtime/worker/steal.h"

namespace rankine::simulate {

class Rank {
 public:
  using Kind = protocol::Kind;
  using Message = protocol::Message;
  using ChunkName = protocol::ChunkName;
  static constexpr std::uint32_t kGraph = 1;

  // The graph is over and something is left, or the other way round.
  struct Leftover : std::runtime_error {
    using std::runtime_error::runtime_error;
  };
  struct Letter {
    int to;
    Message message;
    SharedBuffer payload;                // of kEager
    std::shared_ptr<const Error> error;  // of kFailed
  };
  // One end of a bulk transfer.
  struct Channel {
    int peer;
    std::uint32_t tag;
    bool outgoing;
    auto operator<=>(const Channel&) const = default;
  };
  struct BulkSend {
    int to;
    std::uint32_t tag;
    std::int64_t bytes;
    SharedBuffer buffer;
  };

  Rank(const World& world, int number);

  bool finished() const { return finished_; }
  const worker::Board& board() const { return board_; }
  const worker::Reactor& reactor() const { return reactor_; }
  const worker::Steal& steal() const { return steal_; }
  const std::map<Channel, ChunkName>& transfers() const { return transfers_; }
  bool has_to_send() const;
  bool has_to_report() const;
  // The lowest key here is not what rank 0 knows.
  bool has_to_tell_lowest() const;
  bool can_advance() const { return !reactor_.aborting() && board_.tasks_run() != told_; }
  // About the balance of work, at this time of the rank.
  bool has_news(std::int64_t now_ns) const { return !finished_ && steal_.has_news(board_, now_ns); }
  std::optional<std::int64_t> will_want_ns() const {
    return finished_ ? std::nullopt : steal_.will_want_ns(board_);
  }

  // The next task to run, which then runs; it may be one of another rank (worker::is_taken). Tasks
  // may overlap.
  std::optional<graph::TaskId> start();
  // What a running task makes; noted as a failure of the rank if it fails.
  std::vector<worker::Output> run(const graph::TaskId& task);
  // The task is over.
  void settle(const graph::TaskId& task, std::vector<worker::Output> outputs);
  // How long a task that is over took.
  void measure(std::int64_t task_ns) { steal_.measure(1, task_ns); }
  // A failure outside a task, or of one that still runs.
  void fail(Error error);

  // Anything but what is for the scheduler or the frontier.
  void deliver(int from, const Message& message, const SharedBuffer& payload);
  // buffer: what came, for an incoming transfer.
  void end_transfer(const Channel& channel, const SharedBuffer& buffer);

  // The network takes what leaves afterwards. With `advance` the rank says how far it is.
  void progress(bool advance, std::int64_t now_ns = 0);

  void check() const;       // sanity of board and reactor, and check_over() after the end
  void check_over() const;  // throws Leftover if something of the finished graph is left
  std::string explain() const;

  // What leaves now, in order: reports to the scheduler and answers go to rank 0 like the rest.
  std::vector<Letter> letters;
  std::vector<BulkSend> bulk_sends;
  std::vector<Error> told_failures;  // of rank 0, that the scheduler hears now

 protected:
  const World& world() const { return *world_; }
  int number() const { return number_; }
  const worker::Outbox& outbox() const { return outbox_; }
  std::int64_t reported() const { return reported_; }
  std::int64_t reported_moves() const { return reported_moves_; }
  std::int64_t told() const { return told_; }
  std::size_t failures() const { return failures_.size(); }
  // Before the first event: all chunks travel as those that are spilled (worker/reactor.h), so many
  // at a time to a rank; they stay in memory all the same.
  void set_spilled(std::int64_t receives) {
    reactor_.set_spilled(std::vector<bool>(world_->topology.layer_count(), true), receives);
  }

 private:
  void arrive(const ChunkName& chunk, const SharedBuffer& payload);
  void answer_count(std::uint32_t round);
  void report_tasks(Kind kind);
  void pull_admitted();
  void send_failures();
  worker::Steal::Desk desk() { return {board_, reactor_, outbox_}; }
  std::int64_t weigh(const graph::ChunkId& chunk, const worker::HeldChunk& held, int rank) const;
  void answer_ask(const Message& ask);
  void put_down(std::vector<worker::Output> outputs);
  bool settle_returned();  // true if there was something
  void carry_out();
  void carry_out_once();
  void send(int to, Message message, SharedBuffer payload);
  SharedBuffer piece_for(const ChunkName& chunk, int to, std::int64_t* bytes) const;

  const World* world_;
  int number_;
  worker::Board board_;
  worker::Reactor reactor_;
  worker::Steal steal_;
  worker::Outbox outbox_;
  std::vector<Error> failures_;                                                 // not yet told
  std::unordered_map<ChunkName, SharedBuffer, worker::ChunkNameHash> arrived_;  // not yet put down
  std::map<Channel, ChunkName> transfers_;                                      // under way
  std::int64_t reported_ = -1;
  std::int64_t reported_moves_ = 0;
  std::int64_t told_ = 0;
  std::int64_t now_ns_ = 0;
  bool finished_ = false;
};

}  // namespace rankine::simulate
