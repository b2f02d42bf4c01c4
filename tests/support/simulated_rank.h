// One rank as a value: it stands for worker/graph_run.cc without threads and bytes, and keeps its
// rules:
// - messages collect in an outbox and leave when the rank makes progress: receives are posted
//   before pulls leave, failures leave before a report of finished tasks;
// - a count is answered after what was received before has been answered;
// - rank 0 tells its own failures to the scheduler without a message.
// What leaves the rank lies in public vectors, from which the network (simulated_ranks.h) takes it.
#pragma once

#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "runtime/plan/pieces.h"
#include "runtime/worker/board.h"
#include "runtime/worker/reactor.h"
#include "tests/support/simulated_world.h"

namespace rankine::testing {

class SimulatedRank {
 public:
  using Kind = protocol::Kind;
  using Message = protocol::Message;
  static constexpr std::uint32_t kGraph = 7;

  // The graph is over and something is left, or the other way round.
  struct Leftover : std::runtime_error {
    using std::runtime_error::runtime_error;
  };
  struct Letter {
    Message message;
    SharedBuffer payload;  // of kEager
  };
  struct Transfer {
    int peer;
    protocol::ChunkName chunk;
    std::uint32_t tag;
    bool outgoing;
  };
  struct BulkSend {
    int to;
    std::uint32_t tag;
    SharedBuffer bytes;
  };
  struct Running {
    graph::TaskId task;
    bool failed;
  };

  SimulatedRank(SimulatedWorld& world, int number)
      : packets(world.ranks),
        world_(&world),
        number_(number),
        board_(world.topology, world.placement, number),
        reactor_(number, world.ranks, kGraph, world.eager_limit, world.window, world.bulk_sends),
        runs_(static_cast<std::size_t>(world.topology.task_count()), 0) {
    if (world.spill_receives > 0) {
      reactor_.set_spilled(std::vector<bool>(world.topology.layer_count(), true),
                           world.spill_receives);
    }
    if (number == world.broken_rank) fail();
  }

  bool finished() const { return finished_; }
  const std::vector<Transfer>& transfers() const { return transfers_; }
  const std::vector<Running>& running() const { return running_; }
  const std::vector<std::uint8_t>& runs() const { return runs_; }  // by number of the task
  std::string describe() const { return board_.describe() + reactor_.describe(); }

  bool can_start() const {
    if (finished_) return false;
    if (running_.empty()) return !board_.idle();
    return !world_->prompt && running_.size() < 2 && worker::Board(board_).next().has_value();
  }
  bool can_be_interrupted() const {
    return world_->interruptible && number_ == 0 && !interrupted_ && !finished_;
  }
  bool can_advance() const {
    return world_->advances && !reactor_.aborting() && board_.tasks_run() != told_;
  }
  bool has_to_send() const {
    for (const auto& packet : packets) {
      if (!packet.empty()) return true;
    }
    return !outbox_.receives.empty() || !outbox_.sends.empty() || !outbox_.bulk_sends.empty() ||
           !outbox_.delivered.empty() || !outbox_.unpinned.empty() || failures_ > 0 ||
           !reports.empty();
  }
  bool has_to_report() const {
    return !reactor_.aborting() && board_.idle() && reactor_.quiet() &&
           board_.tasks_run() != reported_ && transfers_.empty();
  }

  void start() {
    if (reactor_.aborting()) throw std::logic_error("a task starts after the abort");
    const auto task = board_.next();
    if (!task) throw std::logic_error("a board that is not idle has no task:\n" + describe());
    if (world_->placement.home(world_->topology, *task) != number_) {
      throw std::logic_error("a task runs away from home");
    }
    running_.push_back({*task, false});
    if (world_->prompt) complete(0);
  }

  // A task that fails does so before it is over, and messages may come in between.
  void complete(std::size_t index) {
    Running& running = running_[index];
    const graph::TaskId task = running.task;
    const bool fails = world_->failing.contains({task.layer, task.position});
    if (fails && !running.failed) {
      running.failed = true;
      fail();
      if (!world_->prompt) return;
    }
    world_->topology.for_each_input(task, [&](const graph::ChunkId& chunk) {
      if (board_.input(chunk) != world_->buffer_of(chunk)) {
        throw std::logic_error("an input holds other bytes");
      }
    });
    if (++runs_[static_cast<std::size_t>(world_->number_of(task))] > 1) {
      throw std::logic_error("a task ran twice");
    }
    if (!fails) put_outputs(task);
    board_.complete(task);
    running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(index));
  }

  void interrupt() {
    interrupted_ = true;
    fail();
  }

