// The whole protocol between ranks (board, worker reactor, scheduler) in every order that events
// can take: 2 ranks with up to 6 tasks, 3 ranks with up to 4.
#include <gtest/gtest.h>

#include <cstdio>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "tests/support/explore_orders.h"
#include "tests/support/sanitized.h"
#include "tests/support/small_graphs.h"

namespace rankine {
namespace {

using testing::kSanitized;
using testing::OrderCounts;
using testing::OrderExplorer;
using testing::SimulatedWorld;

struct Net {
  const char* name;
  std::int64_t eager_limit;
  std::int64_t window;  // 1: one eager message at a time
  std::int64_t bulk_sends = plan::kBulkSends;
  std::int64_t spill_receives = 0;  // 1: of what goes to scratch, one chunk comes at a time
  // Of which something must run short, so that shapes where nothing can are left out.
  bool scarce() const { return window == 1 || bulk_sends == 1 || spill_receives == 1; }
};
void PrintTo(const Net& net, std::ostream* out) { *out << net.name; }
constexpr Net kEager{"eager", protocol::kEagerLimit, protocol::kEagerWindow};
constexpr Net kPulled{"pulled", 0, protocol::kEagerWindow};
constexpr Net kOneCredit{"credit", protocol::kEagerLimit, 1};
constexpr Net kOneSend{"send", 0, protocol::kEagerWindow, 1};
constexpr Net kSpilled{"spilled", 0, protocol::kEagerWindow, plan::kBulkSends, 1};

struct Shape {
  const char* name;
  int ranks;
  std::int64_t tasks;
  std::function<std::shared_ptr<graph::Graph>()> make;
  bool crowded = false;  // a rank sends several chunks to another one: credits may run out
  bool vast = false;     // pulled, it has as many orders as all others together
};

std::vector<Shape> shapes_for(const Net& net) {
  using namespace testing;
  std::vector<Shape> shapes = {
      {"broadcast", 2, 3, [] { return broadcast_graph(2); }},
      {"gather", 2, 3, [] { return gather_graph(2); }},
      {"chain 2x2", 2, 4, [] { return chain_graph(2, 2); }},
      {"chain 3x2", 2, 6, [] { return chain_graph(3, 2); }},
      {"chain 2x3", 2, 6, [] { return chain_graph(2, 3); }, true, true},
      {"tree of 4", 2, 6, [] { return tree_graph(4); }, true},
      {"diamond", 2, 5, [] { return diamond_graph(2, false); }},
      {"crossing", 2, 4, [] { return crossing_graph(2); }},
      {"tasks", 2, 6,
       [] {
         return tasks_graph({{}, {}, {0, 1}, {0}, {3, 2, 2}});
       },
       true},
      {"tasks", 3, 4,
       [] {
         return tasks_graph({{}, {0, 0}, {1, 0}});
       }},
      {"grid 2x2", 2, 5, [] { return grid_graph(2, 2); }, true},
      {"grid 1x3", 3, 4, [] { return grid_graph(1, 3); }},
      {"broadcast", 3, 4, [] { return broadcast_graph(3); }, false, true},
      {"gather", 3, 4, [] { return gather_graph(3); }},
      {"chain 2x2", 3, 4, [] { return chain_graph(2, 2); }},
      {"tree of 2", 3, 4, [] { return tree_graph(2); }},
  };
  if (net.scarce()) std::erase_if(shapes, [](const Shape& shape) { return !shape.crowded; });
  // The code that the larger ones go through is the same.
  if (kSanitized && !net.scarce()) {
    std::erase_if(shapes, [](const Shape& shape) { return shape.tasks > 4; });
  }
  return shapes;
}

bool too_many_orders(const Shape& shape, const Net& net) {
  return shape.vast && net.eager_limit == 0;
}

struct World : SimulatedWorld {
  World(const Shape& shape, const Net& net) : SimulatedWorld(shape.make(), shape.ranks) {
    eager_limit = net.eager_limit;
    window = net.window;
    bulk_sends = net.bulk_sends;
    spill_receives = net.spill_receives;
    // Every free round multiplies the orders after a failure.
    if (ranks == 3 || eager_limit == 0) free_rounds = 1;
    EXPECT_EQ(topology.task_count(), shape.tasks) << shape.name;
  }
};

using Change = std::function<void(SimulatedWorld&)>;

std::vector<std::pair<std::uint32_t, std::int64_t>> tasks_of(const SimulatedWorld& world) {
  std::vector<std::pair<std::uint32_t, std::int64_t>> tasks;
  for (std::uint32_t layer = 0; layer < world.topology.layer_count(); ++layer) {
    for (std::int64_t i = 0; i < world.topology.task_count(layer); ++i) tasks.push_back({layer, i});
  }
  return tasks;
}

class EveryOrder : public ::testing::TestWithParam<Net> {
 protected:
  void explore(const Shape& shape, const Change& change) {
    World world(shape, GetParam());
    change(world);
    OrderExplorer explorer;
    const OrderCounts counts = explorer.explore(world);
    orders_ += counts.all();
    states_ += explorer.states();
    moved_ += world.moved;
    EXPECT_GT(counts.fine, 0) << shape.name << " on " << shape.ranks << " ranks";
    EXPECT_EQ(counts.stuck + counts.leftover + counts.wrong, 0)
        << shape.name << " on " << shape.ranks << " ranks: " << explorer.first_fault();
  }

