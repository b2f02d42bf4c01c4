#include "apps/bench_metg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "apps/figures.h"
#include "apps/metg_point.h"
#include "collectives/broadcast.h"
#include "collectives/environment.h"
#include "runtime/base/archive.h"
#include "runtime/base/stop_signals.h"

namespace rankine::apps {
namespace {

constexpr double kWallSeconds = 0.05;  // of a run whose steps are not given
// From nothing to about 100 us of a task.
constexpr std::int64_t kIterations[] = {0,   16,   32,   64,   128,   256,
                                        512, 1024, 2048, 4096, 16384, 65536};
constexpr std::size_t kPoints = std::size(kIterations);

enum System { kRankine, kMpi, kOpenmp };
constexpr const char* kSystems[] = {"rankine", "mpi", "openmp"};

// What was measured of one pattern in one system.
struct Series {
  MetgJob job;  // of all points, without steps and iterations
  System system = kRankine;
  int cores = 1;
  std::int64_t steps[kPoints] = {};
  std::vector<double> walls[kPoints];

  MetgJob job_at(std::size_t point) const {
    MetgJob at = job;
    at.steps = steps[point];
    at.iterations = kIterations[point];
    return at;
  }
  double wall(std::size_t point) const { return median(walls[point]); }
  double granularity_us(std::size_t point) const {
    return 1e6 * wall(point) * cores / job_at(point).tasks();
  }
  double flops_per_core(std::size_t point) const {
    return job_at(point).flops() / (wall(point) * cores);
  }
};

// The whole measurement, on every rank; only rank 0 keeps figures.
class Measurement {
 public:
  Measurement(World& world, const RunSettings& settings, const MetgOptions& options)
      : world_(world),
        settings_(settings),
        options_(options) {
    collectives::Communicator& communicator = world.communicator();
    const int all = communicator.size() * settings.threads;
    const int own_node = std::min(all, collectives::affinity_cores());
    const int cores[] = {all, communicator.size(), std::max(1, own_node)};
    for (const std::int64_t width : options.widths) {
      for (const std::string& name : options.patterns) {
        for (const System system : {kRankine, kMpi, kOpenmp}) {
          Series& series = series_.emplace_back();
          series.job.pattern = Pattern::kind_of(name);
          series.job.width = width;
          series.job.graphs = options.graphs;
          series.job.imbalance = options.imbalance;
          series.system = system;
          series.cores = cores[system];
        }
      }
    }
  }

  // False on every rank if a session failed, which has told so.
  bool run() {
    for (int turn = 0; turn < options_.repeat; ++turn) {
      for (std::size_t i = 0; i < series_.size(); i += std::size(kSystems)) {
        if (turn == 0 && !compare(&series_[i])) return false;
        if (!measure_grids(series_[i + kRankine])) return false;
        measure(series_[i + kMpi], [&](const MetgJob& job) { return run_by_hand(world_, job); });
        measure(series_[i + kOpenmp], [&](const MetgJob& job) {
          return is_first() ? run_openmp(series_[i + kOpenmp].cores, job) : MetgRun();
        });
      }
    }
    return true;
  }
  int code() const { return code_; }
  const std::vector<Series>& series() const { return series_; }

 private:
  using Run = std::function<MetgRun(const MetgJob&)>;
  bool is_first() const { return world_.communicator().rank() == 0; }

  // The systems must do the same work: the values of a small run.
  bool compare(const Series* three) {
    MetgJob job = three[kRankine].job;
    job.steps = 50;
    job.iterations = 1;
    MetgRun grids;
    if (!session([&](Session& session) { grids = run_grids(session, job); })) return false;
    const MetgRun by_hand = run_by_hand(world_, job);
    if (!is_first()) return true;
    const MetgRun openmp = run_openmp(three[kOpenmp].cores, job);
    if (grids.values != by_hand.values || grids.values != openmp.values) {
      throw Error(ExitCode::kDiffers, "grids, MPI and OpenMP compute different values");
    }
    return true;
  }
  bool session(const Client& client) {
    code_ = world_.session(settings_, client);
    return code_ == 0;
  }

