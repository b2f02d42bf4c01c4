#include "runtime/plan/cost.h"

#include <algorithm>
#include <cmath>

namespace rankine::plan {
namespace {

using graph::Topology;

// Rough costs of one core with warm data, estimated. Only their relations matter.
constexpr double kUnfiltered = 0.5;   // a byte of a file that is stored as it is
constexpr double kFiltered = 1.5;     // a byte that filters make
constexpr double kInMemory = 0.1;     // a byte of a chunk that is held
constexpr double kFromScratch = 0.5;  // a byte of a chunk in scratch
constexpr double kIntoScratch = 1.0;
constexpr double kOperation = 1.0;  // of an element: between a sum and an exponential

double volume_of(const Extents& shape) {
  double product = 1;
  for (const std::int64_t extent : shape) product *= static_cast<double>(extent);
  return product;
}

// Elements along one axis of a source that all tasks along the axis read together: whole chunks of
// a file, however little of them is needed.
double along(const graph::Term& term, const AxisChunks& tasks, const AxisChunks* file) {
  const auto step = static_cast<double>(std::abs(term.step));
  const double reached = static_cast<double>(tasks.length()) * std::max(1.0, step);
  if (file == nullptr || file->count() == 0) return reached;
  const double chunk = static_cast<double>(file->length()) / static_cast<double>(file->count());
  if (file->length() == tasks.length() && term.step == 1 && term.offset == 0) {
    return chunk * static_cast<double>(overlapping_pairs(tasks, *file));
  }
  // Every task meets so many chunks, cut at both ends.
  const double per_task = reached / std::max<double>(1, static_cast<double>(tasks.count()));
  const double met =
      std::min(per_task / std::max(chunk, 1.0) + 1, static_cast<double>(file->count()));
  return std::max(reached, met * chunk * static_cast<double>(tasks.count()));
}

double leaf_cost(const Topology& topology, const Placement& placement, const graph::Map& map,
                 const graph::Leaf& leaf) {
  const auto* data = std::get_if<graph::FileData>(&leaf.source);
  const auto* output = std::get_if<graph::LayerOutput>(&leaf.source);
  if (data == nullptr && output == nullptr) return 0;
  const io::Dataset* file = data == nullptr ? nullptr : &topology.graph().datasets[data->dataset];
  double elements = 1;
  const ChunkGrid& grid = map.grid_of(leaf);
  std::vector<bool> followed(grid.rank(), false);
  for (std::size_t k = 0; k < leaf.terms.size(); ++k) {
    const graph::Term& term = leaf.terms[k];
    if (term.axis < 0) continue;
    followed[static_cast<std::size_t>(term.axis)] = true;
    elements *= along(term, grid.axis(static_cast<std::size_t>(term.axis)),
                      file == nullptr ? nullptr : &file->grid.axis(k));
  }
  for (std::size_t axis = 0; axis < followed.size(); ++axis) {
    if (!followed[axis]) elements *= static_cast<double>(grid.axis(axis).count());
  }
  const double bytes = elements * static_cast<double>(size_of(leaf.dtype));
  if (file != nullptr) return bytes * (file->filters.empty() ? kUnfiltered : kFiltered);
  return bytes * (placement.is_spilled(topology, *output) ? kFromScratch : kInMemory);
}

double program_cost(const kernels::Program& program, const Extents& shape) {
  return kOperation * (program.value_count() - program.leaf_count()) * volume_of(shape);
}

}  // namespace

double cost_ns(const Topology& topology, const Placement& placement) {
  double cost = 0;
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    const auto* map = std::get_if<graph::Map>(&topology.graph().layers[layer].kind);
    if (map == nullptr) continue;
    for (const graph::Leaf& leaf : map->leaves) {
      cost += leaf_cost(topology, placement, *map, leaf);
    }
    cost += program_cost(map->program, map->grid.shape());
    for (const graph::Call& call : map->calls) {
      for (const graph::CallInput& input : call.inputs) {
        for (const graph::CallPiece& piece : input.pieces) {
          cost += program_cost(piece.program, piece.domain.shape());
        }
      }
    }
    for (std::uint32_t i = 0; i < map->heads.size(); ++i) {
      const graph::LayerOutput output{layer, i};
      if (!placement.is_spilled(topology, output)) continue;
      cost += kIntoScratch * volume_of(map->grid.shape()) *
              static_cast<double>(size_of(topology.output_dtype(output)));
    }
  }
  return cost;
}

}  // namespace rankine::plan
