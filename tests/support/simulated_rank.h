// A rank (simulate/rank.h) as a test drives it: what may happen next, which tasks ran, what is
// broken on purpose, and a print of its state. What leaves the rank lies in public vectors, from
// which the network (simulated_ranks.h) takes it.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/hash.h"
#include "runtime/simulate/rank.h"
#include "tests/support/simulated_world.h"

namespace rankine::testing {

class SimulatedRank : private simulate::Rank {
 public:
  using Kind = protocol::Kind;
  using Message = protocol::Message;
  using simulate::Rank::BulkSend;
  using simulate::Rank::kGraph;
  using simulate::Rank::Leftover;
  using simulate::Rank::Letter;

  struct Transfer {
    int peer;
    protocol::ChunkName chunk;
    std::uint32_t tag;
    bool outgoing;
  };
  struct Running {
    graph::TaskId task;
    bool failed;
  };

  SimulatedRank(SimulatedWorld& world, int number)
      : Rank(world, number),
        packets(world.ranks),
        world_(&world),
        runs_(static_cast<std::size_t>(world.topology.task_count()), 0) {
    if (world.spill_receives > 0) set_spilled(world.spill_receives);
    if (number == world.broken_rank) fail();
  }

  using Rank::bulk_sends;
  using Rank::check;
  using Rank::check_over;
  using Rank::finished;
  using Rank::has_to_report;
  bool has_news() const { return Rank::has_news(0); }
  std::vector<Transfer> transfers() const {
    std::vector<Transfer> list;
    for (const auto& [channel, chunk] : Rank::transfers()) {
      list.push_back({channel.peer, chunk, channel.tag, channel.outgoing});
    }
    return list;
  }
  const std::vector<Running>& running() const { return running_; }
  const std::vector<std::uint8_t>& runs() const { return runs_; }  // by number of the task
  std::string describe() const { return explain() + reactor().describe(); }

  bool can_start() const {
    if (finished()) return false;
    if (steal().can_start(board()) && running_.size() < (world_->prompt ? 1U : 2U)) return true;
    if (board().admission() != nullptr) {
      return running_.size() < (world_->prompt ? 1 : 2) &&
             worker::Board(board()).next().has_value();
    }
    if (running_.empty()) return !board().idle();
    return !world_->prompt && running_.size() < 2 && worker::Board(board()).next().has_value();
  }
  bool can_be_interrupted() const {
    return world_->interruptible && number() == 0 && !interrupted_ && !finished();
  }
  bool can_advance() const { return world_->advances && Rank::can_advance(); }
  bool has_to_send() const {
    for (const auto& packet : packets) {
      if (!packet.empty()) return true;
    }
    return Rank::has_to_send() || !reports.empty();
  }

  void start() {
    const auto task = Rank::start();
    if (!task) throw std::logic_error("a board that is not idle has no task:\n" + describe());
    running_.push_back({*task, false});
    if (world_->prompt) complete(0);
  }

  // A task that fails does so before it is over, and messages may come in between.
  void complete(std::size_t index) {
    Running& running = running_[index];
    const graph::TaskId marked = running.task;
    const graph::TaskId task = worker::plain(marked);
    const bool fails = world_->failing.contains({task.layer, task.position});
    if (fails && !running.failed) {
      running.failed = true;
      fail();
      if (!world_->prompt) return;
    }
    if (++runs_[static_cast<std::size_t>(world_->number_of(task))] > 1) {
      throw std::logic_error("a task ran twice");
    }
    std::vector<worker::Output> outputs = run(marked);  // looks at its inputs, too
    if (fails) outputs.clear();
    settle(marked, std::move(outputs));
    running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(index));
    measure(1);
    if (worker::is_taken(marked)) ++world_->moved;
  }

  void interrupt() {
    interrupted_ = true;
    fail();
  }

  void deliver(int from, const Letter& letter) {
    Rank::deliver(from, letter.message, letter.payload);
    sort_letters();
  }
  void obey(const Message& order) {
    Rank::deliver(0, order, nullptr);
    sort_letters();
  }
  // `bytes`: what came, for an incoming transfer.
  void end_transfer(std::size_t index, const SharedBuffer& bytes) {
    const Transfer transfer = transfers()[index];
    Rank::end_transfer({transfer.peer, transfer.tag, transfer.outgoing}, bytes);
  }
  // The network takes packets and reports afterwards. With `advance` the rank says how far it is.
  void progress(bool advance) {
    Rank::progress(advance || has_news());
    sort_letters();
  }

