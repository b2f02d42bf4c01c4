#include "apps/bench_balance.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "apps/bench_pattern.h"
#include "apps/bench_work.h"
#include "apps/figures.h"
#include "collectives/environment.h"
#include "runtime/rankine.h"

namespace rankine::apps {
namespace {

double seconds_of(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

struct Span {
  double start_s = 0;
  double end_s = 0;
  double work_s = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(start_s, end_s, work_s);
  }
};

Span sleep_for(double seconds) {
  const double start = seconds_of(CLOCK_MONOTONIC);
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  return {start, seconds_of(CLOCK_MONOTONIC), seconds};
}

// Of this thread, whatever else the core does.
Span compute_for(double seconds) {
  const double start = seconds_of(CLOCK_MONOTONIC);
  const double first = seconds_of(CLOCK_THREAD_CPUTIME_ID);
  double spent = 0;
  volatile double value = seconds;  // so that it is computed
  while (spent < seconds) {
    value = multiply_add(1024, value);
    spent = seconds_of(CLOCK_THREAD_CPUTIME_ID) - first;
  }
  return {start, seconds_of(CLOCK_MONOTONIC), spent};
}

BalanceFigure run_once(Session& session, const BalanceOptions& options, bool sleeps, bool steal) {
  BalanceFigure figure;
  figure.tasks = sleeps ? "sleep" : "compute";
  figure.steal = steal;
  figure.threads = session.ranks() * session.threads();
  const int at_once =
      sleeps ? figure.threads : std::min(figure.threads, collectives::affinity_cores());
  std::vector<Delayed<Span>> tasks;
  for (std::int64_t i = 0; i < options.tasks * figure.threads; ++i) {
    const double seconds = 2e-6 * options.task_us * uniform(7, i, 0, 0);
    tasks.push_back(delayed(sleeps ? sleep_for : compute_for, seconds));
  }
  session.set_steal(steal);
  const std::int64_t before = session.stages().tasks_stolen();
  const std::vector<Span> spans = session.compute(tasks);
  figure.stolen = session.stages().tasks_stolen() - before;
  double start = spans.front().start_s, end = 0, work = 0, longest = 0;
  for (const Span& span : spans) {
    start = std::min(start, span.start_s);
    end = std::max(end, span.end_s);
    work += span.work_s;
    longest = std::max(longest, span.work_s);
  }
  figure.makespan_s = end - start;
  figure.ideal_s = std::max(longest, work / at_once);
  return figure;
}

}  // namespace

std::vector<BalanceFigure> measure_balance(Session& session, const BalanceOptions& options) {
  const bool steal = session.settings().steal;
  std::vector<BalanceFigure> figures;
  for (const bool sleeps : {true, false}) {
    std::vector<BalanceFigure> runs[2];
    for (int turn = 0; turn < options.repeat; ++turn) {
      for (const bool on : {false, true}) {
        runs[on ? 1 : 0].push_back(run_once(session, options, sleeps, on));
      }
    }
    for (auto& kind : runs) {
      std::sort(kind.begin(), kind.end(),
                [](const auto& a, const auto& b) { return a.efficiency() < b.efficiency(); });
      figures.push_back(kind[kind.size() / 2]);
    }
  }
  session.set_steal(steal);
  return figures;
}

std::string text_of(const std::vector<BalanceFigure>& figures) {
  std::string text = fmt::format("{:<8} {:>6} {:>8} {:>12} {:>10} {:>11} {:>8}\n", "tasks", "steal",
                                 "threads", "makespan ms", "ideal ms", "efficiency", "stolen");
  for (const BalanceFigure& figure : figures) {
    text += fmt::format("{:<8} {:>6} {:>8} {:>12.2f} {:>10.2f} {:>11.3f} {:>8}\n", figure.tasks,
                        figure.steal ? "on" : "off", figure.threads, 1e3 * figure.makespan_s,
                        1e3 * figure.ideal_s, figure.efficiency(), figure.stolen);
  }
  return text;
}

void write_json(const std::string& path, const std::vector<BalanceFigure>& figures) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const BalanceFigure& figure : figures) {
    json.push_back({{"tasks", figure.tasks},
                    {"steal", figure.steal},
                    {"threads", figure.threads},
                    {"makespan_s", figure.makespan_s},
                    {"ideal_s", figure.ideal_s},
                    {"efficiency", figure.efficiency()},
                    {"tasks_stolen", figure.stolen}});
  }
  write_figures(path, json.dump(2));
}

}  // namespace rankine::apps
