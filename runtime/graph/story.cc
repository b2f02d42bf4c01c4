#include "runtime/graph/story.h"

namespace rankine::graph {
namespace {

std::string at(const std::string& location) { return location.empty() ? "" : ", " + location; }

}  // namespace

std::string story_of(const Topology& topology, TaskId task) {
  const Layer& layer = topology.graph().layers[task.layer];
  if (const auto* tasks = std::get_if<Explicit>(&layer.kind)) {
    const UserFunction& function = tasks->function(static_cast<std::size_t>(task.position));
    return function.name + ", task " + std::to_string(task.position) + at(function.location);
  }
  if (const auto* grid = std::get_if<Grid>(&layer.kind)) {
    return grid->function.name + ", task " +
           to_string(coordinate_of(task.position, topology.counts(task.layer))) +
           at(grid->function.location);
  }
  return layer.name + ", chunk " +
         to_string(coordinate_of(task.position, topology.counts(task.layer))) + at(layer.location);
}

}  // namespace rankine::graph
