// Engine: signs of life of the ranks, and the question who waits for what when nothing completes.
#include <algorithm>
#include <set>

#include "runtime/base/stop_signals.h"
#include "runtime/session/engine.h"

namespace rankine::session {
namespace {

using protocol::Kind;
using protocol::Message;

constexpr double kBetweenSigns = 1;  // seconds
constexpr double kBetweenLooks = 0.05;
constexpr double kAnswerSeconds = 5;     // for an explanation
constexpr std::size_t kLongest = 16384;  // bytes of one

}  // namespace

// Part of every turn. True if a sign was given.
bool Engine::watch() {
  const double now = watch_.clock.seconds();
  const double gap = now - std::exchange(watch_.last_s, now);
  if (communicator_.rank() == 0) {
    // While this rank did not look, it heard of nobody.
    if (gap > kBetweenSigns) {
      for (double& heard : watch_.heard_s) heard += gap;
    }
    if (launches_.empty()) {
      watch_.heard_s.clear();
      watch_.completed = -1;
      return false;
    }
    if (now < watch_.next_look_s) return false;  // it takes a look at every rank
    watch_.next_look_s = now + kBetweenLooks;
    give_signs(now);
    watch_ranks(now);
    watch_stop(now);
    watch_tasks(now);
    return false;
  }
  if (flights_.empty()) {
    watch_.heard_scheduler_s.reset();
    return false;
  }
  watch_scheduler(now, gap);
  if (now < watch_.next_alive_s) return false;
  watch_.next_alive_s = now + kBetweenSigns;
  loop_.mail().send(0, sign_of_life());
  return true;
}

Message Engine::sign_of_life() const {
  const worker::GraphTask last = loop_.last_task();
  Message message;
  message.kind = Kind::kAlive;
  message.graph = last.graph;
  message.chunk.layer = last.task.layer;
  message.chunk.position = last.task.position;
  return message;
}

void Engine::on_sign(int from, const Message& message) {
  const auto rank = static_cast<std::size_t>(from);
  if (watch_.signs.size() <= rank) watch_.signs.resize(rank + 1);
  watch_.signs[rank] = {watch_.clock.seconds(),
                        {message.graph, {message.chunk.layer, message.chunk.position}}};
}

// "rank 2 on node7"
std::string Engine::name_of(int rank) const {
  const auto index = static_cast<std::size_t>(rank);
  const bool told = index < options_.nodes.size() && !options_.nodes[index].empty();
  return "rank " + std::to_string(rank) + (told ? " on " + options_.nodes[index] : "");
}

// "" if it did not tell of one that is in flight here.
std::string Engine::last_task_of(int rank) const {
  const auto index = static_cast<std::size_t>(rank);
  if (index >= watch_.signs.size()) return {};
  const Sign& sign = watch_.signs[index];
  const std::string story = loop_.story(sign.task);
  if (story.empty()) return {};
  const auto ago = static_cast<int>(watch_.clock.seconds() - sign.said_s);
  return "its last task, as it said " + std::to_string(ago) + " s ago: " + story;
}

void Engine::give_signs(double now_s) {
  if (now_s < watch_.next_alive_s) return;
  watch_.next_alive_s = now_s + kBetweenSigns;
  const Message message = sign_of_life();
  for (int rank = 1; rank < communicator_.size(); ++rank) loop_.mail().send(rank, message);
}

// Without rank 0 nothing ends the others but their launcher, and some wait long: srun sends TERM
// when one of its tasks dies, and KILL half a minute later. A rank that got a signal otherwise
// waits for what rank 0 makes of it.
void Engine::watch_scheduler(double now_s, double gap_s) {
  if (!watch_.heard_scheduler_s) watch_.heard_scheduler_s = now_s;
  if (gap_s > kBetweenSigns) *watch_.heard_scheduler_s += gap_s;
  if (StopSignals::received() != 0 && !watch_.signal_s) watch_.signal_s = now_s;
  if (options_.silence_s <= 0) return;
  const double silent = now_s - *watch_.heard_scheduler_s;
  // The first that notices speaks and ends the others, which notice a little later.
  const double turn = 0.5 * std::min(communicator_.rank() - 1, 10);
  // It may settle what an earlier graph left while the others are done with it.
  bool gone = silent >= 3 * options_.silence_s + turn;
  if (watch_.signal_s) {
    gone |= std::min(silent, now_s - *watch_.signal_s) >= options_.silence_s + turn;
  }
  if (!gone) return;
  const bool resumable =
      std::ranges::any_of(flights_, [](const auto& flight) { return flight.second.logs; });
  abandon(Error(resumable ? ExitCode::kStopped : ExitCode::kTaskFailed,
                name_of(0) + ", the scheduler, has given no sign of life for " +
                    std::to_string(static_cast<int>(silent)) + " s",
                last_task_of(0),
                resumable ? "look at the node it runs on; then the same command with --resume"
                          : "look at the node it runs on: it may be stopped, swapping or cut off"));
}

// Whoever has not got the graph yet is silent for good reason, so silence counts from its start.
void Engine::watch_ranks(double now_s) {
  if (watch_.heard_s.empty()) {
    watch_.heard_s.assign(static_cast<std::size_t>(communicator_.size()), now_s);
  }
  if (options_.silence_s <= 0) return;
  for (int rank = 1; rank < communicator_.size(); ++rank) {
    const double silent = now_s - watch_.heard_s[static_cast<std::size_t>(rank)];
    if (silent < options_.silence_s) continue;
    Error error(ExitCode::kTaskFailed,
                name_of(rank) + " has given no sign of life for " +
                    std::to_string(static_cast<int>(silent)) + " s",
                last_task_of(rank),
                "look at the node it runs on: it may be stopped, swapping or cut off");
    error.transient = true;
    abandon(error);
  }
}

// Launchers tell all ranks to stop when one dies: it is among those that do not answer.
void Engine::watch_stop(double now_s) {
  if (StopSignals::received() == 0) return;
  if (!watch_.signal_s) watch_.signal_s = now_s;
  if (!overdue(now_s - *watch_.signal_s)) return;
  std::set<int> silent;  // since the signal; others may just be about to answer
  for (const auto& [number, launch] : launches_) {
    for (const int rank : launch.scheduler->unanswered()) {
      if (watch_.heard_s[static_cast<std::size_t>(rank)] < *watch_.signal_s) silent.insert(rank);
    }
  }
  Error error = stopped_by_signal();
  if (!silent.empty()) {
    const int first = *silent.begin();
    error.message += ", which " + name_of(first);
    if (silent.size() > 1) error.message += " and " + std::to_string(silent.size() - 1) + " more";
    error.message += " did not heed";
    error.where = last_task_of(first);
  }
  abandon(error);
}

void Engine::watch_tasks(double now_s) {
  std::int64_t completed = graphs_over_;
  for (const auto& [number, launch] : launches_) completed += launch.scheduler->tasks_seen();
  if (completed != watch_.completed) {
    watch_.completed = completed;
    watch_.changed_s = now_s;
    watch_.patience_s = options_.stall_s;
    watch_.asked_s.reset();
    return;
  }
  if (watch_.asked_s) {
    const bool all = std::all_of(watch_.answers.begin(), watch_.answers.end(),
                                 [](const auto& answer) { return answer.has_value(); });
    if (all || now_s - *watch_.asked_s > kAnswerSeconds) tell_why();
  } else if (options_.stall_s > 0 && options_.on_stall &&
             now_s - watch_.changed_s >= watch_.patience_s) {
    ask_why(now_s);
  }
}

void Engine::ask_why(double now_s) {
  watch_.asked_s = now_s;
  watch_.answers.assign(static_cast<std::size_t>(communicator_.size()), std::nullopt);
  Message message;
  message.kind = Kind::kExplain;
  for (int rank = 0; rank < communicator_.size(); ++rank) loop_.mail().send(rank, message);
}

void Engine::explain(int to) {
  std::string text = loop_.describe();
  if (text.size() > kLongest) text.resize(kLongest);
  const auto bytes = std::as_bytes(std::span(text));
  Message message;
  message.kind = Kind::kExplanation;
  message.bytes = static_cast<std::int64_t>(bytes.size());
  loop_.mail().send(to, message, bytes);
}

// An answer may come too late.
void Engine::on_explanation(int from, std::span<const std::byte> payload) {
  if (!watch_.asked_s) return;
  watch_.answers[static_cast<std::size_t>(from)] =
      std::string(reinterpret_cast<const char*>(payload.data()), payload.size());
}

void Engine::tell_why() {
  const double still = watch_.clock.seconds() - watch_.changed_s;
  std::string text =
      "nothing has completed for " + std::to_string(static_cast<int>(still)) + " s\n";
  for (std::size_t rank = 0; rank < watch_.answers.size(); ++rank) {
    text +=
        "rank " + std::to_string(rank) + ":\n" +
        watch_.answers[rank].value_or("  no answer: it may be stopped, or busy outside tasks\n");
  }
  options_.on_stall(text);
  watch_.asked_s.reset();
  watch_.patience_s = 2 * std::max(still, watch_.patience_s);
}

}  // namespace rankine::session
