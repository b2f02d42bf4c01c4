#include "runtime/scheduler/frontier.h"

#include <stdexcept>
#include <tuple>

#include "runtime/protocol/order_key.h"

namespace rankine::scheduler {
namespace {

bool same_slab(const OrderKey& a, const OrderKey& b) {
  return std::tie(a.phase, a.wave, a.slab) == std::tie(b.phase, b.wave, b.slab);
}

}  // namespace

std::optional<OrderKey> Frontier::key() const {
  if (heard_ < ranks_.size() || lowest_.empty()) return std::nullopt;
  return lowest_.begin()->first;
}

void Frontier::tell(int rank, const OrderKey& frontier, Reactor::Outbox& outbox) {
  std::optional<OrderKey>& told = ranks_[static_cast<std::size_t>(rank)].told;
  if (told && *told == frontier) return;
  told = frontier;
  protocol::Message message;
  message.kind = protocol::Kind::kFrontier;
  message.graph = graph_;
  protocol::set_key(message, frontier);
  outbox.push_back({rank, message});
}

void Frontier::on_message(int from, const protocol::Message& message, Reactor::Outbox& outbox) {
  Rank& rank = ranks_[static_cast<std::size_t>(from)];
  if (!rank.heard) ++heard_;
  rank.heard = true;
  rank.waits = message.idle == 1;
  if (rank.lowest) lowest_.erase({*rank.lowest, from});
  rank.lowest = std::nullopt;
  if (message.idle != 2) {
    rank.lowest = protocol::key_of(message);
    lowest_.emplace(*rank.lowest, from);
  }
  const auto frontier = key();
  if (!frontier) return;
  tell(lowest_.begin()->second, *frontier, outbox);
  if (rank.lowest) tell(from, *frontier, outbox);
  if (spread_ && same_slab(*spread_, *frontier)) return;
  spread_ = frontier;
  for (std::size_t other = 0; other < ranks_.size(); ++other) {
    if (ranks_[other].waits) tell(static_cast<int>(other), *frontier, outbox);
  }
}

std::string Frontier::describe() const {
  std::string text;
  const auto add = [&](const char* what, const std::optional<OrderKey>& key) {
    text += what;
    if (!key) return;
    for (const std::int64_t part : {std::int64_t{key->phase}, key->wave, key->slab, key->inner,
                                    std::int64_t{key->layer}, key->order}) {
      text += " " + std::to_string(part);
    }
  };
  for (const Rank& rank : ranks_) {
    add(rank.heard ? ", lowest" : ", not heard", rank.lowest);
    add(rank.waits ? ", waits, told" : ", told", rank.told);
  }
  add(", spread", spread_);
  return text;
}

void Frontier::sanity_check() const {
  std::size_t heard = 0;
  std::size_t open = 0;
  bool right = true;
  const auto frontier = key();
  for (std::size_t i = 0; i < ranks_.size(); ++i) {
    const Rank& rank = ranks_[i];
    heard += rank.heard ? 1 : 0;
    open += rank.lowest ? 1 : 0;
    right = right && (!rank.lowest || lowest_.contains({*rank.lowest, static_cast<int>(i)}));
    if (frontier) right = right && (!rank.lowest || *frontier <= *rank.lowest);
    right = right && (!rank.told || !frontier || *rank.told <= *frontier);
    // Who could go on as nobody else may knows it.
    if (frontier && rank.lowest == frontier) right = right && rank.told == frontier;
  }
  if (!right || heard != heard_ || open != lowest_.size()) {
    throw std::logic_error("the frontier is wrong: " + describe());
  }
}

}  // namespace rankine::scheduler
