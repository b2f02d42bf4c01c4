#include "runtime/session/prepare.h"

#include <unistd.h>

#include <fstream>
#include <map>

#include "io/probe.h"
#include "runtime/base/clock.h"
#include "runtime/optimize/pushdown.h"

namespace rankine::session {
namespace {

std::string mebibytes(std::int64_t bytes) {
  return std::to_string((bytes + (std::int64_t{1} << 20) - 1) >> 20) + " MiB";
}

// What a process needs beside its chunks: program, libraries, stacks, MPI, caches of the pool.
constexpr std::int64_t kOverhead = std::int64_t{64} << 20;

struct Candidate {
  std::shared_ptr<graph::Graph> graph;
  std::shared_ptr<const graph::Topology> topology;
  plan::Placement placement;
  plan::Footprint footprint;
  std::int64_t bound = 0;
};

Candidate make_candidate(const std::vector<optimize::Target>& targets,
                         const optimize::LowerOptions& lowering, const PrepareOptions& options) {
  Candidate candidate;
  candidate.graph = optimize::lower(targets, lowering);
  candidate.topology = std::make_shared<const graph::Topology>(candidate.graph);
  candidate.placement = plan::Placement(*candidate.topology, options.ranks, options.first_worker);
  candidate.footprint = plan::footprint(*candidate.topology, candidate.placement);
  candidate.bound = resident_bytes() + kOverhead + candidate.footprint.total(options.threads);
  return candidate;
}

std::string names_of(const std::vector<expr::NodePtr>& nodes) {
  std::string names;
  for (const expr::NodePtr& node : nodes) {
    names += (names.empty() ? "" : ", ") + expr::name_of(*node);
  }
  return names;
}

std::vector<optimize::Target> pushed_down(const std::vector<optimize::Target>& targets) {
  std::vector<expr::NodePtr> roots;
  for (const optimize::Target& target : targets) roots.push_back(target.node);
  roots = optimize::push_slices_down(roots);
  std::vector<optimize::Target> result = targets;
  for (std::size_t i = 0; i < roots.size(); ++i) result[i].node = roots[i];
  return result;
}

void refuse(const Candidate& candidate, const PrepareOptions& options) {
  throw Error(ExitCode::kRefused,
              "the plan needs " + mebibytes(candidate.bound) + " on a rank, allowed are " +
                  mebibytes(options.memory_bytes),
              "layer '" + candidate.footprint.largest + "' holds most",
              "use more ranks, fewer threads, smaller chunks, or --memory");
}

// Shared producers are held if that fits, else read or computed again in each consumer: the values
// are the same, so are the bits.
Candidate choose(const std::vector<optimize::Target>& targets, const PrepareOptions& options,
                 std::string& reuse) {
  optimize::LowerOptions lowering;
  lowering.fuse = options.fuse;
  const auto fits = [&](const Candidate& candidate) {
    return options.memory_bytes == 0 || candidate.bound <= options.memory_bytes;
  };
  const std::vector<expr::NodePtr> shared =
      options.fuse ? optimize::shared_nodes(targets) : std::vector<expr::NodePtr>();
  if (!shared.empty() && options.reuse != Reuse::kReread) {
    for (const expr::NodePtr& node : shared) lowering.held.insert(node.get());
    Candidate held = make_candidate(targets, lowering, options);
    if (fits(held) || options.reuse == Reuse::kHold) {
      if (!fits(held)) refuse(held, options);
      reuse = "hold " + names_of(shared) + ": read once, " + mebibytes(held.footprint.held_bytes) +
              " held at most on a rank";
      return held;
    }
    lowering.held.clear();
    reuse = "reread " + names_of(shared) + ": holding needs " + mebibytes(held.bound) +
            " on a rank";
  } else {
    reuse = shared.empty() ? "nothing is shared" : "reread " + names_of(shared) + ": asked for";
  }
  Candidate reread = make_candidate(targets, lowering, options);
  if (!fits(reread)) refuse(reread, options);
  return reread;
}

}  // namespace

std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t total = 0, resident = 0;
  if (!(statm >> total >> resident)) return 0;
  return resident * sysconf(_SC_PAGESIZE);
}

Prepared prepare(const std::vector<optimize::Target>& targets, const PrepareOptions& options) {
  Prepared prepared;
  const Stopwatch optimize_wall;
  const double cpu_start = process_cpu_seconds();
  optimize::LowerOptions apart;
  apart.fuse = false;
  const graph::Topology before(optimize::lower(targets, apart));
  prepared.layers_before = static_cast<std::int64_t>(before.layer_count());
  prepared.tasks_before = before.task_count();
  Candidate chosen = choose(pushed_down(targets), options, prepared.reuse);
  prepared.graph = std::move(chosen.graph);
  prepared.topology = std::move(chosen.topology);
  prepared.placement = std::move(chosen.placement);
  prepared.footprint = std::move(chosen.footprint);
  prepared.bound_bytes = chosen.bound;
  prepared.optimize_s = optimize_wall.seconds();
  prepared.optimize_cpu_s = process_cpu_seconds() - cpu_start;

  const Stopwatch serialize_wall;
  const double cpu_serialize = process_cpu_seconds();
  prepared.graph_bytes = to_bytes(*prepared.graph, prepared.placement);
  prepared.serialize_s = serialize_wall.seconds();
  prepared.serialize_cpu_s = process_cpu_seconds() - cpu_serialize;
  return prepared;
}

std::vector<io::ChunkIndex> read_indexes(const graph::Graph& graph) {
  std::map<std::string, std::vector<std::size_t>> by_file;
  for (std::size_t i = 0; i < graph.datasets.size(); ++i) {
    by_file[graph.datasets[i].file].push_back(i);
  }
  std::vector<io::ChunkIndex> indexes(graph.datasets.size());
  for (const auto& [file, members] : by_file) {
    std::vector<std::string> paths;
    for (std::size_t member : members) paths.push_back(graph.datasets[member].path);
    std::vector<io::ChunkIndex> found = io::probe_indexes(file, paths);
    for (std::size_t i = 0; i < members.size(); ++i) indexes[members[i]] = std::move(found[i]);
  }
  return indexes;
}

}  // namespace rankine::session
