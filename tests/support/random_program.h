// Random expressions over arrays made from nothing: arithmetic, casts, slices, views, reductions,
// concatenations, rechunks, shifts, products and functions on blocks, small enough to be checked
// task by task.
#pragma once

#include <algorithm>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/expr/build.h"
#include "runtime/expr/build_blocks.h"
#include "runtime/optimize/lower.h"
#include "tests/support/random.h"

namespace rankine::testing {

class RandomProgram {
 public:
  // operations: how many are tried; arrays have at most `most` elements.
  RandomProgram(simulate::Random& random, int operations, std::int64_t most = 600)
      : random_(random),
        most_(most) {
    nodes_.push_back(source());
    for (int i = 0; i < operations; ++i) {
      try {
        keep(operation());
      } catch (const Error& error) {
        if (error.exit_code != ExitCode::kUsage) throw;  // operands that do not fit: another time
      }
    }
  }

  const std::vector<expr::NodePtr>& nodes() const { return nodes_; }

  // The last node, and sometimes some others.
  std::vector<expr::NodePtr> roots() {
    std::vector<expr::NodePtr> roots{nodes_.back()};
    while (random_.one_in(3)) roots.push_back(any());
    return roots;
  }

  // Each root fetched, or written in chunks of its own cut where `store` says so.
  std::vector<optimize::Target> targets(bool store) {
    std::vector<optimize::Target> targets;
    for (const expr::NodePtr& node : roots()) {
      optimize::Target target{node, std::nullopt};
      if (store && node->rank() > 0 && node->size() > 0) {
        io::OutputVariable variable;
        variable.name = "v" + std::to_string(targets.size());
        variable.dtype = node->dtype;
        variable.shape = node->shape();
        for (std::int64_t length : variable.shape)
          variable.chunk.push_back(random_.between(1, length));
        target.output = std::move(variable);
      }
      targets.push_back(std::move(target));
    }
    return targets;
  }

 private:
  using NodePtr = expr::NodePtr;
  static expr::Location here() { return expr::Location::current(); }

  NodePtr any() {
    return nodes_[static_cast<std::size_t>(random_.between(0, std::ssize(nodes_) - 1))];
  }
  void keep(NodePtr node) {
    if (node->size() <= most_ && node->grid.chunk_count() <= most_)
      nodes_.push_back(std::move(node));
  }
  NodePtr apply(kernels::Op op, const NodePtr& a) {
    return expr::elementwise(op, {{a, {}}}, here());
  }
  NodePtr apply(kernels::Op op, const NodePtr& a, const NodePtr& b) {
    return expr::elementwise(op, {{a, {}}, {b, {}}}, here());
  }
  NodePtr apply(kernels::Op op, const NodePtr& a, double literal) {
    return expr::elementwise(op, {{a, {}}, {nullptr, Literal::of(literal)}}, here());
  }

  // The sum of a ramp along each of 1 to 3 axes: every element differs from its neighbours.
  NodePtr source() {
    const std::int64_t rank = random_.between(1, 3);
    Extents lengths;
    for (std::int64_t k = 0; k < rank; ++k)
      lengths.push_back(random_.between(1, rank == 1 ? 40 : 9));
    NodePtr sum;
    for (std::int64_t k = 0; k < rank; ++k) {
      const DType dtype = random_.one_in(3) ? DType::kFloat32
                                            : (random_.one_in(2) ? DType::kInt64 : DType::kFloat64);
      NodePtr ramp =
          expr::arange(Literal::of(random_.between(-5, 5)), Literal::of(random_.between(1, 4)),
                       random_.cut(lengths[k]), dtype, here());
      Extents axes(static_cast<std::size_t>(rank), -1);
      axes[k] = 0;
      ramp = expr::view(ramp, axes, lengths, {}, here());
      sum = sum ? apply(kernels::Op::kAdd, sum, ramp) : ramp;
    }
    return random_.one_in(2) ? apply(kernels::Op::kDivide, sum, 7.0) : sum;
  }

