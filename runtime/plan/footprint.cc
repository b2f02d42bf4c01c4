#include "runtime/plan/footprint.h"

#include <algorithm>

#include "io/reader.h"
#include "runtime/kernels/evaluate.h"

namespace rankine::plan {
namespace {

using graph::Topology;

// The longest box of source elements that a task of `grid` can reach through a leaf.
std::int64_t leaf_elements(const graph::Leaf& leaf, const ChunkGrid& grid) {
  std::int64_t elements = 1;
  for (const graph::Term& term : leaf.terms) {
    if (term.axis < 0) continue;
    const std::int64_t step = term.step < 0 ? -term.step : term.step;
    elements *= (std::max<std::int64_t>(1, grid.axis(term.axis).longest()) - 1) * step + 1;
  }
  return elements;
}

std::int64_t reader_bytes(const io::Dataset& dataset) {
  const std::int64_t chunk = dataset.chunk.empty() ? dataset.grid.largest_chunk()
                                                   : volume(dataset.chunk);
  return 3 * chunk * 8 + static_cast<std::int64_t>(io::kReadAheadBytes);
}

std::int64_t map_task_bytes(const Topology& topology, std::uint32_t layer, const graph::Map& map) {
  const ChunkGrid& grid = map.steps ? *map.steps : map.grid;
  auto bytes = static_cast<std::int64_t>(kernels::scratch_bytes(map.program));
  for (const graph::Leaf& leaf : map.leaves) {
    // Gathered from chunks or widened to the box it may stand there twice.
    bytes += 2 * leaf_elements(leaf, grid) * static_cast<std::int64_t>(size_of(leaf.dtype));
    if (const auto* file = std::get_if<graph::FileData>(&leaf.source)) {
      bytes += reader_bytes(topology.graph().datasets[file->dataset]);
    }
  }
  for (std::uint32_t i = 0; i < map.heads.size(); ++i) {
    if (std::holds_alternative<graph::Partial>(map.heads[i])) {
      bytes += 2 * topology.largest_output_bytes({layer, i});
      continue;
    }
    const std::int64_t dense =
        map.grid.largest_chunk() *
        static_cast<std::int64_t>(size_of(map.program.output_dtype(static_cast<int>(i))));
    bytes += std::holds_alternative<graph::Store>(map.heads[i]) ? 4 * dense : dense;
  }
  return bytes;
}

// Whether the order of a layer takes all chunks of one result before those of the next.
bool kept_axes_first(const Placement& placement, std::uint32_t layer, const Extents& reduced) {
  bool inside = false;
  for (std::int64_t axis : placement.layer(layer).order) {
    if (reduced[axis] == 0 && inside) return false;
    inside = inside || reduced[axis] != 0;
  }
  return true;
}

// States of one reduction that can be on a rank at once.
std::int64_t tree_states(const Topology& topology, const Placement& placement,
                         std::uint32_t layer, const graph::Reduce& tree) {
  const graph::Reduction& constants = topology.reduction(layer);
  const std::int64_t all = topology.task_count(tree.source.layer) + topology.task_count(layer);
  if (!kept_axes_first(placement, tree.source.layer, tree.reduced)) return all;
  const auto levels = static_cast<std::int64_t>(constants.level_start.size());
  // The tree under way, and those that neighbours share with this rank at both ends of its range.
  return std::min(all, 3 * tree.fan_in * levels);
}

}  // namespace

Footprint footprint(const Topology& topology, const Placement& placement) {
  Footprint result;
  std::int64_t most = 0;
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    const graph::Layer& what = topology.graph().layers[layer];
    std::int64_t held = 0;
    if (const auto* tree = std::get_if<graph::Reduce>(&what.kind)) {
      const std::int64_t state = topology.largest_output_bytes({layer, 0});
      held = tree_states(topology, placement, layer, *tree) * state;
      // Finished values: every rank may need all of them.
      held += topology.reduction(layer).kept_grid.shape().empty()
                  ? 8
                  : volume(topology.reduction(layer).kept_grid.shape()) * 8;
      result.task_bytes = std::max(result.task_bytes, 2 * state);
    } else {
      const auto& map = std::get<graph::Map>(what.kind);
      result.task_bytes = std::max(result.task_bytes, map_task_bytes(topology, layer, map));
      std::int64_t share = 0;
      for (int rank = 0; rank < placement.ranks(); ++rank) {
        share = std::max(share, placement.range(topology, layer, rank).length());
      }
      for (std::uint32_t i = 0; i < map.heads.size(); ++i) {
        const auto* partial = std::get_if<graph::Partial>(&map.heads[i]);
        const bool kept = std::holds_alternative<graph::Keep>(map.heads[i]);
        // A rank's own share, and as much again from neighbours whose cuts do not agree.
        if (kept || (partial != nullptr && partial->complete)) {
          held += std::min(2 * share, topology.task_count(layer)) *
                  topology.largest_output_bytes({layer, i});
        }
      }
    }
    result.held_bytes += held;
    if (held > most) {
      most = held;
      result.largest = what.name;
    }
  }
  for (const graph::Result& fetched : topology.graph().results) {
    result.result_bytes += volume(fetched.shape) * static_cast<std::int64_t>(size_of(fetched.dtype));
  }
  return result;
}

}  // namespace rankine::plan
