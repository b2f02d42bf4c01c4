#include "runtime/scheduler/balance.h"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <utility>

namespace rankine::scheduler {

using protocol::Kind;
using protocol::Message;
using protocol::Wants;

void Balance::on_state(int from, const Message& state) {
  if (state.kind == Kind::kGave) close(from, state);
  Rank& rank = at(from);
  rank.wants = static_cast<Wants>(std::min<std::uint32_t>(state.idle, 2));
  rank.room = state.round;
  rank.gives_seen = state.chunk.position;
  rank.tasks = state.second;
  rank.work_ns = state.kind == Kind::kProgress ? 0 : state.bytes;
  place(from);
}

void Balance::close(int victim, const Message& gave) {
  const auto thief = static_cast<int>(gave.chunk.output);
  if (at(victim).partner != thief) throw std::logic_error("an answer to what was not asked");
  --open_;
  at(victim).partner = at(thief).partner = kNobody;
  at(thief).gives += gave.chunk.layer;
  moved_ += gave.chunk.layer;
  place(thief);
}

// Its last word counts if it was said after it got all that it was given.
void Balance::place(int number) {
  Rank& rank = at(number);
  leave_bucket(number);
  const bool free = rank.partner == kNobody;
  const bool fresh = rank.gives_seen >= rank.gives;
  const Wants waits = free && fresh && rank.room > 0 ? rank.wants : Wants::kNothing;
  if (waits != rank.waits && waits != Wants::kNothing) {
    queues_[static_cast<std::size_t>(waits) - 1].push_back(number);
  }
  rank.waits = waits;
  if (!free || rank.work_ns <= 0 || waits != Wants::kNothing) return;
  rank.bucket = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(rank.work_ns))) - 1;
  auto& bucket = buckets_[static_cast<std::size_t>(rank.bucket)];
  rank.place = bucket.size();
  bucket.push_back(number);
  filled_ |= std::uint64_t{1} << rank.bucket;
}

void Balance::leave_bucket(int number) {
  Rank& rank = at(number);
  if (rank.bucket == kNobody) return;
  auto& bucket = buckets_[static_cast<std::size_t>(rank.bucket)];
  bucket[rank.place] = bucket.back();
  at(bucket.back()).place = rank.place;
  bucket.pop_back();
  if (bucket.empty()) filled_ &= ~(std::uint64_t{1} << rank.bucket);
  rank.bucket = kNobody;
}

// Each entry that is passed over was put there by a word of its rank, so this costs O(1) a word.
std::optional<int> Balance::take_thief(bool busy_too) {
  for (const Wants kind : {Wants::kNow, Wants::kSoon}) {
    if (kind == Wants::kSoon && !busy_too) break;
    auto& queue = queues_[static_cast<std::size_t>(kind) - 1];
    while (!queue.empty()) {
      const int number = queue.front();
      queue.pop_front();
      if (at(number).waits == kind) return number;
    }
  }
  return std::nullopt;
}

std::optional<Balance::Order> Balance::next() {
  if (filled_ == 0) return std::nullopt;
  const auto most = static_cast<std::size_t>(std::bit_width(filled_) - 1);
  const int victim = buckets_[most].back();
  constexpr std::int64_t kMany = 3;
  const std::optional<int> thief = take_thief(at(victim).tasks >= kMany);
  if (!thief) return std::nullopt;
  const Order order{victim, *thief, at(*thief).room};
  at(victim).partner = *thief;
  at(*thief).partner = victim;
  ++open_;
  place(victim);
  place(*thief);
  return order;
}

bool Balance::waits_rightly(const Rank& rank, Wants queue) const {
  return rank.waits != queue || (rank.partner == kNobody && rank.bucket == kNobody);
}

void Balance::sanity_check() const {
  std::int64_t partners = 0;
  std::size_t in_buckets = 0;
  bool right = open_ >= 0 && moved_ >= 0;
  for (std::size_t i = 0; i < ranks_.size(); ++i) {
    const Rank& rank = ranks_[i];
    if (rank.partner != kNobody) {
      ++partners;
      right = right && rank.bucket == kNobody && rank.waits == Wants::kNothing &&
              ranks_[static_cast<std::size_t>(rank.partner)].partner == static_cast<int>(i);
    }
    if (rank.bucket != kNobody) {
      ++in_buckets;
      const auto& bucket = buckets_[static_cast<std::size_t>(rank.bucket)];
      right = right && rank.place < bucket.size() && bucket[rank.place] == static_cast<int>(i) &&
              rank.work_ns > 0;
    }
    if (rank.waits == Wants::kNothing) continue;
    const auto& queue = queues_[static_cast<std::size_t>(rank.waits) - 1];
    right = right && waits_rightly(rank, rank.waits) &&
            std::find(queue.begin(), queue.end(), static_cast<int>(i)) != queue.end();
  }
  for (std::size_t b = 0; b < kBuckets; ++b) {
    in_buckets -= buckets_[b].size();
    right = right && buckets_[b].empty() == ((filled_ >> b & 1) == 0);
  }
  if (!right || partners != 2 * open_ || in_buckets != 0) {
    throw std::logic_error("who gives tasks to whom is kept wrong:\n" + describe());
  }
}

std::string Balance::describe() const {
  constexpr std::size_t kMostLines = 8;
  std::string text = std::to_string(moved_) + " tasks moved, " + std::to_string(open_) +
                     " orders to give some are open\n";
  std::size_t lines = 0;
  for (const std::deque<int>& queue : queues_) {
    for (const int rank : queue) {
      if (lines++ == kMostLines) break;
      text += "  rank " + std::to_string(rank) + " was told to wait for tasks\n";
    }
  }
  for (std::size_t i = 0; i < ranks_.size() && lines < 2 * kMostLines; ++i, ++lines) {
    const Rank& rank = ranks_[i];
    text +=
        "  rank " + std::to_string(i) + " wants " + std::to_string(static_cast<int>(rank.wants)) +
        ", waits for " + std::to_string(static_cast<int>(rank.waits)) + ", has room for " +
        std::to_string(rank.room) + ", was given " + std::to_string(rank.gives) + ", knows of " +
        std::to_string(rank.gives_seen) + ", has " + std::to_string(rank.tasks) + " tasks, " +
        std::to_string(rank.work_ns) + " ns, to give for each thread" +
        (rank.partner == kNobody ? "" : ", order with rank " + std::to_string(rank.partner)) + "\n";
  }
  return text;
}

}  // namespace rankine::scheduler
