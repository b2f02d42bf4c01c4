#include "runtime/graph/layer.h"

#include "runtime/base/error.h"

namespace rankine::graph {
namespace {

void require(bool fits, const char* what) {
  if (!fits) throw input_error(std::string("a layer does not fit together: ") + what, "");
}

}  // namespace

const ChunkGrid& Map::grid_of(const Leaf& leaf) const {
  if (leaf.call < 0) return grid;
  const Call& call = calls[static_cast<std::size_t>(leaf.call)];
  return call.grid ? *call.grid : grid;
}

Reach Map::reach_of(const Leaf& leaf, std::size_t axis) const {
  if (leaf.call < 0) return {};
  const std::vector<Reach>& reach = calls[static_cast<std::size_t>(leaf.call)].reach;
  return reach.empty() ? Reach{} : reach[axis];
}

void Map::check() const {
  std::size_t next = static_cast<std::size_t>(program.leaf_count());
  require(heads.size() == program.outputs().size(), "heads");
  for (std::size_t c = 0; c < calls.size(); ++c) {
    const Call& call = calls[c];
    const ChunkGrid& given = call.grid ? *call.grid : grid;
    const ChunkGrid& made = call.result ? *call.result : grid;
    require(!steps || (!call.grid && !call.result), "steps of a call");
    require(given.chunk_count() == grid.chunk_count(), "blocks of a call");
    require(made.chunk_count() == grid.chunk_count(), "results of a call");
    require(call.reach.empty() || call.reach.size() == given.rank(), "a halo");
    require(call.start.size() == given.rank() && call.length.size() == given.rank(), "a start");
    require(call.result_start.size() == made.rank(), "the start of a result");
    for (const Reach& reach : call.reach) {
      require(reach.before >= 0 && reach.after >= 0, "a halo");
      require(reach.before <= kMostElements && reach.after <= kMostElements, "a halo");
    }
    require(call.hidden.empty() || call.hidden.size() == made.rank(), "axes of a result");
    for (const CallInput& input : call.inputs) {
      for (const CallPiece& piece : input.pieces) {
        require(piece.first_leaf == next, "leaves of a call");
        require(piece.program.outputs().size() == 1, "outputs of a piece");
        require(piece.program.output_dtype(0) == input.dtype, "the type of a piece");
        require(piece.domain.rank() == given.rank(), "the domain of a piece");
        next += static_cast<std::size_t>(piece.program.leaf_count());
        require(next <= leaves.size(), "number of leaves");
        for (std::size_t leaf = piece.first_leaf; leaf < next; ++leaf) {
          require(leaves[leaf].call == static_cast<std::int32_t>(c), "owner of a leaf");
        }
      }
    }
  }
  require(next == leaves.size(), "number of leaves");
  for (const Leaf& leaf : leaves) {
    const auto* result = std::get_if<CallResult>(&leaf.source);
    const auto before = leaf.call < 0 ? calls.size() : static_cast<std::size_t>(leaf.call);
    require(leaf.call >= -1 && leaf.call < static_cast<std::int64_t>(calls.size()),
            "owner of a leaf");
    require(result == nullptr || result->call < before, "order of calls");
  }
}

}  // namespace rankine::graph
