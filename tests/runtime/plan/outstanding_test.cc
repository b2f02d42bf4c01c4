// What is left of a graph, and what is worth logging, against their definitions.
#include "runtime/plan/outstanding.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "runtime/plan/checkpoints.h"
#include "tests/support/random_program.h"
#include "tests/support/small_graphs.h"

namespace rankine::plan {
namespace {

using graph::ChunkId;
using graph::TaskId;
using What = Outstanding::What;

std::vector<TaskId> tasks_of(const graph::Topology& topology) {
  std::vector<TaskId> tasks;
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    for (std::int64_t i = 0; i < topology.task_count(layer); ++i) tasks.push_back({layer, i});
  }
  return tasks;
}

std::vector<ChunkId> chunks_of(const graph::Topology& topology, const TaskId& task) {
  std::vector<ChunkId> chunks;
  for (std::uint32_t output = 0; output < topology.output_count(task.layer); ++output) {
    if (!topology.leaves_chunk(task.layer, output)) continue;
    chunks.push_back({task.layer, output, task.position});
  }
  return chunks;
}

// Which chunks some earlier run stored, and which states it logged: by lot.
struct Earlier {
  std::set<std::pair<std::uint32_t, std::int64_t>> stored;
  std::set<std::tuple<std::uint32_t, std::uint32_t, std::int64_t>> states;
  bool is_stored(std::uint32_t variable, std::int64_t chunk) const {
    return stored.contains({variable, chunk});
  }
  bool has(const ChunkId& chunk) const {
    return states.contains({chunk.layer, chunk.output, chunk.position});
  }
};

// Whether a task gives something away that is not there yet.
bool gives(const graph::Topology& topology, const TaskId& task, const Earlier& earlier) {
  const auto* map = std::get_if<graph::Map>(&topology.graph().layers[task.layer].kind);
  if (map == nullptr) return false;
  for (const graph::Head& head : map->heads) {
    if (std::holds_alternative<graph::Fetch>(head)) return true;
    const auto* store = std::get_if<graph::Store>(&head);
    if (store != nullptr &&
        !earlier.is_stored(store->logged.variable, logged_chunk(topology, task, *store))) {
      return true;
    }
  }
  return false;
}

Earlier by_lot(const graph::Topology& topology, testing::Random& random) {
  Earlier earlier;
  const auto odds = static_cast<int>(random.between(1, 4));
  for (const TaskId& task : tasks_of(topology)) {
    const auto* map = std::get_if<graph::Map>(&topology.graph().layers[task.layer].kind);
    for (std::size_t i = 0; map != nullptr && i < map->heads.size(); ++i) {
      const auto* store = std::get_if<graph::Store>(&map->heads[i]);
      if (store == nullptr || random.one_in(odds)) continue;
      earlier.stored.emplace(store->logged.variable, logged_chunk(topology, task, *store));
    }
    for (const ChunkId& chunk : chunks_of(topology, task)) {
      if (random.one_in(3)) earlier.states.emplace(chunk.layer, chunk.output, chunk.position);
    }
  }
  return earlier;
}

TEST(Outstanding, IsWhatIsMissingAndWhatThatNeeds) {
  testing::Random random("Outstanding.IsWhatIsMissingAndWhatThatNeeds");
  std::map<What, int> seen;
  for (int round = 0; round < 300; ++round) {
    testing::RandomProgram program(random, static_cast<int>(random.between(1, 12)), 300);
    const auto numeric = optimize::plan_numbers(program.targets(!random.one_in(4)));
    optimize::LowerOptions options;
    options.fuse = !random.one_in(3);
    const graph::Topology topology(optimize::lower(numeric, options));
    const Earlier earlier = by_lot(topology, random);
    const Outstanding outstanding(
        topology, [&](std::uint32_t v, std::int64_t c) { return earlier.is_stored(v, c); },
        [&](const ChunkId& chunk) { return earlier.has(chunk); });
    std::set<std::pair<std::uint32_t, std::int64_t>> read;  // by tasks that are run
    for (const TaskId& task : tasks_of(topology)) {
      if (outstanding.of(task) != What::kRun) continue;
      topology.for_each_input(task, [&](const ChunkId& chunk) {
        ASSERT_NE(outstanding.of(chunk.task()), What::kNothing) << "round " << round;
        read.emplace(chunk.layer, chunk.position);
      });
    }
    for (const TaskId& task : tasks_of(topology)) {
      const What what = outstanding.of(task);
      ++seen[what];
      const bool must = gives(topology, task, earlier);
      const bool wanted = read.contains({task.layer, task.position});
      const auto chunks = chunks_of(topology, task);
      const bool logged = std::all_of(chunks.begin(), chunks.end(),
                                      [&](const ChunkId& chunk) { return earlier.has(chunk); });
      const What right = must || (wanted && !logged) ? What::kRun
                         : wanted                    ? What::kReadBack
                                                     : What::kNothing;
      ASSERT_EQ(what, right) << "round " << round << ", layer " << task.layer;
    }
  }
  for (const What what : {What::kNothing, What::kReadBack, What::kRun}) EXPECT_GT(seen[what], 100);
}

// How many tasks of the last layer but one, a tree, are logged by level, from the leaves on.
TEST(Checkpoints, AreStatesThatStandForMuchMoreWork) {
  const auto x = testing::ramp(4096, 64);
  const graph::Topology topology(testing::graph_of({{testing::mean_of(x), std::nullopt}}));
  const Checkpoints checkpoints(topology);
  std::int64_t work_kept = 0;
  for (const TaskId& task : tasks_of(topology)) {
    if (!checkpoints.has(topology, task)) continue;
    std::int64_t bytes = 0;
    for (const ChunkId& chunk : chunks_of(topology, task)) bytes += topology.output_bytes(chunk);
    ASSERT_GT(bytes, 0);
    work_kept += bytes * kWorkPerByte;
  }
  EXPECT_GT(work_kept, 0);
  EXPECT_LE(work_kept, 4096 * 64 * 8);  // what is logged is at most this part of what was computed
}

TEST(Checkpoints, AreNotWhatIsAsLongAsItsInputs) {
  const graph::Topology topology(testing::chain_graph(8, 5));
  const Checkpoints checkpoints(topology);
  for (const TaskId& task : tasks_of(topology)) EXPECT_FALSE(checkpoints.has(topology, task));
}

}  // namespace
}  // namespace rankine::plan
