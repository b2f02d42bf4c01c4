#include "runtime/simulate/shapes.h"

#include <algorithm>
#include <functional>

#include "runtime/base/error.h"
#include "runtime/graph/append_tasks.h"
#include "runtime/simulate/array_shapes.h"
#include "runtime/simulate/random.h"
#include "runtime/simulate/tasks.h"

namespace rankine::simulate {
namespace {

using GraphPtr = std::shared_ptr<graph::Graph>;

// The last task takes what others leave, and its result is brought to rank 0.
GraphPtr graph_of(TaskList list) {
  auto graph = std::make_shared<graph::Graph>();
  const auto last = static_cast<std::uint32_t>(list.size() - 1);
  graph::append_collect(*graph, graph::append_tasks(*graph, list.take()), {last});
  return graph;
}

std::vector<std::uint32_t> numbers(std::uint32_t first, std::uint32_t count,
                                   std::uint32_t step = 1) {
  std::vector<std::uint32_t> all;
  for (std::uint32_t i = 0; i < count; ++i) all.push_back(first + i * step);
  return all;
}

GraphPtr wide(const ShapeOptions& options) {
  TaskList list;
  const auto leaves = static_cast<std::uint32_t>(std::max<std::int64_t>(1, options.tasks - 1));
  for (std::uint32_t i = 0; i < leaves; ++i) list.add(i, {});
  list.add(leaves, numbers(0, leaves));
  return graph_of(std::move(list));
}

GraphPtr independent(const ShapeOptions& options) {
  TaskList list;
  for (std::int64_t i = 0; i < options.tasks; ++i) list.add(static_cast<std::uint64_t>(i), {});
  auto graph = std::make_shared<graph::Graph>();
  graph::append_tasks(*graph, list.take());
  return graph;
}

GraphPtr chain(const ShapeOptions& options) {
  TaskList list;
  std::uint32_t last = list.add(0, {});
  for (std::int64_t i = 1; i < options.tasks; ++i) {
    last = list.add(static_cast<std::uint64_t>(i), {last});
  }
  return graph_of(std::move(list));
}

GraphPtr tree(const ShapeOptions& options) {
  TaskList list;
  std::vector<std::uint32_t> level;
  for (std::int64_t i = 0; i < (options.tasks + 1) / 2; ++i) level.push_back(list.add(i, {}));
  while (level.size() > 1) {
    std::vector<std::uint32_t> above;
    for (std::size_t i = 0; i + 1 < level.size(); i += 2) {
      above.push_back(list.add(list.size(), {level[i], level[i + 1]}));
    }
    if (level.size() % 2 == 1) above.push_back(level.back());
    level = std::move(above);
  }
  return graph_of(std::move(list));
}

// Every reducer takes 32 maps from all over, the last task all reducers.
GraphPtr map_reduce(const ShapeOptions& options) {
  constexpr std::int64_t kTakes = 32;
  const auto reducers =
      static_cast<std::uint32_t>(std::max<std::int64_t>(1, options.tasks / (kTakes + 1)));
  const auto maps = static_cast<std::uint32_t>(
      std::max<std::int64_t>(1, std::min<std::int64_t>(kTakes * reducers, options.tasks - 2)));
  TaskList list;
  for (std::uint32_t i = 0; i < maps; ++i) list.add(i, {});
  for (std::uint32_t i = 0; i < reducers; ++i) {
    const std::uint32_t takes = i < maps ? (maps - i + reducers - 1) / reducers : 0;
    list.add(maps + i, numbers(i, takes, reducers));
  }
  list.add(maps + reducers, numbers(maps, reducers));
  return graph_of(std::move(list));
}

// Each takes the results of up to four earlier tasks, mostly near ones, perhaps one twice; the last
// takes those that nobody took.
GraphPtr random(const ShapeOptions& options) {
  Random random(options.seed);
  TaskList list;
  std::vector<bool> taken(static_cast<std::size_t>(options.tasks), false);
  std::vector<std::uint32_t> takes;
  const std::int64_t near = std::max<std::int64_t>(4, options.tasks / 100);
  for (std::int64_t i = 0; i + 1 < options.tasks; ++i) {
    takes.clear();
    for (std::int64_t k = i == 0 ? 0 : random.between(0, 4); k > 0; --k) {
      const std::int64_t back = random.one_in(8) ? i : std::min(i, near);
      takes.push_back(static_cast<std::uint32_t>(i - random.between(1, back)));
      taken[takes.back()] = true;
    }
    list.add(random.word(), takes);
  }
  takes.clear();
  for (std::uint32_t i = 0; i < list.size(); ++i) {
    if (!taken[i]) takes.push_back(i);
  }
  list.add(random.word(), takes);
  return graph_of(std::move(list));
}

struct Shape {
  const char* name;
  const char* text;
  GraphPtr (*make)(const ShapeOptions&);
  bool of_tasks;  // named one by one: as many as fit in memory
};
constexpr Shape kShapes[] = {
    {"random", "users' tasks that take results of any earlier ones", random, true},
    {"wide", "one users' task that takes the results of all others", wide, true},
    {"independent", "users' tasks that have nothing to do with each other", independent, true},
    {"chain", "users' tasks one after the other", chain, true},
    {"tree", "users' tasks, two into one", tree, true},
    {"map-reduce", "users' tasks, then some that take 32 from all over", map_reduce, true},
    {"stencil", "an array and its neighbours, step by step", stencil_shape, false},
    {"mean", "the mean of an array", mean_shape, false},
    {"anomaly", "an array less its mean along one axis", anomaly_shape, false},
    {"broadcast", "an array less its mean, which every task takes", broadcast_shape, false},
    {"rechunk", "an array from wide chunks to tall ones", rechunk_shape, false},
    {"arrays", "random operations on an array, one after the other", random_arrays_shape, false},
};

}  // namespace

std::vector<ShapeName> shape_names() {
  std::vector<ShapeName> names;
  for (const Shape& shape : kShapes) names.push_back({shape.name, shape.text});
  return names;
}

std::shared_ptr<graph::Graph> make_shape(const std::string& name, const ShapeOptions& options) {
  const auto* shape = std::find_if(std::begin(kShapes), std::end(kShapes),
                                   [&](const Shape& known) { return known.name == name; });
  if (shape == std::end(kShapes)) {
    std::string known;
    for (const Shape& other : kShapes)
      known += (known.empty() ? "" : ", ") + std::string(other.name);
    throw usage_error("there is no graph of the shape '" + name + "'", "one of " + known);
  }
  constexpr std::int64_t kMostNamed = 100'000'000;
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  if (options.tasks < 1 || options.tasks > (shape->of_tasks ? kMostNamed : kMost)) {
    throw usage_error("the shape '" + name + "' takes from 1 to " +
                      std::to_string(shape->of_tasks ? kMostNamed : kMost) + " tasks");
  }
  return shape->make(options);
}

}  // namespace rankine::simulate
