// bench metg: one run in each of the systems that it compares.
#include <algorithm>
#include <array>
#include <memory>

#include "apps/bench_metg.h"
#include "collectives/broadcast.h"
#include "collectives/gather.h"
#include "collectives/mpi/column_exchange.h"
#include "runtime/base/archive.h"
#include "runtime/base/clock.h"

namespace rankine::apps {
namespace {

Cell run_task(const GridPoint& at, const Inputs<Cell>& before, const Work& work) {
  return work.run(at[0], at[1], before.size(),
                  [&](std::size_t i) -> const Cell& { return before[i]; });
}
Cell run_lone_task(const GridPoint& at, const Work& work) {
  return work.run(at[0], at[1], 0, [](std::size_t) { return Cell(); });
}

TaskGrid<Cell> grid_of(const MetgJob& job, std::int64_t graph) {
  const Work work = job.work(graph);
  const GridCounts counts{job.steps, job.width};
  const auto with = [&](const auto& input) {
    return TaskGrid<Cell>(counts, run_task, input, work);
  };
  const Reach before = reach::offset(-1);
  switch (job.pattern) {
    case Pattern::Kind::kTrivial: return TaskGrid<Cell>(counts, run_lone_task, work);
    case Pattern::Kind::kStencil: return with(itself(before, reach::offset(-1, 1)));
    case Pattern::Kind::kNearest: return with(itself(before, reach::offset(-2, 2)));
    case Pattern::Kind::kTree: return with(itself(before, reach::scaled(1, 0, 0, 2)));
    case Pattern::Kind::kAllToAll: return with(itself(before, reach::every()));
    default: return with(itself(PatternCode{work.pattern}));
  }
}

// Two rows of one graph, of which a rank computes some columns.
struct Rows {
  explicit Rows(const Work& what)
      : work(what),
        old(static_cast<std::size_t>(what.pattern.width())),
        now(old) {}
  void compute(std::int64_t step, std::int64_t column) {
    if (step == 0) {
      now[column] = work.run(0, column, 0, [](std::size_t) { return Cell(); });
      return;
    }
    const auto columns = work.pattern.inputs(step, column);
    now[column] = work.run(step, column, columns.size(),
                           [&](std::size_t i) -> const Cell& { return old[columns[i]]; });
  }
  const Work work;
  std::vector<Cell> old, now;
};

// The columns [first, last) of a rank, and what it exchanges before each step of a period.
class Block {
 public:
  Block(std::int64_t width, int rank, int ranks)
      : ranks_(ranks),
        width_(width),
        rank_(rank),
        first(begin_of(rank)),
        last(begin_of(rank + 1)) {}
  std::vector<collectives::ColumnExchange::Step> exchanges(const Pattern& pattern) const {
    std::vector<collectives::ColumnExchange::Step> steps(
        static_cast<std::size_t>(pattern.period()));
    for (std::int64_t phase = 0; phase < pattern.period(); ++phase) {
      for (std::int64_t column = 0; column < width_; ++column) {
        const int owner = owner_of(column);
        std::vector<bool> needs(static_cast<std::size_t>(ranks_), false);
        for (const std::int64_t user : pattern.consumers(phase + 1, column)) {
          needs[owner_of(user)] = true;
        }
        for (int rank = 0; rank < ranks_; ++rank) {
          if (!needs[rank] || rank == owner) continue;
          if (owner == rank_) steps[phase].sends.push_back({rank, column});
          if (rank == rank_) steps[phase].receives.push_back({owner, column});
        }
      }
    }
    return steps;
  }

 private:
  std::int64_t begin_of(int rank) const { return (width_ * rank + ranks_ - 1) / ranks_; }
  int owner_of(std::int64_t column) const { return static_cast<int>(column * ranks_ / width_); }

  int ranks_;
  std::int64_t width_;
  int rank_;