  void TearDown() override {
    if (states_ == 0) return;
    std::printf("  %.6g orders, %zu states\n", orders_, states_);
    all_orders_ += orders_;
    all_states_ += states_;
  }
  static void TearDownTestSuite() {
    std::printf("%.6g orders in all, %zu states\n", all_orders_, all_states_);
  }

  double orders_ = 0;
  std::int64_t moved_ = 0;  // tasks, counted once for all orders of a state

 private:
  std::size_t states_ = 0;
  static inline double all_orders_ = 0;
  static inline std::size_t all_states_ = 0;
};

TEST_P(EveryOrder, EndsWithEveryTaskRunOnceAndNothingLeft) {
  for (const Shape& shape : shapes_for(GetParam())) explore(shape, [](SimulatedWorld&) {});
  EXPECT_GT(orders_, 10000);
}

// What a rank has to send may wait, and tasks may run while messages come.
TEST_P(EveryOrder, EndsAlsoIfRanksSendLate) {
  for (const Shape& shape : shapes_for(GetParam())) {
    if (GetParam().eager_limit == 0 && (shape.ranks == 3 || shape.vast)) continue;
    explore(shape, [](SimulatedWorld& world) { world.prompt = false; });
  }
}

TEST_P(EveryOrder, EndsAlsoIfRanksSayHowFarTheyAre) {
  for (const Shape& shape : shapes_for(GetParam())) {
    if (too_many_orders(shape, GetParam())) continue;
    explore(shape, [](SimulatedWorld& world) { world.advances = true; });
  }
}

TEST_P(EveryOrder, EndsAfterAnyTaskFailed) {
  for (const Shape& shape : shapes_for(GetParam())) {
    for (const auto& task : tasks_of(World(shape, GetParam()))) {
      explore(shape, [&](SimulatedWorld& world) { world.failing = {task}; });
      if (shape.ranks == 3 || shape.tasks > 3) continue;
      explore(shape, [&](SimulatedWorld& world) {
        world.failing = {task};
        world.prompt = false;
      });
    }
  }
}

TEST_P(EveryOrder, EndsAfterAnyTwoTasksFailed) {
  for (const Shape& shape : shapes_for(GetParam())) {
    if (shape.ranks == 3 || too_many_orders(shape, GetParam())) continue;
    const auto tasks = tasks_of(World(shape, GetParam()));
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      for (std::size_t k = i + 1; k < tasks.size(); ++k) {
        explore(shape, [&](SimulatedWorld& world) { world.failing = {tasks[i], tasks[k]}; });
      }
    }
  }
}

TEST_P(EveryOrder, EndsIfARankCannotInstallTheGraph) {
  for (const Shape& shape : shapes_for(GetParam())) {
    for (int rank = 0; rank < shape.ranks; ++rank) {
      if (rank == 2 && too_many_orders(shape, GetParam())) continue;  // it does what rank 1 does
      explore(shape, [&](SimulatedWorld& world) { world.broken_rank = rank; });
    }
  }
}

TEST_P(EveryOrder, EndsWheneverTheUserStopsIt) {
  for (const Shape& shape : shapes_for(GetParam())) {
    if (too_many_orders(shape, GetParam())) continue;
    explore(shape, [](SimulatedWorld& world) { world.interruptible = true; });
    if (shape.ranks == 3 || shape.tasks > 3) continue;
    explore(shape, [](SimulatedWorld& world) {
      world.interruptible = world.advances = true;
      world.failing = {{0, 0}};
    });
  }
}

// Ranks without tasks take some of those that have them, whenever that is possible.
class EveryOrderOfMoves : public EveryOrder {
 protected:
  void explore_moves(const Shape& shape, const Change& change) {
    explore(shape, [&](SimulatedWorld& world) {
      world.move_tasks();
      change(world);
      if (kSanitized) world.free_rounds = 0;  // as in shapes_for
    });
  }
};

// Pulled, larger ones have too many orders.
std::vector<Shape> moving_shapes(const Net& net) {
  using namespace testing;
  std::vector<Shape> shapes = {
      {"two", 2, 3,
       [] {
         return tasks_graph({{}, {}});
       }},
      {"one input", 2, 3,
       [] {
         return tasks_graph({{}, {0}});
       }},
      {"two on rank 0", 2, 4,
       [] {
         return tasks_graph({{}, {}, {0}});
       }},
      {"two on each", 2, 5,
       [] {
         return tasks_graph({{}, {}, {}, {0, 1, 2}});
       }},
      {"chain 2x2", 2, 4, [] { return chain_graph(2, 2); }},
      {"crossing", 2, 4, [] { return crossing_graph(2); }, true},
      {"tasks", 2, 4,
       [] {
         return tasks_graph({{}, {}, {0, 1}});
       }},
      {"inputs", 2, 5,
       [] {
         return tasks_graph({{}, {0}, {0}, {1, 2}});
       }},
      {"tree of 4", 2, 6, [] { return tree_graph(4); }},
      {"grid 2x2", 2, 5, [] { return grid_graph(2, 2); }},
  };
  if (net.eager_limit == 0) shapes.resize(2);
  return shapes;
}

TEST_P(EveryOrderOfMoves, EndsWithEveryTaskRunOnceAndNothingLeft) {
  for (const Shape& shape : moving_shapes(GetParam())) explore_moves(shape, [](SimulatedWorld&) {});
  EXPECT_GT(moved_, 0);
}

TEST_P(EveryOrderOfMoves, EndsAfterAnyTaskFailed) {
  for (const Shape& shape : moving_shapes(GetParam())) {
    if (shape.tasks > 4 || shape.crowded) continue;
    for (const auto& task : tasks_of(World(shape, GetParam()))) {
      explore_moves(shape, [&](SimulatedWorld& world) { world.failing = {task}; });
    }
  }
  EXPECT_GT(moved_, 0);
}

TEST_P(EveryOrderOfMoves, EndsIfARankCannotInstallTheGraph) {
  for (const Shape& shape : moving_shapes(GetParam())) {
    for (int rank = 0; rank < shape.ranks; ++rank) {
      explore_moves(shape, [&](SimulatedWorld& world) { world.broken_rank = rank; });
    }
  }
}

TEST_P(EveryOrderOfMoves, EndsWheneverTheUserStopsIt) {
  const Shape shape = moving_shapes(GetParam()).front();
  explore_moves(shape, [](SimulatedWorld& world) { world.interruptible = true; });
  EXPECT_GT(moved_, 0);
}

TEST_P(EveryOrderOfMoves, IsCountedAlikeByContentsAndByHistory) {
  World world(moving_shapes(GetParam()).front(), GetParam());
  world.move_tasks();
  const OrderCounts by_contents = OrderExplorer().explore(world);
  const OrderCounts by_history = OrderExplorer(true).explore(world);
  EXPECT_EQ(by_contents.fine, by_history.fine);
  EXPECT_EQ(by_contents.all(), by_history.all());
}

// Joining states by their contents relies on how boards and reactors work; joining them by history
// relies on nothing. Both must find the same number of orders.
TEST_P(EveryOrder, IsCountedAlikeByContentsAndByHistory) {
  const std::vector<Change> changes = {
      [](SimulatedWorld&) {},
      [](SimulatedWorld& world) { world.advances = true; },
      [](SimulatedWorld& world) { world.prompt = false; },
      [](SimulatedWorld& world) {
        world.failing = {{0, 0}};
      },
      [](SimulatedWorld& world) { world.broken_rank = 1; },
      [](SimulatedWorld& world) { world.interruptible = true; },
  };
  for (const Shape& shape : shapes_for(kEager)) {
    for (std::size_t i = 0; i < changes.size(); ++i) {
      if (shape.tasks > 4 || (i > 0 && (shape.ranks == 3 || shape.tasks > 3))) continue;
      World world(shape, GetParam());
      changes[i](world);
      const OrderCounts by_contents = OrderExplorer().explore(world);
      const OrderCounts by_history = OrderExplorer(true).explore(world);
      EXPECT_EQ(by_contents.fine, by_history.fine) << shape.name << ", change " << i;
      EXPECT_EQ(by_contents.all(), by_history.all()) << shape.name << ", change " << i;
    }
  }
}

#ifdef RANKINE_SANITIZED  // as in shapes_for
const Net kNetsOfMoves[] = {kPulled};
const std::int64_t kSlacks[] = {0, 64};
#else
const Net kNetsOfMoves[] = {kEager, kPulled};
const std::int64_t kSlacks[] = {0, 64, 256};
#endif

INSTANTIATE_TEST_SUITE_P(Networks, EveryOrderOfMoves, ::testing::ValuesIn(kNetsOfMoves),
                         [](const auto& net) { return std::string(net.param.name); });

INSTANTIATE_TEST_SUITE_P(Networks, EveryOrder,
                         ::testing::Values(kEager, kPulled, kOneCredit, kOneSend, kSpilled),
                         [](const auto& net) { return std::string(net.param.name); });

// Memory for one task at a time, and some bytes more.
class TightMemory : public ::testing::TestWithParam<std::int64_t> {
 protected:
  std::vector<Shape> shapes() const {
    std::vector<Shape> shapes = shapes_for(kPulled);
    std::erase_if(shapes, [](const Shape& shape) {
      return std::string(shape.name) == "tasks" || std::string(shape.name).starts_with("grid");
    });
    return shapes;
  }
  OrderCounts explore(const Shape& shape, const Change& change) {
    World world(shape, kPulled);
    world.be_short_of_memory(GetParam());
    change(world);
    OrderExplorer explorer;
    const OrderCounts counts = explorer.explore(world);
    std::printf("  %s on %d ranks: %.6g orders, %zu states, %.6g stuck\n", shape.name, shape.ranks,
                counts.all(), explorer.states(), counts.stuck);
    first_fault_ = explorer.first_fault();
    return counts;
  }
  void expect_fine(const Shape& shape, const Change& change) {
    const OrderCounts counts = explore(shape, change);
    EXPECT_GT(counts.fine, 0);
    EXPECT_EQ(counts.all(), counts.fine)
        << shape.name << " on " << shape.ranks << " ranks: " << first_fault_;
  }

