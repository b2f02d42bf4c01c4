#include "runtime/scheduler/reactor.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

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
      moves_(ranks, 0),
      seen_(ranks, 0),
      balance_(ranks),
      answered_(ranks, 0),
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

void Reactor::take_report(int from, const Message& report) {
  if (done_[from] == kNoReport) {
    ++reporters_;
    done_[from] = 0;
  }
  done_total_ += report.first - std::exchange(done_[from], report.first);
  moves_total_ += report.second - std::exchange(moves_[from], report.second);
}

void Reactor::take_state(int from, const Message& message, Outbox& outbox) {
  const std::int64_t seen = std::max(seen_[from], message.first);
  seen_total_ += seen - std::exchange(seen_[from], seen);
  if (message.kind == Kind::kProgress) take_report(from, message);
  balance_.on_state(from, message);
  if (phase_ != Phase::kRunning) return;
  const bool all = reporters_ == done_.size() && done_total_ == total_ && moves_total_ == 0;
  if (all && balance_.open() == 0) {
    finish(outbox);
  } else if (!all) {
    move_tasks(outbox);
  }
}

void Reactor::move_tasks(Outbox& outbox) {
  while (const auto order = balance_.next()) {
    Message ask;
    ask.kind = Kind::kAsk;
    ask.graph = graph_;
    ask.first = order->thief;
    ask.round = order->tasks;
    outbox.push_back({order->victim, ask});
  }
}

void Reactor::finish(Outbox& outbox) {
  phase_ = Phase::kFinished;
  to_all(Kind::kFinish, outbox);
}

void Reactor::on_message(int from, const Message& message, Outbox& outbox) {
  if (protocol::is_state(message.kind)) return take_state(from, message, outbox);
  if (phase_ != Phase::kAborting || message.round != round_) return;
  counts_[from] = {message.first, message.second, message.idle != 0};
  answered_[from] = round_;
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

std::vector<int> Reactor::unanswered() const {
  std::vector<int> ranks;
  for (std::size_t rank = 0; phase_ == Phase::kAborting && rank < answered_.size(); ++rank) {
    if (answered_[rank] != round_) ranks.push_back(static_cast<int>(rank));
  }
  return ranks;
}

void Reactor::sanity_check() const {
  std::size_t reporters = 0;
  std::int64_t done = 0;
  std::int64_t moves = 0;
  std::int64_t seen = 0;
  bool right = true;
  balance_.sanity_check();
  for (std::size_t rank = 0; rank < done_.size(); ++rank) {
    reporters += done_[rank] != kNoReport ? 1 : 0;
    done += std::max<std::int64_t>(0, done_[rank]);
    moves += moves_[rank];
    seen += seen_[rank];
    right = right && seen_[rank] >= done_[rank];
  }
  const bool aborted = failure_.has_value();
  const bool over = aborted || (reporters == done_.size() && done == total_ && moves == 0 &&
                                balance_.open() == 0);
  if (!right || moves != moves_total_ || reporters != reporters_ || done != done_total_ ||
      seen != seen_total_ || seen > total_ || replies_ > done_.size() || aborted != (round_ > 0) ||
      (phase_ == Phase::kAborting && !aborted) || (phase_ == Phase::kRunning && aborted) ||
      (phase_ == Phase::kFinished && !over)) {
    throw std::logic_error("the scheduler counts wrong:\n" + describe());
  }
}

std::string Reactor::describe() const {
  std::string text = "graph " + std::to_string(graph_) + ": " + std::to_string(seen_total_) +
                     " of " + std::to_string(total_) + " tasks seen, " +
                     std::to_string(reporters_) + " of " + std::to_string(done_.size()) +
                     " ranks have reported";
  if (phase_ == Phase::kAborting) {
    text += ", aborting, round " + std::to_string(round_) + ": " + std::to_string(replies_) +
            " ranks have answered";
  }
  text += phase_ == Phase::kFinished ? ", finished\n" : "\n";
  if (balance_.moved() > 0 || balance_.open() > 0) text += balance_.describe();
  const auto silent = std::find(done_.begin(), done_.end(), kNoReport);
  if (silent == done_.end() || phase_ != Phase::kRunning) return text;
  return text + "  rank " + std::to_string(silent - done_.begin()) +
         " is the first that has not reported: it has work, or owes something\n";
}

}  // namespace rankine::scheduler
