#include "runtime/worker/loop.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>

namespace rankine::worker {
namespace {

constexpr double kBetweenLooksSeconds = 5e-6;
// A rank without a graph looks at the network as often as one with a graph, for so long.
constexpr double kAlertSeconds = 0.02;

}  // namespace

// A thread that has tasks looks at the network every few microseconds, and at once when it has
// something for others or nothing else to do: the next task may take long.
void Loop::work(int thread, TaskContext& context) {
  collectives::Waiter waiter(cores_);
  const TickCounter::Ticks between_looks = TickCounter::ticks(kBetweenLooksSeconds);
  TickCounter::Ticks next_look = TickCounter::now();
  TickCounter::Ticks last_graph = next_look;
  std::uint64_t seen = 0;
  Runs runs = runs_now(seen);
  GraphRun* current = nullptr;
  Running& slot = running_[static_cast<std::size_t>(thread)];
  while (!stopped_.load(std::memory_order_acquire)) {
    // A graph of which this thread has a task is not over, so it stays in the list.
    if (version_.load(std::memory_order_acquire) != seen) runs = runs_now(seen);
    const bool ran = context.count > 0;
    bool pressing = false;
    if (ran) {
      slot.now.store(true, std::memory_order_relaxed);
      pressing = current->run(context, [&](const TaskId& task) { note(slot, *current, task); });
      slot.now.store(false, std::memory_order_relaxed);
    }
    for (std::size_t i = 0; context.count == 0 && i < runs.size(); ++i) {
      current = runs[i].get();
      current->take(context);
    }
    const bool has_task = context.count > 0;
    bool moved = false;
    const TickCounter::Ticks now = TickCounter::now();
    const bool looks = !has_task || now >= next_look;
    if (looks || pressing) {
      if (looks) next_look = now + between_looks;
      if (std::unique_lock right(right_, std::try_to_lock); right.owns_lock()) {
        if (pressing) send_off();
        if (looks) moved = progress();
      }
    }
    if (!runs.empty()) last_graph = now;
    if (ran || has_task || moved) {
      waiter.progressed();
    } else if (runs.empty()) {
      idle(thread, seen, waiter, TickCounter::seconds(now - last_graph));
    } else {
      waiter.wait();
    }
  }
}

void Loop::note(Running& slot, const GraphRun& run, const TaskId& task) {
  slot.graph.store(run.number(), std::memory_order_relaxed);
  slot.layer.store(task.layer, std::memory_order_relaxed);
  slot.position.store(task.position, std::memory_order_relaxed);
}

// So others get what they pull, and rank 0 a sign of life, however long a task takes.
void Loop::help() {
  std::uint64_t seen = 0;
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    if (published_.empty()) {
      changed_.wait(lock, [&] { return stopped_ || !published_.empty(); });
      continue;
    }
    changed_.wait_for(lock, kBetweenHelps, [&] { return stopped_.load(); });
    lock.unlock();
    if (turns_ == seen) {
      if (std::unique_lock right(right_, std::try_to_lock); right.owns_lock()) progress();
    }
    seen = turns_;
    lock.lock();
  }
}

std::string Loop::describe() const {
  std::string text;
  for (std::size_t thread = 0; thread < running_.size(); ++thread) {
    const Running& slot = running_[thread];
    const bool now = slot.now.load(std::memory_order_relaxed);
    const std::string runs = now ? story(noted(slot)) : std::string();
    text += "  thread " + std::to_string(thread) +
            (runs.empty() ? " has no task\n" : " runs " + runs + "\n");
  }
  for (const auto& run : runs_) {
    text += "  graph " + std::to_string(run->number()) + ": " + run->describe();
  }
  return text;
}

GraphTask Loop::noted(const Running& slot) {
  return {
      slot.graph.load(std::memory_order_relaxed),
      {slot.layer.load(std::memory_order_relaxed), slot.position.load(std::memory_order_relaxed)}};
}

GraphTask Loop::last_task() const {
  GraphTask last;
  for (const Running& slot : running_) {
    if (slot.now.load(std::memory_order_relaxed)) return noted(slot);
    if (noted(slot).graph > last.graph) last = noted(slot);
  }
  return last;
}

std::string Loop::story(const GraphTask& task) const {
  for (const auto& run : runs_) {
    if (run->number() == task.graph) return run->story(task.task);
  }
  return {};
}

void Loop::idle(int thread, std::uint64_t seen, collectives::Waiter& waiter, double idle_s) {
  if (thread == 0 && host_.expects_messages()) {
    if (idle_s < kAlertSeconds) {
      waiter.wait();
    } else {
      collectives::Waiter::rest();
    }
    return;
  }
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] {
    return stopped_ || version_ != seen || (thread == 0 && (woken_ || host_.expects_messages()));
  });
  if (thread == 0) woken_ = false;
}

void Loop::wake() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
  changed_.notify_all();
}

Loop::Runs Loop::runs_now(std::uint64_t& seen) {
  const std::lock_guard lock(mutex_);
  seen = version_;
  return published_;
}

void Loop::publish() {
  const std::lock_guard lock(mutex_);
  published_ = runs_;
  ++version_;
  changed_.notify_all();
}

void Loop::add(std::shared_ptr<GraphRun> run) {
  last_added_ = run->number();
  runs_.push_back(run);
  const auto others = std::stable_partition(early_.begin(), early_.end(), [&](const Early& early) {
    return early.message.graph == run->number();
  });
  for (auto early = early_.begin(); early != others; ++early) {
    run->on_message(early->from, early->message, early->payload);
  }
  early_.erase(early_.begin(), others);
  publish();
}

void Loop::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

void Loop::send_off() {
  for (const auto& run : runs_) run->send_off();
  mail_.flush();
}

bool Loop::progress() {
  turns_.fetch_add(1, std::memory_order_relaxed);
  const int packets =
      communicator_.receive_packets([this](int from, std::span<const std::byte> packet) {
        protocol::for_each_message(packet,
                                   [&](const Message& message, std::span<const std::byte> payload) {
                                     dispatch(from, message, payload);
                                   });
      });
  bool moved = false;
  for (const auto& run : runs_) moved = run->turn() || moved;
  moved = host_.turn() || moved;
  retire();
  mail_.flush();
  return packets > 0 || moved;
}

void Loop::dispatch(int from, const Message& message, std::span<const std::byte> payload) {
  if (!protocol::is_for_graph(message.kind)) return host_.on_message(from, message, payload);
  for (const auto& run : runs_) {
    if (run->number() == message.graph) return run->on_message(from, message, payload);
  }
  if (message.graph <= last_added_) {
    throw std::logic_error("a message came for graph " + std::to_string(message.graph) +
                           ", which is over");
  }
  early_.push_back({from, message, {payload.begin(), payload.end()}});
}

void Loop::retire() {
  Runs over;
  std::erase_if(runs_, [&](const std::shared_ptr<GraphRun>& run) {
    if (!run->over()) return false;
    over.push_back(run);
    return true;
  });
  if (over.empty()) return;
  publish();
  for (const auto& run : over) {
    run->check_over();
    host_.on_over(*run);
  }
}

}  // namespace rankine::worker