  NodePtr operation() {
    const NodePtr a = any();
    switch (random_.between(0, 14)) {
      case 0: return source();
      case 1: return unary(a);
      case 2: return binary(a);
      case 3: return expr::cast(a, random_.one_in(2) ? DType::kFloat32 : DType::kFloat64, here());
      case 4: return slice(a);
      case 5: return transpose(a);
      case 6: return reduce(a, random_.one_in(2));
      case 7: return expr::concatenate({a, same_shape(a), a}, axis(a), here());
      case 8: return rechunk(a);
      case 9: return shift(a);
      case 11: return blocks(a, false);
      case 12: return blocks(a, true);
      case 13: return combined(a);
      case 10: return expr::matmul(a, transpose_last(same_shape(a)), here());
      default: return apply(kernels::Op::kSubtract, a, reduce(a, true));
    }
  }

  std::int64_t axis(const NodePtr& a) {
    if (a->rank() == 0) throw usage_error("no axis");
    return random_.between(0, static_cast<std::int64_t>(a->rank()) - 1);
  }
  NodePtr unary(const NodePtr& a) {
    using kernels::Op;
    constexpr Op kOps[] = {Op::kNegative, Op::kAbsolute, Op::kSquare, Op::kSin,
                           Op::kIsNan,    Op::kFloor,    Op::kSign};
    return apply(kOps[random_.between(0, std::ssize(kOps) - 1)], a);
  }
  NodePtr binary(const NodePtr& a) {
    using kernels::Op;
    constexpr Op kOps[] = {Op::kAdd,     Op::kSubtract, Op::kMultiply,
                           Op::kMaximum, Op::kLess,     Op::kDivide};
    const Op op = kOps[random_.between(0, std::ssize(kOps) - 1)];
    return random_.one_in(4) ? apply(op, a, 2.0) : apply(op, a, same_shape(a));
  }
  NodePtr same_shape(const NodePtr& a) {
    std::vector<NodePtr> fitting;
    for (const NodePtr& node : nodes_) {
      if (node->shape() == a->shape()) fitting.push_back(node);
    }
    return fitting[static_cast<std::size_t>(random_.between(0, std::ssize(fitting) - 1))];
  }
  NodePtr slice(const NodePtr& a) {
    Extents start, step, count;
    for (std::int64_t length : a->shape()) {
      std::int64_t by = random_.one_in(2) ? 1 : random_.between(-4, 4);
      if (by == 0) by = -1;
      std::int64_t from = length == 0 ? 0 : random_.between(0, length - 1);
      if (random_.one_in(3)) from = by > 0 ? 0 : std::max<std::int64_t>(0, length - 1);
      const std::int64_t most =
          length == 0 ? 0 : (by > 0 ? length - 1 - from : from) / std::abs(by) + 1;
      start.push_back(from);
      step.push_back(by);
      count.push_back(random_.one_in(40) || most == 0 ? 0 : random_.between((most + 1) / 2, most));
    }
    return expr::slice(a, start, step, count, here());
  }
  NodePtr transpose(const NodePtr& a) {
    Extents order;
    for (std::size_t k = a->rank(); k-- > 0;) order.push_back(static_cast<std::int64_t>(k));
    return expr::transpose(a, order, here());
  }
  NodePtr transpose_last(const NodePtr& a) {
    Extents order;
    for (std::size_t k = 0; k < a->rank(); ++k) order.push_back(static_cast<std::int64_t>(k));
    if (order.size() > 1) std::swap(order[order.size() - 1], order[order.size() - 2]);
    return expr::transpose(a, order, here());
  }
  NodePtr reduce(const NodePtr& a, bool keepdims) {
    using kernels::ReduceOp;
    constexpr ReduceOp kOps[] = {ReduceOp::kSum, ReduceOp::kMean, ReduceOp::kMin,
                                 ReduceOp::kMax, ReduceOp::kVar,  ReduceOp::kCount};
    const ReduceOp op = kOps[random_.between(0, std::ssize(kOps) - 1)];
    Extents reduced(a->rank(), random_.one_in(3) ? 1 : 0);
    if (a->rank() > 0) reduced[axis(a)] = 1;
    return expr::reduce(a, op, reduced, keepdims, random_.one_in(2), 0, here());
  }
  NodePtr rechunk(const NodePtr& a) {
    std::vector<AxisChunks> axes;
    for (std::int64_t length : a->shape()) axes.push_back(random_.cut(length));
    return expr::rechunk(a, ChunkGrid(std::move(axes)), here());
  }
  NodePtr shift(const NodePtr& a) {
    Extents offset;
    for (std::int64_t length : a->shape()) {
      offset.push_back(random_.one_in(3) ? 0 : random_.between(-length - 1, length + 1));
    }
    return expr::shift(a, offset, here());
  }

