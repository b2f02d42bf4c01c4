#include "runtime/simulate/array_shapes.h"

#include <algorithm>
#include <cmath>

#include "runtime/expr/build.h"
#include "runtime/optimize/lower.h"
#include "runtime/simulate/random.h"

namespace rankine::simulate {
namespace {

using expr::NodePtr;
using GraphPtr = std::shared_ptr<graph::Graph>;

expr::Location here() { return expr::Location::current(); }

// rows x columns chunks of about `bytes`, of float64, each element different from its neighbours.
NodePtr field(std::int64_t rows, std::int64_t columns, std::int64_t bytes) {
  const auto side =
      std::max<std::int64_t>(1, std::llround(std::sqrt(static_cast<double>(bytes) / 8)));
  const std::int64_t counts[] = {rows, columns};
  const Extents lengths{rows * side, columns * side};
  NodePtr sum;
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const NodePtr ramp =
        expr::arange(Literal::of(0.5), Literal::of(static_cast<double>(axis + 1)),
                     AxisChunks::regular(counts[axis] * side, side), DType::kFloat64, here());
    Extents axes(2, -1);
    axes[axis] = 0;
    const NodePtr plane = expr::view(ramp, axes, lengths, {}, here());
    sum = sum ? expr::elementwise(kernels::Op::kAdd, {{sum, {}}, {plane, {}}}, here()) : plane;
  }
  return sum;
}
// About so many chunks, four times as many rows as columns.
NodePtr field_of(std::int64_t chunks, std::int64_t bytes) {
  const auto columns = std::max<std::int64_t>(
      1, std::llround(std::sqrt(static_cast<double>(std::max<std::int64_t>(1, chunks)) / 4)));
  return field(std::max<std::int64_t>(1, chunks / columns), columns, bytes);
}

NodePtr apply(kernels::Op op, const NodePtr& a, const NodePtr& b) {
  return expr::elementwise(op, {{a, {}}, {b, {}}}, here());
}
NodePtr shifted(const NodePtr& x, std::int64_t rows, std::int64_t columns) {
  return expr::shift(x, {rows, columns}, here());
}
NodePtr mean_along(const NodePtr& x, std::size_t axis) {
  Extents reduced(x->rank(), 0);
  reduced[axis] = 1;
  return expr::reduce(x, kernels::ReduceOp::kMean, reduced, true, false, 0, here());
}
NodePtr recut(const NodePtr& x, std::int64_t row_chunk, std::int64_t column_chunk) {
  const Extents shape = x->shape();
  return expr::rechunk(x,
                       ChunkGrid({AxisChunks::regular(shape[0], std::min(shape[0], row_chunk)),
                                  AxisChunks::regular(shape[1], std::min(shape[1], column_chunk))}),
                       here());
}

// `kept`: computed once, as chunks. The last of them is what is asked for.
GraphPtr graph_of(const std::vector<NodePtr>& kept) {
  io::OutputVariable variable;
  variable.name = "result";
  variable.dtype = kept.back()->dtype;
  variable.shape = kept.back()->shape();
  optimize::LowerOptions options;
  for (std::size_t i = 0; i + 1 < kept.size(); ++i) options.held.insert(kept[i].get());
  return optimize::lower(optimize::plan_numbers({{kept.back(), variable}}), options);
}

NodePtr smoothed(const NodePtr& x) {
  return apply(kernels::Op::kAdd, apply(kernels::Op::kAdd, shifted(x, 1, 0), x), shifted(x, -1, 0));
}

}  // namespace

GraphPtr stencil_shape(const ShapeOptions& options) {
  constexpr std::int64_t kMostSteps = 20;
  const std::int64_t steps = std::clamp<std::int64_t>(options.tasks / 4, 1, kMostSteps);
  std::vector<NodePtr> kept{
      field(std::max<std::int64_t>(1, options.tasks / steps), 1, options.chunk_bytes)};
  for (std::int64_t i = 1; i < steps; ++i) kept.push_back(smoothed(kept.back()));
  return graph_of(kept);
}

GraphPtr mean_shape(const ShapeOptions& options) {
  const NodePtr x = field_of(options.tasks * 7 / 8, options.chunk_bytes);
  return graph_of({x, expr::reduce(x, kernels::ReduceOp::kMean, {1, 1}, true, false, 0, here())});
}

GraphPtr anomaly_shape(const ShapeOptions& options) {
  const NodePtr x = field_of(options.tasks * 4 / 9, options.chunk_bytes);
  return graph_of({x, apply(kernels::Op::kSubtract, x, mean_along(x, 0))});
}

// What one task makes goes to every rank.
GraphPtr broadcast_shape(const ShapeOptions& options) {
  const NodePtr x = field_of(options.tasks * 4 / 9, options.chunk_bytes);
  return graph_of({x, apply(kernels::Op::kSubtract, x, mean_along(mean_along(x, 1), 0))});
}

GraphPtr rechunk_shape(const ShapeOptions& options) {
  constexpr std::int64_t kRatio = 8;
  const NodePtr x = field_of(options.tasks / 2, options.chunk_bytes);
  const std::int64_t side = x->grid.axis(0).length() / x->grid.axis(0).count();
  const NodePtr wide = recut(x, std::max<std::int64_t>(1, side / kRatio), side * kRatio);
  return graph_of({wide, recut(wide, side * kRatio, std::max<std::int64_t>(1, side / kRatio))});
}

GraphPtr random_arrays_shape(const ShapeOptions& options) {
  constexpr std::int64_t kSteps = 8;
  Random random(options.seed);
  std::vector<NodePtr> kept{field_of(options.tasks / kSteps, options.chunk_bytes)};
  const std::int64_t side = kept[0]->grid.axis(0).length() / kept[0]->grid.axis(0).count();
  for (std::int64_t i = 1; i < kSteps; ++i) {
    const NodePtr x = kept.back();
    switch (random.between(0, 4)) {
      case 0: kept.push_back(smoothed(x)); break;
      case 1:
        kept.push_back(apply(kernels::Op::kAdd, x, shifted(x, 0, random.between(1, side))));
        break;
      case 2: {
        const auto axis = static_cast<std::size_t>(random.between(0, 1));
        kept.push_back(apply(kernels::Op::kSubtract, x, mean_along(x, axis)));
        break;
      }
      case 3:
        kept.push_back(recut(x, random.between(side / 2 + 1, 2 * side),
                             random.between(side / 2 + 1, 2 * side)));
        break;
      default: kept.push_back(expr::transpose(x, {1, 0}, here()));
    }
  }
  return graph_of(kept);
}

}  // namespace rankine::simulate