  bool measure_grids(Series& series) {
    return session([&](Session& session) {
      MetgJob warm_up = series.job;
      warm_up.steps = kProbeSteps;
      run_grids(session, warm_up);
      for (std::size_t point = 0; point < kPoints; ++point) {
        const auto run = [&](const MetgJob& job) { return run_grids(session, job); };
        measure_point(series, point, run, [](std::int64_t steps) { return steps; });
      }
    });
  }
  void measure(Series& series, const Run& run) {
    for (std::size_t point = 0; point < kPoints; ++point) {
      measure_point(series, point, run, [&](std::int64_t steps) {
        Bytes bytes = to_bytes(steps);
        collectives::broadcast(world_.communicator(), 0, bytes);
        return from_bytes<std::int64_t>(bytes);
      });
    }
  }
  // agree: the steps that rank 0 chose, on all that take part.
  template <class Agree>
  void measure_point(Series& series, std::size_t point, const Run& run, const Agree& agree) {
    if (StopSignals::received() != 0) throw stopped_by_signal();
    std::int64_t& steps = series.steps[point];
    if (steps == 0) {
      steps = options_.steps > 0 ? options_.steps : kProbeSteps;
      // The first estimate counts what does not depend on the steps, the second hardly.
      const int estimates = options_.steps > 0 ? 0 : 2;
      for (int i = 0; i < estimates; ++i) {
        steps = agree(steps_for(steps, run(series.job_at(point)).wall_s));
      }
    }
    series.walls[point].push_back(run(series.job_at(point)).wall_s);
  }
  static std::int64_t steps_for(std::int64_t probed, double wall_s) {
    const double wanted = static_cast<double>(probed) * kWallSeconds / std::max(wall_s, 1e-6);
    return std::clamp<std::int64_t>(std::llround(wanted), 10, 1'000'000);
  }
  static constexpr std::int64_t kProbeSteps = 100;

  World& world_;
  RunSettings settings_;
  const MetgOptions& options_;
  std::vector<Series> series_;
  int code_ = 0;
};

std::string us(double value) { return value > 0 ? fmt::format("{:.3f}", value) : "-"; }

}  // namespace

MetgResult measure_metg(World& world, const RunSettings& settings, const MetgOptions& options) {
  Measurement measurement(world, settings, options);
  MetgResult result;
  const bool done = measurement.run();
  result.code = measurement.code();
  if (!done || world.communicator().rank() != 0) return result;
  for (const Series& series : measurement.series()) {
    for (std::size_t point = 1; point < kPoints; ++point) {
      result.peak_flops = std::max(result.peak_flops, series.flops_per_core(point));
    }
  }
  for (const Series& series : measurement.series()) {
    MetgFigure& figure = result.figures.emplace_back();
    figure.pattern = Pattern::names()[static_cast<std::size_t>(series.job.pattern)];
    figure.width = series.job.width;
    figure.system = kSystems[series.system];
    figure.cores = series.cores;
    figure.floor_us = series.granularity_us(0);
    std::vector<MetgPoint> points;
    for (std::size_t point = 0; point < kPoints; ++point) {
      points.push_back(
          {series.granularity_us(point), series.flops_per_core(point) / result.peak_flops});
    }
    figure.metg_us = metg_of(points);
  }
  return result;
}

std::string text_of(const MetgResult& result) {
  std::string text = fmt::format("{:<11} {:>6} {:<8} {:>5} {:>10} {:>10}\n", "pattern", "width",
                                 "system", "cores", "floor us", "METG us");
  for (const MetgFigure& figure : result.figures) {
    text += fmt::format("{:<11} {:>6} {:<8} {:>5} {:>10} {:>10}\n", figure.pattern, figure.width,
                        figure.system, figure.cores, us(figure.floor_us), us(figure.metg_us));
  }
  return text + fmt::format("peak {:.2f} GFLOP/s of a core\n", 1e-9 * result.peak_flops);
}

void write_json(const std::string& path, const std::vector<MetgFigure>& figures) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const MetgFigure& figure : figures) {
    json.push_back({{"pattern", figure.pattern},
                    {"width", figure.width},
                    {"system", figure.system},
                    {"floor_us", figure.floor_us},
                    {"metg_us", figure.metg_us > 0 ? nlohmann::ordered_json(figure.metg_us)
                                                   : nlohmann::ordered_json()}});
  }
  write_figures(path, json.dump(2));
}

}  // namespace rankine::apps