 public:
  const std::int64_t first, last;
};

// All graphs side by side: what one exchanges is under way while another one computes.
void step_by_step(const MetgJob& job, const Block& block, std::vector<Rows>& graphs,
                  std::vector<std::unique_ptr<collectives::ColumnExchange>>& exchanges) {
  for (std::int64_t step = 0; step < job.steps; ++step) {
    for (std::size_t g = 0; g < graphs.size(); ++g) {
      std::swap(graphs[g].old, graphs[g].now);
      if (step == 0) continue;
      const auto phase = static_cast<std::size_t>((step - 1) % graphs[g].work.pattern.period());
      exchanges[g]->start(phase, reinterpret_cast<std::byte*>(graphs[g].old.data()));
    }
    for (std::size_t g = 0; g < graphs.size(); ++g) {
      exchanges[g]->finish();
      for (std::int64_t c = block.first; c < block.last; ++c) graphs[g].compute(step, c);
    }
  }
}

}  // namespace

Work MetgJob::work(std::int64_t graph) const {
  return {Pattern(pattern, width, static_cast<std::uint64_t>(graph)), iterations, imbalance, graph};
}

double MetgJob::flops() const {
  if (!imbalance) return tasks() * static_cast<double>(iterations) * kFlopsPerIteration;
  double sum = 0;
  for (std::int64_t graph = 0; graph < graphs; ++graph) {
    const Work work = this->work(graph);
    for (std::int64_t step = 0; step < steps; ++step) {
      for (std::int64_t column = 0; column < width; ++column) {
        sum += static_cast<double>(work.iterations_of(step, column));
      }
    }
  }
  return sum * kFlopsPerIteration;
}

MetgRun run_grids(Session& session, const MetgJob& job) {
  MetgRun run;
  const Stopwatch wall;
  std::vector<GridValues<Cell>> last;
  for (std::int64_t graph = 0; graph < job.graphs; ++graph) {
    last.push_back(grid_of(job, graph).slice(0, job.steps - 1));
  }
  const std::vector<std::vector<Cell>> rows = session.compute(last);
  run.wall_s = wall.seconds();
  for (const std::vector<Cell>& row : rows) {
    for (const Cell& cell : row) run.values.push_back(cell.value);
  }
  return run;
}

MetgRun run_by_hand(World& world, const MetgJob& job) {
  collectives::Communicator& communicator = world.communicator();
  const Block block(job.width, communicator.rank(), communicator.size());
  std::vector<Rows> graphs;
  std::vector<std::unique_ptr<collectives::ColumnExchange>> exchanges;
  for (std::int64_t graph = 0; graph < job.graphs; ++graph) {
    graphs.emplace_back(job.work(graph));
    exchanges.push_back(std::make_unique<collectives::ColumnExchange>(
        block.exchanges(graphs.back().work.pattern), sizeof(Cell),
        static_cast<int>(graph * job.width)));
  }
  MetgRun run;
  collectives::barrier(communicator);
  const Stopwatch wall;
  step_by_step(job, block, graphs, exchanges);
  std::vector<std::vector<double>> mine;  // by graph
  for (const Rows& rows : graphs) {
    mine.emplace_back();
    for (std::int64_t c = block.first; c < block.last; ++c) {
      mine.back().push_back(rows.now[c].value);
    }
  }
  std::vector<std::vector<std::vector<double>>> all;  // by rank
  for (const Bytes& bytes : collectives::gather(communicator, 0, to_bytes(mine))) {
    all.push_back(from_bytes<std::vector<std::vector<double>>>(bytes));
  }
  run.wall_s = wall.seconds();
  for (std::size_t g = 0; g < graphs.size(); ++g) {
    for (const auto& ranks : all) {
      run.values.insert(run.values.end(), ranks[g].begin(), ranks[g].end());
    }
  }
  return run;
}

namespace {

// Rows in turn, so that a task need not wait for readers of the row that it overwrites.
constexpr std::int64_t kRows = 4;
// libgomp searches all tasks of an address that have not been waited for: without a wait now and
// then the cost of a task grows with their number, to hundreds of microseconds.
constexpr std::int64_t kStepsBetweenWaits = 16;
struct OpenmpGraph {
  explicit OpenmpGraph(const Work& what) : work(what) {
    for (auto& row : rows) row.resize(static_cast<std::size_t>(what.pattern.width()));
  }
  const Work work;
  std::array<std::vector<Cell>, kRows> rows;
};

void spawn(const OpenmpGraph& graph, std::int64_t step, std::int64_t column, Cell* old, Cell* now) {
  const Work& work = graph.work;
  if (step == 0 || !work.pattern.reads()) {
#pragma omp task depend(out : now[column]) firstprivate(step, column, now) shared(work)
    now[column] = work.run(step, column, 0, [](std::size_t) { return Cell(); });
    return;
  }
  const auto columns = work.pattern.inputs(step, column);
  const std::int64_t* const from = columns.data();
  const auto count = static_cast<std::int64_t>(columns.size());
#pragma omp task depend(iterator(std::int64_t k = 0           \
                                 : count),                    \
                        in                                    \
                        : old[from[k]]) depend(out            \
                                               : now[column]) \
    firstprivate(step, column, old, now, from, count) shared(work)
  now[column] = work.run(step, column, static_cast<std::size_t>(count),
                         [&](std::size_t i) -> const Cell& { return old[from[i]]; });
}

}  // namespace

MetgRun run_openmp(int threads, const MetgJob& job) {
  std::vector<OpenmpGraph> graphs;
  for (std::int64_t graph = 0; graph < job.graphs; ++graph) graphs.emplace_back(job.work(graph));
  MetgRun run;
  const Stopwatch wall;
#pragma omp parallel num_threads(threads)
#pragma omp single
  for (std::int64_t step = 0; step < job.steps; ++step) {
    for (OpenmpGraph& graph : graphs) {
      Cell* const now = graph.rows[step % kRows].data();
      Cell* const old = graph.rows[(step + kRows - 1) % kRows].data();
      for (std::int64_t column = 0; column < job.width; ++column) {
        spawn(graph, step, column, old, now);
      }
    }
    if (step % kStepsBetweenWaits == kStepsBetweenWaits - 1) {
#pragma omp taskwait
    }
  }
  run.wall_s = wall.seconds();
  for (const OpenmpGraph& graph : graphs) {
    for (const Cell& cell : graph.rows[(job.steps - 1) % kRows]) run.values.push_back(cell.value);
  }
  return run;
}

}  // namespace rankine::apps
