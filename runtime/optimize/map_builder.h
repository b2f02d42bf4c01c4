// Builds one Map layer: turns the expressions of its points into one program over one iteration
// space, with a leaf for everything that is read.
#pragma once

#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "runtime/expr/node.h"
#include "runtime/graph/layer.h"
#include "runtime/optimize/place.h"

namespace rankine::optimize {

// Where the values of a node are found: set for inner points already lowered and for data sets.
using FindSource = std::function<std::optional<graph::Source>(const expr::Node&)>;

class MapBuilder {
 public:
  MapBuilder(const ChunkGrid& grid, FindSource find) : find_(std::move(find)) { map_.grid = grid; }

  // Adds an output of the program: the value of `node`, whose axes are those of the iteration
  // space.
  void add(const expr::NodePtr& node, graph::Head head);
  graph::Map finish() { return std::move(map_); }

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
  graph::Map map_;
  std::vector<int> leaf_values_;  // program value of each leaf
  struct Known {
    Place place;
    int value;
  };
  std::unordered_map<const expr::Node*, std::vector<Known>> known_;
};

}  // namespace rankine::optimize
