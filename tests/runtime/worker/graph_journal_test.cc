// Which states of a tree stay in the log of a rank while it climbs.
#include "runtime/worker/graph_journal.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/io/h5/sample_output.h"
#include "tests/support/small_graphs.h"

namespace rankine::worker {
namespace {

constexpr io::SyncLimits kOften{0.01, std::uint64_t{1} << 40};

// What a task leaves; of bytes that are not zero, as what was given back is.
std::vector<Output> outputs_of(const graph::Topology& topology, const graph::TaskId& task,
                               Pool& pool) {
  std::vector<Output> outputs;
  for (std::uint32_t output = 0; output < topology.output_count(task.layer); ++output) {
    if (!topology.leaves_chunk(task.layer, output)) continue;
    const graph::ChunkId chunk{task.layer, output, task.position};
    SharedBuffer bytes =
        pool.allocate_shared(static_cast<std::size_t>(topology.output_bytes(chunk)));
    std::ranges::fill(bytes->bytes(), std::byte{7});
    outputs.push_back({chunk, std::move(bytes)});
  }
  return outputs;
}

std::size_t states_in(const std::string& log) {
  const io::LogScan scan = io::scan_log(log);
  EXPECT_TRUE(scan.damaged.empty());
  return scan.records.size();
}

// Syncs come from time to time, and only if there is something new.
void wait_for_states(io::LogWriter& log, std::size_t count) {
  for (int looks = 0; states_in(log.path()) > count && looks < 1000; ++looks) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(states_in(log.path()), count);
}

// The leaves took long, what is made of them no time at all.
TEST(GraphJournal, KeepsOfATreeOnlyItsUppermostStates) {
  const auto graph = testing::tree_graph(50);
  const graph::Topology topology(graph);
  const io::test::TempFolder folder;
  io::LogWriter log(folder / "logs", 0, kOften);
  Pool pool;
  const GraphJournal journal(topology, log, 5, nullptr);
  std::size_t made = 0;
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    const bool leaves = topology.is_source(layer);
    for (std::int64_t i = 0; i < topology.task_count(layer); ++i) {
      const auto outputs = outputs_of(topology, {layer, i}, pool);
      journal.keep_states({layer, i}, outputs, leaves ? 1e6 : 0);
      made += outputs.size();
    }
  }
  EXPECT_GT(made, 50u);
  wait_for_states(log, 1);
  log.close();
}

// Two tasks read each chunk: neither alone may give it back.
TEST(GraphJournal, KeepsStatesThatOthersRead) {
  const auto graph = testing::diamond_graph(4, true);
  const graph::Topology topology(graph);
  const io::test::TempFolder folder;
  io::LogWriter log(folder / "logs", 0, kOften);
  Pool pool;
  const GraphJournal journal(topology, log, 5, nullptr);
  for (std::int64_t i = 0; i < topology.task_count(0); ++i) {
    journal.keep_states({0, i}, outputs_of(topology, {0, i}, pool), 1e6);
  }
  const std::size_t first = log.records().size();
  for (std::uint32_t layer = 1; layer < topology.layer_count(); ++layer) {
    for (std::int64_t i = 0; i < topology.task_count(layer); ++i) {
      journal.keep_states({layer, i}, outputs_of(topology, {layer, i}, pool), 1e6);
    }
  }
  log.sync();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  log.close();
  const io::LogScan scan = io::scan_log(log.path());
  EXPECT_EQ(std::ranges::count_if(scan.records,
                                  [](const io::LogRecord& record) { return record.variable == 0; }),
            static_cast<std::ptrdiff_t>(first));
}

}  // namespace
}  // namespace rankine::worker
