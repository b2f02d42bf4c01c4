#include "apps/bench_tasks.h"

#include <fmt/format.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "apps/figures.h"
#include "runtime/base/clock.h"

namespace rankine::apps {
namespace {

using Task = Delayed<std::int64_t>;

std::int64_t nothing() { return 1; }
std::int64_t next(std::int64_t count) { return count + 1; }
std::int64_t both(std::int64_t a, std::int64_t b) { return a + b + 1; }
std::int64_t all(const std::vector<std::int64_t>& counts) {
  std::int64_t sum = 1;
  for (const std::int64_t count : counts) sum += count;
  return sum;
}

// One task more, which makes the graphs of two turns different ones: a graph that was run before is
// not sent again.
std::int64_t mark(std::int64_t count, int) { return count; }

// Each returns the one task that needs all others, and counts them.
Task wide(std::int64_t tasks) {
  std::vector<Task> many;
  many.reserve(static_cast<std::size_t>(tasks));
  for (std::int64_t i = 1; i < tasks; ++i) many.push_back(delayed(nothing));
  return delayed(all, many);
}
Task chain(std::int64_t tasks) {
  Task last = delayed(nothing);
  for (std::int64_t i = 1; i < tasks; ++i) last = delayed(next, last);
  return last;
}
Task tree(std::int64_t tasks) {
  std::vector<Task> level;
  for (std::int64_t i = 0; i < (tasks + 1) / 2; ++i) level.push_back(delayed(nothing));
  while (level.size() > 1) {
    std::vector<Task> above;
    for (std::size_t i = 0; i + 1 < level.size(); i += 2) {
      above.push_back(delayed(both, level[i], level[i + 1]));
    }
    if (level.size() % 2 == 1) above.push_back(level.back());
    level = std::move(above);
  }
  return level.front();
}

struct Kind {
  const char* name;
  std::function<Task(std::int64_t)> build;
};
const Kind kKinds[] = {{"wide", wide}, {"chain", chain}, {"tree", tree}};
constexpr std::size_t kKindCount = std::size(kKinds);

// A tree has an odd number of tasks.
std::int64_t expected_count(std::size_t kind, std::int64_t tasks) {
  return kind == 2 ? tasks - 1 + tasks % 2 : tasks;
}

struct Times {
  std::vector<double> construct, run;
};

void measure_once(Session& session, std::size_t kind, std::int64_t tasks, int turn, Times& times,
                  TasksFigure& figure) {
  const Stopwatch building;
  const Task last = delayed(mark, kKinds[kind].build(tasks), turn);
  times.construct.push_back(building.seconds());
  const std::int64_t bytes_before = session.stages().bytes_broadcast();
  const Stopwatch running;
  figure.tasks = session.compute(last);
  times.run.push_back(running.seconds());
  if (figure.tasks != expected_count(kind, tasks)) {
    throw Error(ExitCode::kDiffers,
                fmt::format("{}: {} tasks were counted instead of {}", kKinds[kind].name,
                            figure.tasks, expected_count(kind, tasks)));
  }
  figure.graph_bytes = static_cast<double>(session.stages().bytes_broadcast() - bytes_before) /
                       static_cast<double>(figure.tasks);
}

// The most that each rank ever had in memory, in bytes.
std::vector<double> peaks(Session& session) {
  const auto stages = nlohmann::json::parse(session.stages().json(session.threads()));
  std::vector<double> bytes;
  for (const auto& rank : stages.at("ranks_detail")) bytes.push_back(rank.at("peak_rss_bytes"));
  return bytes;
}

}  // namespace

std::vector<double> resident_per_task(Session& session, std::int64_t tasks) {
  session.compute(tree(2));
  const Task last = tree(tasks);  // what rank 0 has of it as a program does not count
  session.compute(delayed(nothing));
  const std::vector<double> before = peaks(session);
  session.compute(last);
  std::vector<double> bytes = peaks(session);
  for (std::size_t rank = 0; rank < bytes.size(); ++rank) {
    bytes[rank] = (bytes[rank] - before[rank]) / static_cast<double>(tasks);
  }
  return bytes;
}

std::vector<TasksFigure> measure_tasks(Session& session, std::int64_t tasks, int repeat) {
  Times times[kKindCount];
  std::vector<TasksFigure> figures(kKindCount);
  for (int turn = 0; turn < repeat; ++turn) {
    for (std::size_t i = 0; i < kKindCount; ++i) {
      measure_once(session, i, tasks, turn, times[i], figures[i]);
    }
  }
  for (std::size_t i = 0; i < kKindCount; ++i) {
    figures[i].graph = kKinds[i].name;
    figures[i].construct_s = median(times[i].construct);
    figures[i].run_s = median(times[i].run);
    figures[i].ranks = session.ranks();
  }
  return figures;
}

std::string text_of(const std::vector<TasksFigure>& figures) {
  std::string text = fmt::format("{:<6} {:>10} {:>14} {:>10} {:>12} {:>15}\n", "graph", "tasks",
                                 "construct us", "run us", "tasks/s", "bytes per task");
  for (const TasksFigure& figure : figures) {
    const auto per_task = [&](double seconds) {
      return 1e6 * seconds / static_cast<double>(figure.tasks);
    };
    text += fmt::format("{:<6} {:>10} {:>14.3f} {:>10.3f} {:>12.0f} {:>15.1f}\n", figure.graph,
                        figure.tasks, per_task(figure.construct_s), per_task(figure.run_s),
                        figure.tasks_per_s(), figure.graph_bytes);
  }
  return text;
}

void write_json(const std::string& path, const std::vector<TasksFigure>& figures) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const TasksFigure& figure : figures) {
    json.push_back({{"graph", figure.graph},
                    {"tasks", figure.tasks},
                    {"tasks_per_s", figure.tasks_per_s()},
                    {"bytes_per_task", figure.graph_bytes},
                    {"ranks", figure.ranks}});
  }
  write_figures(path, json.dump(2));
}

}  // namespace rankine::apps
