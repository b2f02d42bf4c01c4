// Builds one Map layer: turns the expressions of its points into one program over one iteration
// space, with a leaf for everything that is read.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "runtime/optimize/call_builder.h"
#include "runtime/optimize/find_source.h"
#include "runtime/optimize/place.h"

namespace rankine::optimize {

class MapBuilder {
 public:
  MapBuilder(const ChunkGrid& grid, FindSource find)
      : find_(std::move(find)),
        own_calls_(std::make_unique<CallBuilder>(find_)),
        calls_(*own_calls_),
        whole_(Box::whole(grid.shape())) {
    map_.grid = grid;
  }
  // For a piece of a call's blocks. `calls` gets the calls that it needs; `frame` as there.
  MapBuilder(const ChunkGrid& grid, FindSource find, CallBuilder& calls, const ChunkGrid* frame)
      : find_(std::move(find)),
        calls_(calls),
        frame_(frame) {
    map_.grid = grid;
  }

  // Adds an output of the program: the value of `node`, whose axes are those of the iteration
  // space.
  void add(const expr::NodePtr& node, graph::Head head);
  graph::Map finish() {
    own_calls_->finish(map_);
    return std::move(map_);
  }
  // The program of a piece; its leaves go behind the others.
  kernels::Program make_piece(const expr::NodePtr& node, const Place& place,
                              std::vector<graph::Leaf>& leaves);

 private:
  // The value in the program that the request stands for. Without recursion: expressions may be
  // deeper than a stack.
  int lower(const Placed& request);
  std::optional<int> known(const Placed& request) const;
  std::optional<int> leaf_or_constant(const Placed& request);
  // The operation over the values of its operands.
  int combine(const Placed& request, const std::vector<Placed>& parts,
              const std::vector<int>& values);
  int combine_elementwise(const Placed& request, kernels::Op op, std::vector<int> values);
  int combine_concatenate(const Placed& request, const std::vector<Placed>& parts,
                          const std::vector<int>& values);
  int combine_shift(const Placed& request, const std::vector<Placed>& parts,
                    const std::vector<int>& values);
  int leaf(graph::Source source, DType dtype, const Place& place);
  int mask(const Box& domain);

  FindSource find_;
  std::unique_ptr<CallBuilder> own_calls_;  // null: a piece
  CallBuilder& calls_;
  const ChunkGrid* frame_ = nullptr;
  Box whole_;  // all iteration indices there are
  graph::Map map_;
  std::vector<int> leaf_values_;  // program value of each leaf
  struct Known {
    Place place;
    int value;
  };
  std::unordered_map<const expr::Node*, std::vector<Known>> known_;
};

}  // namespace rankine::optimize
