// What of a chunk crosses to another rank, against what every task there reads.
#include "runtime/plan/pieces.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/support/random_program.h"
#include "tests/support/small_graphs.h"

namespace rankine::plan {
namespace {

using namespace rankine::testing;
using graph::ChunkId;
using graph::TaskId;
using graph::Topology;

// Every (rank, elements) that tasks read of a chunk; no elements: the chunk as it is.
std::vector<std::pair<int, std::optional<Box>>> reads_of(const Topology& topology,
                                                         const Placement& placement,
                                                         const ChunkId& chunk) {
  std::vector<std::pair<int, std::optional<Box>>> reads;
  topology.for_each_use(chunk, [&](TaskId task, const Topology::LeafEdge* edge) {
    const int home = placement.home(topology, task);
    if (edge == nullptr) {
      reads.push_back({home, std::nullopt});
    } else {
      const auto& map = std::get<graph::Map>(topology.graph().layers[task.layer].kind);
      const graph::Leaf& leaf = map.leaves[edge->leaf];
      const ChunkGrid& grid = map.grid_of(leaf);
      Box box = grid.chunk_box(coordinate_of(task.position, grid.counts()));
      if (leaf.call >= 0) {  // the halo, element by element inside of the leaf's domain
        const graph::Call& call = map.calls[static_cast<std::size_t>(leaf.call)];
        for (std::size_t k = 0; k < call.reach.size(); ++k) {
          box.lo[k] -= call.reach[k].before;
          box.hi[k] += call.reach[k].after;
        }
      }
      reads.push_back({home, graph::source_box(leaf, intersect(box, leaf.domain))});
    }
  });
  return reads;
}

// The piece holds all that is read on its rank, and no face of it can be cut off.
void expect_tight(const Box& whole, const Piece& piece,
                  const std::vector<std::pair<int, std::optional<Box>>>& reads) {
  Box needed{whole.lo, whole.lo};
  bool as_it_is = false;
  for (const auto& [rank, box] : reads) {
    if (rank != piece.rank) continue;
    as_it_is = as_it_is || !box;
    if (box) needed = hull(needed, intersect(*box, whole));
  }
  if (as_it_is || needed == whole || whole.rank() == 0) {
    EXPECT_FALSE(piece.part);
  } else {
    ASSERT_TRUE(piece.part);
    EXPECT_TRUE(*piece.part == needed || (piece.part->empty() && needed.empty()));
  }
}

TEST(Pieces, HoldWhatTheTasksOfTheRankReadAndNoMore) {
  Random random("Pieces.HoldWhatTheTasksOfTheRankReadAndNoMore");
  std::int64_t cut = 0, all = 0;
  for (int round = 0; round < 200; ++round) {
    RandomProgram program(random, static_cast<int>(random.between(2, 14)), 300);
    optimize::LowerOptions options;
    options.fuse = random.one_in(2);
    const Topology topology(
        optimize::lower(optimize::plan_numbers(program.targets(random.one_in(2))), options));
    const Placement placement(topology, 3);
    for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
      const auto* map = std::get_if<graph::Map>(&topology.graph().layers[layer].kind);
      const auto outputs = static_cast<std::uint32_t>(map != nullptr ? map->heads.size() : 1);
      for (std::uint32_t output = 0; output < outputs; ++output) {
        for (std::int64_t i = 0; i < topology.task_count(layer); ++i) {
          const ChunkId chunk{layer, output, i};
          const int home = placement.home(topology, chunk.task());
          const auto reads = reads_of(topology, placement, chunk);
          const auto pieces = pieces_elsewhere(topology, placement, chunk, home);
          std::set<int> ranks;
          for (const auto& [rank, box] : reads) {
            if (rank != home) ranks.insert(rank);
          }
          ASSERT_EQ(pieces.size(), ranks.size());
          for (const Piece& piece : pieces) {
            ASSERT_TRUE(ranks.contains(piece.rank));
            ASSERT_EQ(piece, piece_on(topology, placement, chunk, piece.rank)) << "both ends agree";
            ASSERT_NO_FATAL_FAILURE(expect_tight(topology.output_box(chunk), piece, reads));
            ASSERT_LE(piece_bytes(topology, chunk, piece), topology.output_bytes(chunk));
            ++all;
            cut += piece.part ? 1 : 0;
          }
        }
      }
    }
  }
  EXPECT_GT(cut, 100) << "of " << all;
}

}  // namespace
}  // namespace rankine::plan
