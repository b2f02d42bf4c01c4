#include "runtime/scheduler/reactor.h"

#include <algorithm>
#include <numeric>

namespace rankine::scheduler {
namespace {

constexpr std::int64_t kNoReport = -1;

}  // namespace

using protocol::Kind;
using protocol::Message;

Reactor::Reactor(int ranks, std::uint32_t graph, std::int64_t total_tasks)
    : graph_(graph),
      total_(total_tasks),
      done_(ranks, kNoReport),
      seen_(ranks, 0),
      counts_(ranks),
      last_counts_(ranks) {}

void Reactor::to_all(Kind kind, Outbox& outbox) {
  for (std::size_t rank = 0; rank < done_.size(); ++rank) {
    Message message;
    message.kind = kind;
    message.graph = graph_;
    message.round = round_;
    outbox.push_back({static_cast<int>(rank), message});
  }
}

std::int64_t Reactor::tasks_done() const {
  return std::accumulate(
      done_.begin(), done_.end(), std::int64_t{0},
      [](std::int64_t sum, std::int64_t done) { return sum + std::max<std::int64_t>(0, done); });
}

std::int64_t Reactor::tasks_seen() const {
  return std::accumulate(seen_.begin(), seen_.end(), std::int64_t{0});
}

bool Reactor::all_reported() const {
  return std::find(done_.begin(), done_.end(), kNoReport) == done_.end();
}

void Reactor::finish(Outbox& outbox) {
  phase_ = Phase::kFinished;
  to_all(Kind::kFinish, outbox);
}

void Reactor::on_message(int from, const Message& message, Outbox& outbox) {
  if (message.kind == Kind::kAdvance || message.kind == Kind::kProgress) {
    seen_[from] = std::max(seen_[from], message.first);
  }
  if (message.kind == Kind::kAdvance) return;
  if (message.kind == Kind::kProgress) {
    done_[from] = message.first;
    if (phase_ == Phase::kRunning && all_reported() && tasks_done() == total_) finish(outbox);
    return;
  }
  if (phase_ != Phase::kAborting || message.round != round_) return;
  counts_[from] = {message.first, message.second, message.idle != 0};
  if (++replies_ < counts_.size()) return;
  Counts sum{0, 0, true};
  for (const Counts& counts : counts_) {
    sum = {sum.sent + counts.sent, sum.received + counts.received, sum.idle && counts.idle};
  }
  if (sum.idle && sum.sent == sum.received && counts_ == last_counts_) {
    finish(outbox);
  } else {
    last_counts_ = counts_;
    next_round(outbox);
  }
}

void Reactor::on_failure(int from, Error error, Outbox& outbox) {
  if (failure_ || phase_ == Phase::kFinished) return;
  if (error.task_story.empty()) error.task_story = "on rank " + std::to_string(from);
  failure_ = std::move(error);
  phase_ = Phase::kAborting;
  to_all(Kind::kAbort, outbox);
  next_round(outbox);
}

void Reactor::next_round(Outbox& outbox) {
  ++round_;
  replies_ = 0;
  to_all(Kind::kCountQuery, outbox);
}

}  // namespace rankine::scheduler
