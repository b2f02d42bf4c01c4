// Turns the nodes that call functions of users into the calls of one Map layer: per operand a small
// program for each part of its blocks, with leaves of their own.
#pragma once

#include <unordered_map>
#include <vector>

#include "runtime/graph/layer.h"
#include "runtime/optimize/find_source.h"
#include "runtime/optimize/place.h"

namespace rankine::optimize {

class CallBuilder {
 public:
  explicit CallBuilder(FindSource find) : find_(std::move(find)) {}

  // The result of the call that makes `node`, which its reader needs at `place`: as it is. `frame`:
  // the grid over which that reader iterates; null: that of the layer.
  graph::CallResult call(const expr::Node& node, const Place& place, const ChunkGrid* frame);

  // Moves all calls and their leaves into the map, behind the program's.
  void finish(graph::Map& map);

 private:
  graph::CallInput input_of(const expr::Node& node, const expr::MapBlocks& blocks, std::size_t i,
                            const ChunkGrid* frame, std::vector<graph::Leaf>& leaves);
  graph::CallPiece piece_of(const expr::NodePtr& operand, const Place& place, const ChunkGrid& grid,
                            const ChunkGrid* frame, std::vector<graph::Leaf>& leaves);

  FindSource find_;
  std::vector<graph::Call> calls_;
  std::vector<std::vector<graph::Leaf>> leaves_;  // of each call; pieces count from its first
  std::unordered_map<const expr::Node*, std::uint32_t> numbers_;
};

}  // namespace rankine::optimize