  // What depends on every element of a block, its shape and its place.
  static void mix(Block<const double> x, Block<double> y) {
    double sum = 0;
    for (std::int64_t i = 0; i < x.full_size(); ++i) sum = 0.75 * sum + x[i];
    for (const std::int64_t origin : x.origin()) sum += static_cast<double>(origin);
    for (const std::int64_t origin : y.origin()) sum += 0.5 * static_cast<double>(origin);
    const double step = 1.0 + static_cast<double>(x.full_size());
    for (std::int64_t i = 0; i < y.full_size(); ++i) y[i] = sum + step * static_cast<double>(i);
  }
  static void join(Block<double> into, Block<const double> next) {
    for (std::int64_t i = 0; i < into.full_size(); ++i) into[i] = 0.5 * into[i] + next[i];
  }
  struct Mix {
    void operator()(Block<const double> x, Block<double> y) const { mix(x, y); }
  };
  struct Join {
    void operator()(Block<double> into, Block<const double> next) const { join(into, next); }
  };
  static kernels::BlockFunction named(kernels::BlockThunk thunk, const char* name) {
    kernels::BlockFunction function;
    function.thunk = function.modules.name_of(reinterpret_cast<const void*>(thunk));
    function.name = name;
    return function;
  }
  static kernels::BlockFunction mixing() {
    return named(&kernels::invoke_blocks<Mix, void, Block<const double>, Block<double>>, "mix");
  }

  NodePtr as_double(const NodePtr& a) { return expr::cast(a, DType::kFloat64, here()); }

  // With a halo, or with another shape.
  NodePtr blocks(const NodePtr& a, bool with_halo) {
    const expr::Alignment operand = expr::align({{as_double(a), {}}}, here());
    expr::BlocksSpec spec;
    spec.function = mixing();
    for (std::size_t k = 0; k < a->rank(); ++k) {
      if (with_halo) {
        spec.halo.push_back(halo(operand.grid.axis(k).length()));
      } else if (random_.one_in(3)) {
        spec.chunks.push_back({static_cast<std::int64_t>(k), "", {random_.between(1, 4)}});
      }
    }
    if (!with_halo && a->rank() > 0 && random_.one_in(2)) {
      spec.chunks.clear();
      spec.dropped = Extents(a->rank(), 0);
      spec.dropped[axis(a)] = 1;
    }
    if (!with_halo && random_.one_in(3)) {
      spec.chunks.clear();
      spec.new_axes.push_back({0, random_.between(1, 3), ""});
    }
    return expr::map_blocks(operand, std::move(spec), here());
  }
  expr::AxisHalo halo(std::int64_t length) {
    using expr::Boundary;
    const Boundary all[] = {Boundary::none(), Boundary::periodic(), Boundary::reflect(),
                            Boundary::nearest(), Boundary::constant(2.5)};
    if (random_.one_in(3)) return {};
    return {random_.between(0, length), random_.between(0, length), all[random_.between(0, 4)]};
  }
  NodePtr combined(const NodePtr& a) {
    expr::CombineSpec spec;
    spec.chunk = mixing();
    spec.combine = named(&kernels::invoke_combine<Join, double>, "join");
    spec.reduced = Extents(a->rank(), random_.one_in(3) ? 1 : 0);
    if (a->rank() > 0) spec.reduced[axis(a)] = 1;
    if (random_.one_in(2)) spec.state = {random_.between(1, 3)};
    return expr::combine_blocks(as_double(a), std::move(spec), here());
  }

  simulate::Random& random_;
  std::int64_t most_;
  std::vector<NodePtr> nodes_;
};

}  // namespace rankine::testing
