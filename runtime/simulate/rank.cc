#include "runtime/simulate/rank.h"

#include <algorithm>
#include <span>
#include <utility>

#include "runtime/base/current_error.h"
#include "runtime/protocol/order_key.h"
#include "runtime/worker/chunk_names.h"
#include "runtime/worker/stall.h"

namespace rankine::simulate {

using worker::id_of;
using worker::name_of;

Rank::Rank(const World& world, int number)
    : world_(&world),
      number_(number),
      board_(world.topology, world.placement, number, {},
             worker::admission_for(world.topology, world.placement, number, world.budget)),
      reactor_(number, world.ranks, kGraph, world.eager_limit, world.window, world.bulk_sends),
      steal_(world.topology, world.placement, number, world.threads, world.steal) {
  if (board_.admission() != nullptr) reactor_.ask_first();
}

bool Rank::has_to_send() const {
  return !letters.empty() || !outbox_.receives.empty() || !outbox_.sends.empty() ||
         !outbox_.bulk_sends.empty() || !outbox_.delivered.empty() || !outbox_.unpinned.empty() ||
         !failures_.empty() || steal_.has_returned() || has_to_tell_lowest() ||
         (reactor_.owed() > 0 && board_.nothing_left());
}

bool Rank::has_to_tell_lowest() const {
  const worker::Admission* admission = board_.admission();
  return admission != nullptr && !reactor_.aborting() && !finished_ && admission->has_to_tell();
}

void Rank::pull_admitted() {
  if (board_.admission() != nullptr) reactor_.pull_admitted(*board_.admission(), outbox_);
}

bool Rank::has_to_report() const {
  const bool news = board_.tasks_run() != reported_ || steal_.over_here() != reported_moves_;
  return news && !reactor_.aborting() && board_.all_certain_done() && board_.idle() &&
         reactor_.quiet() && steal_.quiet() && transfers_.empty();
}

std::optional<graph::TaskId> Rank::start() {
  auto task = board_.next();
  if (!task) task = steal_.next(board_);
  if (!task) return task;
  if (reactor_.aborting()) throw std::logic_error("a task starts after the abort");
  const bool home = world_->placement.home(world_->topology, worker::plain(*task)) == number_;
  if (home == worker::is_taken(*task)) throw std::logic_error("a task runs away from home");
  return task;
}

std::vector<worker::Output> Rank::run(const graph::TaskId& task) {
  const auto find = [&](const graph::ChunkId& chunk) -> const worker::HeldChunk& {
    return worker::is_taken(task) ? steal_.input(task, chunk) : board_.held(chunk);
  };
  try {
    return world_->work.run(number_, worker::plain(task), find);
  } catch (Error& error) {
    fail(std::move(error));
  }
  return {};
}

void Rank::settle(const graph::TaskId& task, std::vector<worker::Output> outputs) {
  if (worker::is_taken(task)) {
    return steal_.finish(
        task, outputs, desk(),
        [this](const auto& chunk, const auto& held, int to) { return weigh(chunk, held, to); });
  }
  put_down(std::move(outputs));
  board_.complete(task);
}

bool Rank::settle_returned() {
  std::vector<worker::Steal::Returned> returned = steal_.take_returned();
  for (auto& [task, outputs] : returned) {
    put_down(std::move(outputs));
    steal_.note_settled(task, board_);
  }
  return !returned.empty();
}

std::int64_t Rank::weigh(const graph::ChunkId& chunk, const worker::HeldChunk& held,
                         int rank) const {
  plan::Piece piece{rank, std::nullopt};
  if (held.part) piece.part = *held.part;
  return world_->work.bytes_of(chunk, piece, *held.buffer);
}

void Rank::put_down(std::vector<worker::Output> outputs) {
  for (worker::Output& output : outputs) {
    std::vector<int> elsewhere = board_.put(output.chunk, output.bytes, true);
    if (elsewhere.empty()) continue;
    std::sort(elsewhere.begin(), elsewhere.end());
    std::vector<int> served;
    for (const plan::Piece& piece :
         plan::pieces_elsewhere(world_->topology, world_->placement, output.chunk, number_)) {
      served.push_back(piece.rank);
      reactor_.on_output(name_of(output.chunk),
                         world_->work.bytes_of(output.chunk, piece, *output.bytes.buffer),
                         std::span(&piece.rank, 1), outbox_);
    }
    std::sort(served.begin(), served.end());
    if (served != elsewhere) throw std::logic_error("pieces do not go where they are needed");
  }
  pull_admitted();
}

void Rank::fail(Error error) {
  board_.stop_admitting();
  failures_.push_back(std::move(error));
}

void Rank::deliver(int from, const Message& message, const SharedBuffer& payload) {
  if (finished_) throw Leftover("a message arrives after the end");
  switch (message.kind) {
    case Kind::kFinish: finished_ = true; return;
    case Kind::kAbort:
      board_.stop_admitting();
      reactor_.on_abort();
      steal_.on_abort(desk());
      return;
    case Kind::kAsk: return answer_ask(message);
    case Kind::kCountQuery: answer_count(message.round); return;
    case Kind::kFrontier:
      board_.admission()->set_frontier(protocol::key_of(message));
      return pull_admitted();
    case Kind::kEager: arrive(message.chunk, payload); break;
    default: break;
  }
  reactor_.on_message(from, message, outbox_);
  steal_.on_message(from, message, desk(), [this](const auto& chunk, const auto& held, int to) {
    return weigh(chunk, held, to);
  });
  pull_admitted();
}

void Rank::answer_ask(const Message& ask) {
  Message answer = steal_.on_ask(ask, desk());
  answer.first = told_ = board_.tasks_run();
  steal_.tell(answer, board_, now_ns_);
  send(0, answer, nullptr);
}

void Rank::end_transfer(const Channel& channel, const SharedBuffer& buffer) {
  const auto transfer = transfers_.extract(channel);
  if (transfer.empty()) throw std::logic_error("a transfer ends that is not under way");
  if (channel.outgoing) {
    reactor_.on_bulk_sent(channel.peer, transfer.mapped(), outbox_);
    return;
  }
  arrive(transfer.mapped(), buffer);
  reactor_.on_bulk_received(channel.peer, transfer.mapped(), outbox_);
}

void Rank::progress(bool advance, std::int64_t now_ns) {
  now_ns_ = now_ns;
  carry_out();
  send_failures();
  if (advance) report_tasks(Kind::kAdvance);
  if (has_to_tell_lowest()) send(0, board_.admission()->tell(), nullptr);
  if (!has_to_report()) return;
  reported_ = board_.tasks_run();
  reported_moves_ = steal_.over_here();
  report_tasks(Kind::kProgress);
}

void Rank::check() const {
  board_.sanity_check();
  reactor_.sanity_check();
  if (!steal_.has_returned()) steal_.sanity_check(board_);
  if (finished_ && !has_to_send()) check_over();
}

void Rank::check_over() const {
  const bool charged = board_.admission() != nullptr && board_.admission()->charged_bytes() != 0;
  if (!transfers_.empty() || !reactor_.quiet() || !steal_.quiet() || !arrived_.empty() ||
      !board_.running().empty() || (!reactor_.aborting() && (!board_.empty() || charged))) {
    throw Leftover("something is left of a finished graph:\n" + explain());
  }
}

std::string Rank::explain() const {
  return worker::explain_stall(world_->topology, world_->placement, board_, reactor_) +
         steal_.describe();
}

void Rank::arrive(const ChunkName& chunk, const SharedBuffer& payload) {
  if (!arrived_.emplace(chunk, payload).second) {
    throw std::logic_error("a chunk arrives twice in one turn");
  }
}

void Rank::answer_count(std::uint32_t round) {
  carry_out();
  send_failures();
  Message reply;
  reply.kind = Kind::kCountReply;
  reply.round = round;
  reply.first = reactor_.messages_sent();
  reply.second = reactor_.messages_received();
  reply.idle = board_.idle() && steal_.idle(board_) && transfers_.empty() ? 1 : 0;
  send(0, reply, nullptr);
}

void Rank::report_tasks(Kind kind) {
  told_ = board_.tasks_run();
  Message message;
  message.kind = kind;
  message.first = told_;
  if (kind == Kind::kProgress) message.second = steal_.over_elsewhere() - steal_.over_here();
  steal_.tell(message, board_, now_ns_);
  send(0, message, nullptr);
}

void Rank::send_failures() {
  for (Error& error : std::exchange(failures_, {})) {
    if (number_ == 0) {
      told_failures.push_back(std::move(error));
      continue;
    }
    Message message;
    message.kind = Kind::kFailed;
    message.graph = kGraph;
    letters.push_back({0, message, nullptr, std::make_shared<const Error>(std::move(error))});
  }
}

void Rank::carry_out() {
  do {
    carry_out_once();
  } while (settle_returned());
}

void Rank::carry_out_once() {
  reactor_.give_back(board_.nothing_left(), outbox_);
  for (const auto& post : outbox_.receives) {
    if (!transfers_.emplace(Channel{post.from, post.tag, false}, post.chunk).second) {
      throw std::logic_error("two transfers from one rank have one tag");
    }
  }
  for (const auto& item : outbox_.sends) {
    const bool eager = item.message.kind == Kind::kEager;
    send(item.to, item.message, eager ? piece_for(item.message.chunk, item.to, nullptr) : nullptr);
  }
  for (const auto& post : outbox_.bulk_sends) {
    if (!transfers_.emplace(Channel{post.to, post.tag, true}, post.chunk).second) {
      throw std::logic_error("two transfers to one rank have one tag");
    }
    std::int64_t bytes = post.bytes;
    SharedBuffer buffer = piece_for(post.chunk, post.to, &bytes);
    bulk_sends.push_back({post.to, post.tag, bytes, std::move(buffer)});
  }
  for (const auto& chunk : outbox_.delivered) {
    auto node = arrived_.extract(chunk);
    if (node.empty()) throw std::logic_error("a chunk is delivered that did not arrive");
    if (protocol::is_moved(chunk)) {
      steal_.deliver(chunk, std::move(node.mapped()));
      continue;
    }
    plan::Piece piece = plan::piece_on(world_->topology, world_->placement, id_of(chunk), number_);
    worker::HeldChunk held(std::move(node.mapped()));
    if (piece.part) held.part = std::make_shared<const Box>(*piece.part);
    board_.put(id_of(chunk), std::move(held), false);
  }
  for (const auto& chunk : outbox_.unpinned) {
    if (protocol::is_moved(chunk)) {
      steal_.unpin(chunk);
    } else {
      board_.unpin(id_of(chunk));
    }
  }
  outbox_.clear();
  pull_admitted();
}

void Rank::send(int to, Message message, SharedBuffer payload) {
  message.graph = kGraph;
  letters.push_back({to, message, std::move(payload), nullptr});
}

SharedBuffer Rank::piece_for(const ChunkName& chunk, int to, std::int64_t* bytes) const {
  if (protocol::is_moved(chunk)) return steal_.outgoing(chunk);
  const SharedBuffer whole = board_.input(id_of(chunk));
  const plan::Piece piece = plan::piece_on(world_->topology, world_->placement, id_of(chunk), to);
  if (bytes != nullptr) *bytes = world_->work.bytes_of(id_of(chunk), piece, *whole);
  return world_->work.pack(id_of(chunk), piece, whole);
}

}  // namespace rankine::simulate