  void deliver(int from, const Letter& letter) {
    if (finished_) throw Leftover("a message arrives after the end");
    if (letter.message.kind == Kind::kEager) arrive(letter.message.chunk, letter.payload);
    reactor_.on_message(from, letter.message, outbox_);
  }

  void obey(const Message& order) {
    if (finished_) throw Leftover("an order arrives after the end");
    switch (order.kind) {
      case Kind::kFinish: finished_ = true; return;
      case Kind::kAbort:
        board_.stop_admitting();
        reactor_.on_abort();
        return;
      default: answer_count(order.round);
    }
  }

  // `bytes`: what came, for an incoming transfer.
  void end_transfer(std::size_t index, const SharedBuffer& bytes) {
    const Transfer transfer = transfers_[index];
    transfers_.erase(transfers_.begin() + static_cast<std::ptrdiff_t>(index));
    if (transfer.outgoing) {
      reactor_.on_bulk_sent(transfer.peer, transfer.chunk, outbox_);
      return;
    }
    arrive(transfer.chunk, bytes);
    reactor_.on_bulk_received(transfer.peer, transfer.chunk, outbox_);
  }

  // The network takes packets and reports afterwards. With `advance` the rank says how far it is.
  void progress(bool advance) {
    carry_out();
    send_failures();
    if (advance) report_tasks(Kind::kAdvance);
    if (!has_to_report()) return;
    reported_ = board_.tasks_run();
    report_tasks(Kind::kProgress);
  }

  void check() const {
    board_.sanity_check();
    reactor_.sanity_check();
    if (finished_ && !has_to_send()) check_over();
  }
  void check_over() const {
    if (!transfers_.empty() || !reactor_.quiet() || !arrived_.empty() || !running_.empty() ||
        (!reactor_.aborting() && !board_.empty())) {
      throw Leftover("something is left of a finished graph:\n" + describe());
    }
  }

  // What happened on a rank in any order decides its state together with this: which tasks have
  // run, what was sent, and what is on its way out.
  Digest contents() const {
    Digest digest;
    std::uint64_t runs = 0;
    for (std::uint8_t times : runs_) runs = runs * 2 + times;
    digest.add(runs);
    digest.add(sent_);
    digest.add(static_cast<std::uint64_t>(reported_ + 1) * 64 + static_cast<std::uint64_t>(told_));
    for (const Running& running : running_) {
      digest.add(running.task);
      digest.add(running.failed ? 1 : 0);
    }
    add_waiting_to_leave(digest);
    digest.add(static_cast<std::uint64_t>(failures_) * 16 + (finished_ ? 1 : 0) +
               (lost_credit_ ? 2 : 0) + (doubled_data_ ? 4 : 0) + (interrupted_ ? 8 : 0));
    std::uint64_t transfers = 0;  // in any order
    for (const Transfer& transfer : transfers_) {
      Digest one;
      one.add(transfer.chunk);
      one.add(transfer.tag * 64 + static_cast<std::uint64_t>(transfer.peer) * 2 +
              (transfer.outgoing ? 1 : 0));
      transfers += one.a;
    }
    digest.add(transfers);
    return digest;
  }

  std::vector<std::vector<Letter>> packets;  // by destination; leave when progress is made
  std::vector<Message> reports;              // to the scheduler, likewise
  std::vector<BulkSend> bulk_sends;          // under way from now on
  int told_failures = 0;                     // of rank 0, that the scheduler hears now

 private:
  static graph::ChunkId id_of(const protocol::ChunkName& name) {
    return {name.layer, name.output, name.position};
  }
  static auto key_of(const protocol::ChunkName& name) {
    return std::tuple{name.layer, name.output, name.position};
  }

  void fail() {
    board_.stop_admitting();
    ++failures_;
  }

  void put_outputs(const graph::TaskId& task) {
    const auto* map = std::get_if<graph::Map>(&world_->topology.graph().layers[task.layer].kind);
    const std::size_t outputs = map == nullptr ? 1 : map->heads.size();
    for (std::uint32_t i = 0; i < outputs; ++i) {
      if (map != nullptr && !std::holds_alternative<graph::Keep>(map->heads[i]) &&
          !std::holds_alternative<graph::Partial>(map->heads[i])) {
        continue;
      }
      const graph::ChunkId chunk{task.layer, i, task.position};
      std::vector<int> elsewhere = board_.put(chunk, world_->buffer_of(chunk), true);
      if (elsewhere.empty()) continue;
      for (const plan::Piece& piece :
           plan::pieces_elsewhere(world_->topology, world_->placement, chunk, number_)) {
        if (std::erase(elsewhere, piece.rank) != 1) throw std::logic_error("a piece for nobody");
        // The result of a user's task has some length.
        const std::int64_t bytes =
            std::max<std::int64_t>(1, plan::piece_bytes(world_->topology, chunk, piece));
        reactor_.on_output({chunk.layer, chunk.output, chunk.position}, bytes,
                           std::span(&piece.rank, 1), outbox_);
      }
      if (!elsewhere.empty()) throw std::logic_error("a rank gets no piece of what it needs");
    }
  }