 private:
  std::string first_fault_;
};

TEST_P(TightMemory, EndsInEveryOrder) {
  for (const Shape& shape : shapes()) {
    if (!shape.vast) expect_fine(shape, [](SimulatedWorld&) {});
  }
}

TEST_P(TightMemory, EndsAlsoIfRanksSendLate) {
  for (const Shape& shape : shapes()) {
    if (shape.ranks == 2 && shape.tasks <= 4) {
      expect_fine(shape, [](SimulatedWorld& world) { world.prompt = false; });
    }
  }
}

TEST_P(TightMemory, EndsAfterAnyTaskFailed) {
  for (const Shape& shape : shapes()) {
    if (shape.ranks == 3 || shape.tasks > 5) continue;
    for (const auto& task : tasks_of(World(shape, kPulled))) {
      expect_fine(shape, [&](SimulatedWorld& world) { world.failing = {task}; });
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Slack, TightMemory, ::testing::ValuesIn(kSlacks),
                         [](const auto& slack) { return std::to_string(slack.param); });

// A fault of the protocol must be noticed in every order: the graph gets stuck, a check fails on
// the way, or something is left at the end. Returns how, over all shapes.
OrderCounts faults(const Net& net, const Change& seed) {
  OrderCounts sum;
  for (const Shape& shape : shapes_for(net)) {
    World world(shape, net);
    seed(world);
    const OrderCounts counts = OrderExplorer().explore(world);
    EXPECT_EQ(counts.fine, 0) << shape.name << " on " << shape.ranks << " ranks, " << net.name;
    EXPECT_GT(counts.all(), 0);
    sum.add(counts);
  }
  std::printf("  %s: of %.6g orders %.6g get stuck, %.6g leave something, in %.6g a check fails\n",
              net.name, sum.all(), sum.stuck, sum.leftover, sum.wrong);
  return sum;
}

TEST(EveryOrderNotices, ALostCredit) {
  for (const Net& net : {kEager, kOneCredit}) {
    const OrderCounts counts =
        faults(net, [](SimulatedWorld& world) { world.lose_first_credit = true; });
    EXPECT_EQ(counts.stuck, counts.all());
  }
}

TEST(EveryOrderNotices, AChunkThatArrivesTwice) {
  for (const Net& net : {kEager, kPulled, kOneCredit}) {
    const OrderCounts counts =
        faults(net, [](SimulatedWorld& world) { world.double_first_data = true; });
    EXPECT_GT(counts.wrong, 0);
  }
}

// With the reserve alone nothing starts then; with some slack the tasks without inputs run, and
// those that write what they leave wait for ever.
TEST(EveryOrderNotices, AFrontierThatNobodyHearsOf) {
  for (const Shape& shape : shapes_for(kPulled)) {
    const std::string name = shape.name;
    if (name != "crossing" && name != "diamond" && name != "gather") continue;
    for (const std::int64_t slack : {0, 256}) {
      World world(shape, kPulled);
      world.be_short_of_memory(slack);
      world.lose_frontiers = true;
      const OrderCounts counts = OrderExplorer().explore(world);
      EXPECT_EQ(counts.stuck, counts.all()) << name << ", slack " << slack;
      EXPECT_GT(counts.all(), slack == 0 ? 0 : 1000) << name << ", slack " << slack;
    }
  }
}

TEST(EveryOrderNotices, AnEndThatComesTooEarly) {
  for (const Net& net : {kEager, kPulled, kOneCredit}) {
    const OrderCounts counts = faults(net, [](SimulatedWorld& world) { world.missing_tasks = 1; });
    EXPECT_GT(counts.leftover, 0);
  }
}

}  // namespace
}  // namespace rankine