  // What happened on a rank in any order decides its state together with this: which tasks have
  // run, what was sent, and what is on its way out.
  Digest contents() const {
    Digest digest;
    std::uint64_t runs = 0;
    for (std::uint8_t times : runs_) runs = runs * 2 + times;
    digest.add(runs);
    digest.add(sent_);
    digest.add(static_cast<std::uint64_t>(reported() + 1) * 64 +
               static_cast<std::uint64_t>(told()));
    if (steal().on()) {
      digest.add(static_cast<std::uint64_t>(reported_moves()));
      const std::string moved = steal().describe();
      digest.add(hash_bytes(std::as_bytes(std::span(moved)), 0));
      for (const graph::TaskId& task : board().away()) digest.add(task);
    }
    for (const Running& running : running_) {
      digest.add(running.task);
      digest.add(running.failed ? 1 : 0);
    }
    add_waiting_to_leave(digest);
    digest.add(static_cast<std::uint64_t>(failures()) * 16 + (finished() ? 1 : 0) +
               (lost_credit_ ? 2 : 0) + (doubled_data_ ? 4 : 0) + (interrupted_ ? 8 : 0));
    std::uint64_t transfers = 0;  // in any order
    for (const auto& [channel, chunk] : Rank::transfers()) {
      Digest one;
      one.add(chunk);
      one.add(channel.tag * 64 + static_cast<std::uint64_t>(channel.peer) * 2 +
              (channel.outgoing ? 1 : 0));
      transfers += one.a;
    }
    digest.add(transfers);
    if (const worker::Admission* admission = board().admission()) {
      digest.add(std::hash<std::string>()(admission->describe()));
      digest.add(admission->has_to_tell() ? 1 : 0);
    }
    return digest;
  }

  std::vector<std::vector<Letter>> packets;  // by destination; leave when progress is made
  std::vector<Message> reports;              // to the scheduler, likewise
  int told_failures = 0;                     // of rank 0, that the scheduler hears now

 private:
  void fail() { Rank::fail(Error(ExitCode::kTaskFailed, "failed")); }

  // The scheduler is a place of its own here (simulated_ranks.h).
  void sort_letters() {
    for (Letter& letter : std::exchange(letters, {})) {
      if (protocol::is_data(letter.message.kind)) {
        send(std::move(letter));
      } else {
        reports.push_back(letter.message);
      }
    }
    told_failures += static_cast<int>(Rank::told_failures.size());
    Rank::told_failures.clear();
  }

  void send(Letter letter) {
    const Kind kind = letter.message.kind;
    Digest digest;
    digest.add(letter.message);
    digest.add(static_cast<std::uint64_t>(letter.to));
    sent_ += digest.a;
    if (kind == Kind::kCredit && world_->lose_first_credit && !lost_credit_) {
      lost_credit_ = true;
      return;
    }
    std::vector<Letter>& packet = packets[letter.to];
    const bool data = kind == Kind::kEager || kind == Kind::kAnnounce;
    if (data && world_->double_first_data && !doubled_data_) {
      doubled_data_ = true;
      packet.push_back(letter);
    }
    packet.push_back(std::move(letter));
  }

  void add_waiting_to_leave(Digest& digest) const {
    for (const auto& post : outbox().receives) digest.add(post.chunk);
    for (const auto& item : outbox().sends) digest.add(item.message);
    for (const auto& post : outbox().bulk_sends) digest.add(post.chunk);
    for (const auto& chunk : outbox().delivered) digest.add(chunk);
    for (const auto& chunk : outbox().unpinned) digest.add(chunk);
    for (const auto& packet : packets) {
      digest.add(packet.size());
      for (const Letter& letter : packet) digest.add(letter.message);
    }
    for (const auto& post : reactor().waiting_sends()) digest.add(post.chunk);
    for (const auto& waiting : reactor().announced()) digest.add(waiting.chunk);
    for (int peer = 0; peer < world_->ranks; ++peer) {
      const auto known = reactor().peers().find(peer);
      const bool owed = known != reactor().peers().end();
      digest.add(owed ? static_cast<std::uint64_t>(known->second.owed) : 0);
    }
    for (const Message& report : reports) digest.add(report);
  }

  SimulatedWorld* world_;
  std::vector<Running> running_;
  std::vector<std::uint8_t> runs_;
  std::uint64_t sent_ = 0;  // data messages, in any order
  bool interrupted_ = false;
  bool lost_credit_ = false;
  bool doubled_data_ = false;
};

}  // namespace rankine::testing