  void arrive(const protocol::ChunkName& chunk, const SharedBuffer& payload) {
    if (!arrived_.emplace(key_of(chunk), payload).second) {
      throw std::logic_error("a chunk arrives twice in one turn");
    }
  }

  void report_tasks(Kind kind) {
    told_ = board_.tasks_run();
    Message message;
    message.kind = kind;
    message.first = told_;
    reports.push_back(message);
  }

  void answer_count(std::uint32_t round) {
    carry_out();
    send_failures();
    Message reply;
    reply.kind = Kind::kCountReply;
    reply.round = round;
    reply.first = reactor_.messages_sent();
    reply.second = reactor_.messages_received();
    reply.idle = board_.idle() && transfers_.empty() ? 1 : 0;
    reports.push_back(reply);
  }

  void send_failures() {
    Message message;
    message.kind = Kind::kFailed;
    for (; failures_ > 0; --failures_) {
      if (number_ == 0) {
        ++told_failures;
      } else {
        reports.push_back(message);
      }
    }
  }

  void carry_out() {
    reactor_.give_back(outbox_);
    for (const auto& post : outbox_.receives) {
      transfers_.push_back({post.from, post.chunk, post.tag, false});
    }
    for (const auto& item : outbox_.sends) send(item.to, item.message);
    for (const auto& post : outbox_.bulk_sends) {
      transfers_.push_back({post.to, post.chunk, post.tag, true});
      bulk_sends.push_back({post.to, post.tag, board_.input(id_of(post.chunk))});
    }
    for (const auto& chunk : outbox_.delivered) {
      auto node = arrived_.extract(key_of(chunk));
      if (node.empty()) throw std::logic_error("a chunk is delivered that did not arrive");
      board_.put(id_of(chunk), std::move(node.mapped()), false);
    }
    for (const auto& chunk : outbox_.unpinned) board_.unpin(id_of(chunk));
    outbox_.clear();
  }

  void send(int to, const Message& message) {
    Digest digest;
    digest.add(message);
    digest.add(static_cast<std::uint64_t>(to));
    sent_ += digest.a;
    if (message.kind == Kind::kCredit && world_->lose_first_credit && !lost_credit_) {
      lost_credit_ = true;
      return;
    }
    Letter letter{message, nullptr};
    if (message.kind == Kind::kEager) letter.payload = board_.input(id_of(message.chunk));
    const bool data = message.kind == Kind::kEager || message.kind == Kind::kAnnounce;
    if (data && world_->double_first_data && !doubled_data_) {
      doubled_data_ = true;
      packets[to].push_back(letter);
    }
    packets[to].push_back(std::move(letter));
  }

  void add_waiting_to_leave(Digest& digest) const {
    for (const auto& post : outbox_.receives) digest.add(post.chunk);
    for (const auto& item : outbox_.sends) digest.add(item.message);
    for (const auto& post : outbox_.bulk_sends) digest.add(post.chunk);
    for (const auto& chunk : outbox_.delivered) digest.add(chunk);
    for (const auto& chunk : outbox_.unpinned) digest.add(chunk);
    for (const auto& packet : packets) {
      digest.add(packet.size());
      for (const Letter& letter : packet) digest.add(letter.message);
    }
    for (const auto& post : reactor_.waiting_sends()) digest.add(post.chunk);
    for (const auto& waiting : reactor_.announced()) digest.add(waiting.chunk);
    for (const std::int64_t bytes : reactor_.owed()) digest.add(static_cast<std::uint64_t>(bytes));
    for (const Message& report : reports) digest.add(report);
  }

  SimulatedWorld* world_;
  int number_;
  worker::Board board_;
  worker::Reactor reactor_;
  worker::Outbox outbox_;
  int failures_ = 0;  // not yet told
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::int64_t>, SharedBuffer> arrived_;
  std::int64_t reported_ = -1;
  std::int64_t told_ = 0;
  std::vector<Running> running_;
  std::vector<Transfer> transfers_;
  std::vector<std::uint8_t> runs_;
  std::uint64_t sent_ = 0;  // data messages, in any order
  bool finished_ = false;
  bool interrupted_ = false;
  bool lost_credit_ = false;
  bool doubled_data_ = false;
};

}  // namespace rankine::testing
