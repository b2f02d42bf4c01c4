// GraphRun: what a rank tells rank 0 of a graph, and tasks of it that ran elsewhere.
#include <string>
#include <utility>

#include "runtime/base/archive.h"
#include "runtime/worker/chunk_names.h"
#include "runtime/worker/graph_run.h"

namespace rankine::worker {
namespace {

using protocol::Kind;

constexpr double kAdvanceSeconds = 0.2;  // between messages that only say how far a rank is
constexpr double kMeasureSeconds = 0.001;
// Between messages about keys of a rank whose threads are busy; and as much for every rank, so that
// rank 0 has not more than so many to take.
constexpr double kLowestSeconds = 0.001;
constexpr double kLowestSecondsPerRank = 1e-5;

std::int64_t nanoseconds(double seconds) { return static_cast<std::int64_t>(seconds * 1e9); }

}  // namespace

bool GraphRun::settle_returned() {
  std::vector<Steal::Returned> returned = steal_.take_returned();
  for (auto& [task, outputs] : returned) {
    const auto* tasks = std::get_if<graph::Explicit>(&topology_->graph().layers[task.layer].kind);
    if (tasks != nullptr && tasks->holds_results) {
      to_keep_.insert(to_keep_.end(), outputs.begin(), outputs.end());
    }
    std::vector<Users> users(outputs.size());
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      board_.find_users(outputs[i].chunk, users[i]);
    }
    put_down(task, outputs, users);
    steal_.note_settled(task, board_);
  }
  if (returned.empty()) return false;
  note_change();
  return true;
}

// Before the report that may be the last one; the store may feed other graphs, which lock
// themselves.
void GraphRun::keep_returned() {
  std::vector<Output> outputs;
  {
    const std::lock_guard lock(state_);
    outputs.swap(to_keep_);
  }
  for (const Output& output : outputs) {
    held_.put({number_, graph::HeldName::kTaskSlot, output.chunk.position}, output.bytes.buffer);
  }
}

void GraphRun::tell() {
  send_failures();
  send_made();
  tell_advance();
  if (admitted_) tell_lowest();
  report_if_idle();
}

// A rank reports when it has nothing to do and owes nothing; scheduler/reactor.h relies on it.
void GraphRun::report_if_idle() {
  const bool news = board_.tasks_run() != reported_ || steal_.over_here() != reported_moves_;
  if (!news || reactor_.aborting() || !board_.all_certain_done() || !board_.idle() ||
      !reactor_.quiet() || !steal_.quiet() || !transfers_.empty()) {
    return;
  }
  reported_ = board_.tasks_run();
  reported_moves_ = steal_.over_here();
  Message message;
  message.kind = Kind::kProgress;
  message.second = steal_.over_elsewhere() - reported_moves_;
  tell_state(message);
}

void GraphRun::tell_state(Message& state) {
  state.first = told_ = board_.tasks_run();
  steal_.tell(state, board_, nanoseconds(running_for_.seconds()));
  send(0, state, {});
}

// Says something only while a report must follow: tasks have run that none told of, or there are
// some, or some of other ranks. The report or, after an abort, the counts follow on the same
// channel, so this is never the last message of a graph.
void GraphRun::tell_advance() {
  if (reactor_.aborting() || (board_.tasks_run() == told_ && !steal_.on())) return;
  const double now = running_for_.seconds();
  if (now >= next_measure_s_) measure(now);
  const bool due = board_.tasks_run() != told_ && now >= next_advance_s_;
  if (!due && !(steal_.on() && steal_.has_news(board_, nanoseconds(now)))) return;
  next_advance_s_ = now + kAdvanceSeconds;
  Message message;
  message.kind = Kind::kAdvance;
  tell_state(message);
}

void GraphRun::measure(double now_s) {
  next_measure_s_ = now_s + kMeasureSeconds;
  const std::int64_t tasks = board_.tasks_run() - steal_.over_elsewhere() + steal_.over_here();
  const TaskTimes& times = totals_.times;
  const double spent = times.load_s + times.compute_s + times.compress_s + times.write_s;
  if (tasks <= measured_tasks_) return;  // their time is known before they count
  steal_.measure(tasks - std::exchange(measured_tasks_, tasks),
                 nanoseconds(spent - std::exchange(measured_s_, spent)));
}

void GraphRun::answer_ask(const Message& ask) {
  Message answer = steal_.on_ask(ask, desk());
  tell_state(answer);
}

// Changes only when tasks are over; then at once if no other task runs here, for others may wait
// for this one. All is told before the last report.
void GraphRun::tell_lowest() {
  Admission& admission = *board_.admission();
  if (reactor_.aborting() || !admission.has_to_tell()) return;
  const double now = running_for_.seconds();
  if (!board_.running().empty() && now < next_lowest_s_) return;
  next_lowest_s_ = now + kLowestSeconds + kLowestSecondsPerRank * communicator_.size();
  send(0, admission.tell(), {});
}

void GraphRun::pull_admitted() { reactor_.pull_admitted(*board_.admission(), outbox_); }

// A signal may come to rank 0 when the end is decided already: its engine takes such a message for
// what it is.
void GraphRun::send_failures() {
  while (!failures_.empty()) {
    Error error = std::move(failures_.front());
    failures_.pop_front();
    constexpr std::size_t kLongest = 8192;  // of each text: the message must fit a packet
    for (std::string* text : {&error.message, &error.where, &error.remedy, &error.task_story}) {
      if (text->size() > kLongest) text->resize(kLongest);
    }
    const Bytes bytes = to_bytes(error);
    Message message;
    message.kind = Kind::kFailed;
    message.bytes = static_cast<std::int64_t>(bytes.size());
    send(0, message, bytes);
  }
}

// Before the report that may be the last one.
void GraphRun::send_made() {
  for (const Output& result : made_) {
    const auto bytes = std::as_const(*result.bytes.buffer).bytes();
    const bool told = bytes.size() <= static_cast<std::size_t>(protocol::kToldLimit);
    Message message;
    message.kind = Kind::kMade;
    message.chunk = name_of(result.chunk);
    message.bytes = told ? static_cast<std::int64_t>(bytes.size()) : 0;
    message.first = told ? 1 : 0;
    send(0, message, told ? bytes : std::span<const std::byte>());
  }
  made_.clear();
}

}  // namespace rankine::worker
