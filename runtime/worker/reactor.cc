#include "runtime/worker/reactor.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <utility>

#include "collectives/communicator.h"

namespace rankine::worker {
namespace {

using protocol::Kind;

constexpr std::int64_t kCreditParts = 4;  // of a window, that travel by themselves

}  // namespace

void Outbox::clear() {
  receives.clear();
  sends.clear();
  bulk_sends.clear();
  delivered.clear();
  unpinned.clear();
}

Reactor::Reactor(int rank, int ranks, std::uint32_t graph, std::int64_t eager_limit,
                 std::int64_t window, std::int64_t bulk_sends)
    : rank_(rank),
      ranks_(ranks),
      graph_(graph),
      eager_limit_(eager_limit),
      window_(window),
      bulk_limit_(bulk_sends) {}

void Reactor::send(int to, Message message, Outbox& outbox) {
  message.graph = graph_;
  ++sent_;
  outbox.sends.push_back({to, message});
}

void Reactor::on_output(const ChunkName& chunk, std::int64_t bytes,
                        std::span<const int> destinations, Outbox& outbox) {
  for (int to : destinations) {
    Message message;
    message.chunk = chunk;
    message.bytes = bytes;
    const std::int64_t cost = protocol::eager_cost(bytes);
    Peer& peer = peers_[to];
    const bool small = bytes <= eager_limit_ && !is_spilled(chunk) && !asks_first_;
    if (small && (peer.lent == 0 || peer.lent + cost <= window_)) {
      peer.lent += cost;
      lent_ += cost;
      message.kind = Kind::kEager;
      message.first = take_credit(peer);
      send(to, message, outbox);
      outbox.unpinned.push_back(chunk);
    } else {
      ++peer.open_announces;
      ++open_announces_;
      message.kind = Kind::kAnnounce;
      send(to, message, outbox);
    }
  }
}

void Reactor::on_message(int from, const Message& message, Outbox& outbox) {
  ++received_;
  switch (message.kind) {
    case Kind::kEager: return on_eager(from, message, outbox);
    case Kind::kAnnounce: on_announce(from, message, outbox); return;
    case Kind::kPull:
      ++sent_;  // the bytes count like a message: an abort must wait for them, too
      pulled_.push_back(
          {from, message.chunk, static_cast<std::uint32_t>(message.first), message.bytes});
      return send_pulled(outbox);
    case Kind::kDecline:
      --peers_[from].open_announces;
      --open_announces_;
      outbox.unpinned.push_back(message.chunk);
      return;
    case Kind::kGive:
    case Kind::kTake:
    case Kind::kReturn: return;
    case Kind::kCredit:
      peers_[from].lent -= message.first;
      lent_ -= message.first;
      return;
    default: throw std::logic_error("a control message reached the data plane");
  }
}

void Reactor::on_eager(int from, const Message& message, Outbox& outbox) {
  outbox.delivered.push_back(message.chunk);
  Peer& peer = peers_[from];
  peer.lent -= message.first;
  lent_ -= message.first;
  const std::int64_t cost = protocol::eager_cost(message.bytes);
  peer.owed += cost;
  owed_ += cost;
  if (!std::exchange(peer.listed, true)) creditors_.push_back(from);
}

std::int64_t Reactor::take_credit(Peer& peer) {
  owed_ -= peer.owed;
  return std::exchange(peer.owed, 0);
}

void Reactor::give_back(bool all, Outbox& outbox) {
  std::erase_if(creditors_, [&](int from) {
    Peer& peer = peers_[from];
    if (!all && !aborting_ && peer.owed > 0 && peer.owed < window_ / kCreditParts) return false;
    peer.listed = false;
    if (peer.owed == 0) return true;
    Message credit;
    credit.kind = Kind::kCredit;
    credit.first = take_credit(peer);
    send(from, credit, outbox);
    return true;
  });
  for (; aborting_ && !announced_.empty(); announced_.pop_front()) {
    decline(announced_.front().from, announced_.front().chunk, outbox);
  }
}

void Reactor::on_announce(int from, const Message& message, Outbox& outbox) {
  if (aborting_) return decline(from, message.chunk, outbox);
  const bool waits = asks_first_ || is_spilled(message.chunk);
  if (!waits) return pull(from, message.chunk, message.bytes, outbox);
  announced_.push_back({from, message.chunk, message.bytes});
  if (!asks_first_) pull_announced(outbox);
}

void Reactor::pull_admitted(Admission& admission, Outbox& outbox) {
  while (!announced_.empty() && !aborting_) {
    auto first = announced_.begin();
    for (auto next = first; next != announced_.end(); ++next) {
      if (!next->key)
        next->key =
            admission.key_here({next->chunk.layer, next->chunk.output, next->chunk.position});
      if (*next->key < *first->key) first = next;
    }
    const Announced chosen = *first;
    const graph::ChunkId chunk{chosen.chunk.layer, chosen.chunk.output, chosen.chunk.position};
    if (!admission.pull(chunk, *chosen.key, chosen.bytes)) return;
    announced_.erase(first);
    pull(chosen.from, chosen.chunk, chosen.bytes, outbox);
  }
}

void Reactor::decline(int from, const ChunkName& chunk, Outbox& outbox) {
  Message answer;
  answer.kind = Kind::kDecline;
  answer.chunk = chunk;
  send(from, answer, outbox);
}

void Reactor::pull(int from, const ChunkName& chunk, std::int64_t bytes, Outbox& outbox) {
  if (!incoming_.emplace(chunk, from).second) {
    throw std::logic_error("a chunk was announced twice");
  }
  Message answer;
  answer.kind = Kind::kPull;
  answer.chunk = chunk;
  answer.bytes = bytes;
  Peer& peer = peers_[from];
  answer.first = peer.next_tag;
  peer.next_tag = collectives::next_tag(peer.next_tag);
  outbox.receives.push_back({from, chunk, bytes, static_cast<std::uint32_t>(answer.first)});
  send(from, answer, outbox);
}

// A transfer that was pulled ends whatever else waits (send_pulled), so those that wait here get
// their turn.
void Reactor::pull_announced(Outbox& outbox) {
  for (; !announced_.empty() && spilled_incoming_ < spill_receives_; announced_.pop_front()) {
    const Announced& next = announced_.front();
    ++spilled_incoming_;
    pull(next.from, next.chunk, next.bytes, outbox);
  }
}

// A send under way waits for nothing but its receive, which was posted before the pull: so each
// ends, and those that wait here get their turn.
void Reactor::send_pulled(Outbox& outbox) {
  for (; !pulled_.empty() && may_send(pulled_.front().bytes); pulled_.pop_front()) {
    sending_.push_back(pulled_.front());
    outbox.bulk_sends.push_back(pulled_.front());
  }
}

bool Reactor::may_send(std::int64_t bytes) const {
  for (const Outbox::PostSend& send : sending_) bytes += send.bytes;
  const auto count = static_cast<std::int64_t>(sending_.size());
  return count == 0 || (count < bulk_limit_ && bytes <= plan::kBulkBytes);
}

void Reactor::on_bulk_sent(int to, const ChunkName& chunk, Outbox& outbox) {
  --peers_[to].open_announces;
  --open_announces_;
  outbox.unpinned.push_back(chunk);
  const auto sent = std::find_if(sending_.begin(), sending_.end(), [&](const auto& send) {
    return send.to == to && send.chunk == chunk;
  });
  if (sent == sending_.end()) throw std::logic_error("bytes were sent that nobody asked for");
  sending_.erase(sent);
  send_pulled(outbox);
}

void Reactor::on_bulk_received(int from, const ChunkName& chunk, Outbox& outbox) {
  const auto found = incoming_.find(chunk);
  if (found == incoming_.end() || found->second != from) {
    throw std::logic_error("bytes arrived for a chunk that was not pulled");
  }
  incoming_.erase(found);
  ++received_;
  outbox.delivered.push_back(chunk);
  if (!is_spilled(chunk)) return;
  --spilled_incoming_;
  if (!aborting_) pull_announced(outbox);
}

bool Reactor::quiet() const {
  return incoming_.empty() && announced_.empty() && owed_ == 0 && lent_ == 0 &&
         open_announces_ == 0;
}

void Reactor::sanity_check() const {
  const bool forgotten = !pulled_.empty() && may_send(pulled_.front().bytes);
  if (static_cast<std::int64_t>(sending_.size()) > bulk_limit_ || forgotten) {
    throw std::logic_error("bulk sends are not counted right:\n" + describe());
  }
  const bool idle = spilled_incoming_ < spill_receives_ && !aborting_ && !asks_first_;
  if (spilled_incoming_ < 0 || spilled_incoming_ > spill_receives_ ||
      (idle && !announced_.empty())) {
    throw std::logic_error("receives to be spilled are not counted right:\n" + describe());
  }
  std::int64_t lent = 0;
  std::int64_t announced = 0;
  std::int64_t owed = 0;
  std::size_t listed = 0;
  bool right = true;
  for (const auto& [rank, peer] : peers_) {
    lent += peer.lent;
    announced += peer.open_announces;
    owed += peer.owed;
    listed += peer.listed ? 1 : 0;
    right = right && (peer.owed == 0 || peer.listed);
    // Above the window only by one message, which was sent while nothing else was under way.
    const bool overdrawn = peer.lent > std::max(window_, 2 * protocol::kEagerWindow);
    right = right && rank >= 0 && rank < ranks_ && rank != rank_ && !overdrawn && peer.lent >= 0 &&
            peer.owed >= 0 && peer.open_announces >= 0;
  }
  for (const int rank : creditors_)
    right = right && peers_.contains(rank) && peers_.at(rank).listed;
  for (const auto& [chunk, from] : incoming_) right = right && peers_.contains(from);
  const auto sends = static_cast<std::int64_t>(sending_.size() + pulled_.size());
  if (!right || lent != lent_ || announced != open_announces_ || owed != owed_ ||
      listed != creditors_.size() || sends > open_announces_ || sent_ < 0 || received_ < 0) {
    throw std::logic_error("the books of the reactor are wrong:\n" + describe());
  }
}

std::string Reactor::describe() const {
  std::string text = "rank " + std::to_string(rank_) + ", graph " + std::to_string(graph_) +
                     (aborting_ ? ", aborting" : "") + ": " + std::to_string(incoming_.size()) +
                     " pulls open, " + std::to_string(announced_.size()) + " to be pulled, " +
                     std::to_string(open_announces_) + " announced chunks not taken yet, " +
                     std::to_string(sending_.size()) + " being sent, " +
                     std::to_string(pulled_.size()) + " waiting to be sent, " +
                     std::to_string(lent_) + " bytes of eager messages not acknowledged\n";
  std::map<int, Peer> open;  // by rank, for people
  for (const auto& [rank, peer] : peers_) {
    if (peer.lent != 0 || peer.owed != 0 || peer.open_announces != 0) open.emplace(rank, peer);
  }
  constexpr std::size_t kMostLines = 8;
  std::size_t lines = 0;
  for (const auto& [rank, peer] : open) {
    if (lines++ == kMostLines) {
      text += "  and " + std::to_string(open.size() - kMostLines) + " more ranks\n";
      break;
    }
    text += "  rank " + std::to_string(rank) + ": " + std::to_string(peer.open_announces) +
            " announced chunks not taken, " + std::to_string(peer.lent) + " of " +
            std::to_string(window_) + " bytes of its window in use, " + std::to_string(peer.owed) +
            " bytes owed to it\n";
  }
  return text;
}

}  // namespace rankine::worker
