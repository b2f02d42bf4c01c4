// A graph of any bytes under a right checksum is refused, or is a graph: its tasks name inputs and
// users that exist.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "runtime/base/archive.h"
#include "runtime/base/error.h"
#include "runtime/graph/topology.h"

namespace rankine::graph {
namespace {

constexpr std::int64_t kMostLooked = 64;
struct Enough {};

void require_task(const Topology& topology, TaskId task) {
  if (task.layer >= topology.layer_count() || task.position < 0 ||
      task.position >= topology.task_count(task.layer)) {
    std::abort();
  }
}

// The first inputs of a task, and the first users of each.
void look_at(const Topology& topology, TaskId task) {
  std::int64_t inputs = 0;
  try {
    topology.for_each_input(task, [&](const ChunkId& chunk) {
      require_task(topology, chunk.task());
      if (chunk.output >= topology.output_count(chunk.layer)) std::abort();
      topology.output_bytes(chunk);
      std::int64_t users = 0;
      try {
        topology.for_each_consumer(chunk, [&](TaskId user) {
          require_task(topology, user);
          if (++users == kMostLooked) throw Enough();
        });
      } catch (const Enough&) {
      }
      if (++inputs == kMostLooked) throw Enough();
    });
  } catch (const Enough&) {
  } catch (const Error&) {  // a box of more than a graph may have
  }
}

void look_at(const Topology& topology) {
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    const std::int64_t tasks = topology.task_count(layer);
    for (const std::int64_t position : {std::int64_t{0}, tasks / 2, tasks - 1}) {
      if (position >= 0 && position < tasks) look_at(topology, {layer, position});
    }
  }
}

}  // namespace
}  // namespace rankine::graph

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rankine;
  const std::string payload(reinterpret_cast<const char*>(data), size);
  try {
    const auto graph = std::make_shared<graph::Graph>(from_bytes<graph::Graph>(seal(payload)));
    graph::look_at(graph::Topology(graph));
  } catch (const Error& error) {
    if (error.message.empty()) std::abort();
  }
  return 0;
}
