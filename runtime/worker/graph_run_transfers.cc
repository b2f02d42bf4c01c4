// GraphRun: what arrives, what leaves, and what waits on disk meanwhile.
#include <cstring>
#include <stdexcept>
#include <utility>

#include "runtime/base/stop_signals.h"
#include "runtime/plan/pieces.h"
#include "runtime/protocol/order_key.h"
#include "runtime/worker/chunk_names.h"
#include "runtime/worker/graph_run.h"
#include "runtime/worker/pack_piece.h"

namespace rankine::worker {

using protocol::Kind;

SharedBuffer GraphRun::piece_for(const ChunkName& name, int to) {
  if (protocol::is_moved(name)) return steal_.outgoing(name);
  const graph::ChunkId chunk = id_of(name);
  const SharedBuffer& bytes = board_.input(chunk);
  if (bytes->size() == 0) return bytes;
  return pack_piece(*topology_, chunk, plan::piece_on(*topology_, placement_, chunk, to), bytes,
                    pool_);
}

void GraphRun::send_off() {
  const std::lock_guard lock(state_);
  carry_out();
}

// Whatever there is to do follows a change, or the clock.
bool GraphRun::turn() {
  const bool moved = !transfers_.empty() && advance_transfers();
  const TickCounter::Ticks now = TickCounter::now();
  if (changes_.load(std::memory_order_acquire) == seen_changes_ && now < next_turn_) return moved;
  next_turn_ = now + between_turns_;
  if (communicator_.rank() == 0 && !interrupted_ && StopSignals::received() != 0) {
    interrupted_ = true;
    fail(stopped_by_signal());
  }
  {
    const std::lock_guard lock(state_);
    carry_out();
    seen_changes_ = changes_.load(std::memory_order_relaxed);
    if (to_keep_.empty()) tell();
  }
  if (!to_keep_.empty()) {
    keep_returned();
    const std::lock_guard lock(state_);
    tell();
  }
  if (!to_unspill_.empty()) send_spilled();
  return moved;
}

void GraphRun::on_message(int from, const Message& message, std::span<const std::byte> payload) {
  if (message.kind == Kind::kFinish) {
    finished_ = true;
    return;
  }
  const std::lock_guard lock(state_);
  note_change();
  if (message.kind == Kind::kAbort) {
    board_.stop_admitting();
    reactor_.on_abort();
    steal_.on_abort(desk());
    return;
  }
  if (message.kind == Kind::kAsk) return answer_ask(message);
  if (message.kind == Kind::kFrontier) {
    board_.admission()->set_frontier(protocol::key_of(message));
    return pull_admitted();
  }
  if (message.kind == Kind::kCountQuery) {
    carry_out();      // what was received must be answered before it is counted,
    send_failures();  // and no failure may come after the last count
    Message reply;
    reply.kind = Kind::kCountReply;
    reply.round = message.round;
    reply.first = reactor_.messages_sent();
    reply.second = reactor_.messages_received();
    reply.idle =
        board_.idle() && steal_.idle(board_) && transfers_.empty() && to_unspill_.empty() ? 1 : 0;
    send(from, reply, {});
    return;
  }
  if (message.kind == Kind::kEager) {
    SharedBuffer buffer = pool_.allocate_shared(payload.size());
    std::memcpy(buffer->data(), payload.data(), payload.size());
    totals_.bytes_received += message.bytes;
    arrived_.emplace_back(message.chunk, with_part(message.chunk, std::move(buffer)));
  }
  reactor_.on_message(from, message, outbox_);
  steal_.on_message(from, message, desk(), weigh_as_held);
  if (admitted_) pull_admitted();
}

bool GraphRun::advance_transfers() {
  bool moved = false;
  for (std::size_t i = 0; i < transfers_.size();) {
    Transfer& transfer = transfers_[i];
    if (!communicator_.test(transfer.request)) {
      ++i;
      continue;
    }
    moved = true;
    HeldChunk here;
    const auto bytes = static_cast<std::int64_t>(transfer.buffer->size());
    if (!transfer.outgoing) {
      here = received(transfer.chunk, std::exchange(transfer.buffer, nullptr));
    }
    const std::lock_guard lock(state_);
    note_change();
    if (transfer.outgoing) {
      reactor_.on_bulk_sent(transfer.peer, transfer.chunk, outbox_);
    } else {
      totals_.bytes_received += bytes;
      arrived_.emplace_back(transfer.chunk, std::move(here));
      reactor_.on_bulk_received(transfer.peer, transfer.chunk, outbox_);
    }
    std::swap(transfers_[i], transfers_.back());
    transfers_.pop_back();
  }
  return moved;
}

// Receives are posted before the pulls that call for them; an eager chunk is copied into its packet
// before it may be unpinned.
void GraphRun::carry_out() {
  do {
    carry_out_once();
  } while (settle_returned());
}

void GraphRun::carry_out_once() {
  reactor_.give_back(board_.nothing_left(), outbox_);
  for (const Outbox::PostReceive& post : outbox_.receives) {
    SharedBuffer buffer = pool_.allocate_shared(static_cast<std::size_t>(post.bytes));
    auto request = communicator_.async_receive(post.from, post.tag, buffer->bytes());
    transfers_.push_back({std::move(request), post.from, post.chunk, buffer, false});
  }
  for (const Outbox::Send& item : outbox_.sends) {
    if (item.message.kind == Kind::kEager) {
      const SharedBuffer buffer = piece_for(item.message.chunk, item.to);
      totals_.bytes_sent += item.message.bytes;
      send(item.to, item.message, std::as_const(*buffer).bytes());
    } else {
      send(item.to, item.message, {});
    }
  }
  for (const Outbox::PostSend& post : outbox_.bulk_sends) {
    const bool moved = protocol::is_moved(post.chunk);
    if (auto spilled = moved ? nullptr : board_.held(id_of(post.chunk)).spilled) {
      to_unspill_.push_back({post, std::move(spilled)});
      continue;
    }
    SharedBuffer buffer = piece_for(post.chunk, post.to);
    totals_.bytes_sent += static_cast<std::int64_t>(buffer->size());
    auto request = communicator_.async_send(post.to, post.tag, std::as_const(*buffer).bytes());
    transfers_.push_back({std::move(request), post.to, post.chunk, buffer, true});
  }
  for (const ChunkName& chunk : outbox_.delivered) {
    if (arrived_.empty() || arrived_.front().first != chunk) {
      throw std::logic_error("chunks are delivered in another order than they arrive");
    }
    HeldChunk here = std::move(arrived_.front().second);
    arrived_.pop_front();
    if (protocol::is_moved(chunk)) {
      steal_.deliver(chunk, std::move(here.buffer));
    } else {
      board_.put(id_of(chunk), std::move(here), false);
    }
  }
  for (const ChunkName& chunk : outbox_.unpinned) {
    if (protocol::is_moved(chunk)) {
      steal_.unpin(chunk);
    } else {
      board_.unpin(id_of(chunk));
    }
  }
  if (!outbox_.delivered.empty() || !outbox_.unpinned.empty()) note_change();
  outbox_.clear();
  if (admitted_) pull_admitted();
}

HeldChunk GraphRun::put_away(const graph::ChunkId& chunk, HeldChunk bytes) {
  if (!placement_.is_spilled(*topology_, {chunk.layer, chunk.output}) || is_void(bytes)) {
    return bytes;
  }
  bytes.spilled = spill_.write(std::as_const(*bytes.buffer).bytes());
  bytes.buffer.reset();
  return bytes;
}

HeldChunk GraphRun::with_part(const ChunkName& chunk, SharedBuffer buffer) const {
  HeldChunk held(std::move(buffer));
  if (protocol::is_moved(chunk)) return held;
  plan::Piece piece = plan::piece_on(*topology_, placement_, id_of(chunk), communicator_.rank());
  if (piece.part) held.part = std::make_shared<const Box>(*piece.part);
  return held;
}

// If the disk fails, the graph does, and what happens to the chunk until its end has no effect.
HeldChunk GraphRun::received(const ChunkName& chunk, SharedBuffer buffer) {
  HeldChunk held = with_part(chunk, std::move(buffer));
  if (protocol::is_moved(chunk)) return held;
  try {
    return put_away(id_of(chunk), held);
  } catch (Error& error) {
    fail(std::move(error));
    return held;
  }
}

// The other rank waits for the bytes whatever happens: if the disk fails it gets zeros, and the
// failure is told to rank 0 before the bytes can be.
void GraphRun::send_spilled() {
  for (const SpilledSend& waiting : std::exchange(to_unspill_, {})) {
    const graph::ChunkId chunk = id_of(waiting.post.chunk);
    const std::size_t size = size_of(topology_->output_dtype({chunk.layer, chunk.output}));
    const Box whole = topology_->output_box(chunk);
    const Box part =
        plan::piece_on(*topology_, placement_, chunk, waiting.post.to).part.value_or(whole);
    SharedBuffer packed = pool_.allocate_shared(static_cast<std::size_t>(part.size()) * size);
    try {
      waiting.chunk->read(size, whole, part, part, packed->data());
    } catch (Error& error) {
      std::memset(packed->data(), 0, packed->size());
      fail(std::move(error));
    }
    auto request =
        communicator_.async_send(waiting.post.to, waiting.post.tag, std::as_const(*packed).bytes());
    transfers_.push_back(
        {std::move(request), waiting.post.to, waiting.post.chunk, std::move(packed), true});
    const std::lock_guard lock(state_);
    totals_.bytes_sent += part.size() * static_cast<std::int64_t>(size);
  }
}

void GraphRun::send(int to, const Message& message, std::span<const std::byte> payload) {
  Message numbered = message;
  numbered.graph = number_;
  mail_.send(to, numbered, payload);
}

}  // namespace rankine::worker
