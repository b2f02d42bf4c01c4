// numpy.matmul as an expression: the sum over k of products in the iteration space
// (batch axes, i, j, k).
#include <algorithm>

#include "runtime/base/error.h"
#include "runtime/expr/build.h"

namespace rankine::expr {
namespace {

// Where the axes of one operand lie in the iteration space.
struct Side {
  NodePtr array;
  std::size_t batch;    // number of leading batch axes
  std::int64_t free;    // its own axis i or j, -1 for a vector
  std::int64_t summed;  // its axis k
};

Extents axes_in_space(const Side& side, std::size_t batch_rank, const Extents& lengths,
                      bool own_first, bool has_i, bool has_j) {
  Extents axes;
  for (std::size_t b = 0; b < batch_rank; ++b) {
    const std::int64_t axis =
        static_cast<std::int64_t>(b + side.batch) - static_cast<std::int64_t>(batch_rank);
    const bool stretched =
        axis >= 0 && side.array->grid.axis(axis).length() == 1 && lengths[b] != 1;
    axes.push_back(axis < 0 || stretched ? -1 : axis);
  }
  if (has_i) axes.push_back(own_first ? side.free : -1);
  if (has_j) axes.push_back(own_first ? -1 : side.free);
  axes.push_back(side.summed);
  return axes;
}

Extents batch_lengths(const Side& a, const Side& b) {
  const std::size_t rank = std::max(a.batch, b.batch);
  Extents lengths(rank, 1);
  for (const Side* side : {&a, &b}) {
    for (std::size_t k = 0; k < side->batch; ++k) {
      const std::int64_t length = side->array->grid.axis(k).length();
      std::int64_t& common = lengths[rank - side->batch + k];
      if (common != 1 && length != 1 && common != length) {
        throw usage_error("matmul: shapes " + to_string(a.array->shape()) + " and " +
                              to_string(b.array->shape()) + " do not fit together",
                          "axes before the last two must be equally long or have length 1");
      }
      if (common == 1) common = length;
    }
  }
  return lengths;
}

std::vector<std::string> result_dims(const Side& a, const Side& b, std::size_t batch_rank) {
  std::vector<std::string> dims(batch_rank);
  for (std::size_t k = 0; k < a.batch; ++k) dims[batch_rank - a.batch + k] = a.array->dims[k];
  if (a.free >= 0) dims.push_back(a.array->dims[a.free]);
  if (b.free >= 0) dims.push_back(b.array->dims[b.free]);
  // A name must not appear twice in one array: x @ x.T over (lat, lon) keeps the first.
  for (std::size_t k = 1; k < dims.size(); ++k) {
    if (std::count(dims.begin(), dims.begin() + static_cast<std::ptrdiff_t>(k), dims[k]) > 0) {
      dims[k].clear();
    }
  }
  return dims;
}

}  // namespace

NodePtr matmul(const NodePtr& left, const NodePtr& right, Location location) {
  const auto rank_a = static_cast<std::int64_t>(left->rank());
  const auto rank_b = static_cast<std::int64_t>(right->rank());
  if (rank_a == 0 || rank_b == 0) {
    throw usage_error("matmul is given a single number", "multiply by it with *");
  }
  const Side a{left, left->rank() > 1 ? left->rank() - 2 : 0, rank_a > 1 ? rank_a - 2 : -1,
               rank_a - 1};
  const Side b{right, right->rank() > 1 ? right->rank() - 2 : 0, rank_b > 1 ? rank_b - 1 : -1,
               rank_b > 1 ? rank_b - 2 : 0};
  if (left->grid.axis(a.summed).length() != right->grid.axis(b.summed).length()) {
    throw usage_error(
        "matmul: shapes " + to_string(left->shape()) + " and " + to_string(right->shape()) +
            " do not fit together",
        "the last axis of the first must be as long as the last but one of the second");
  }
  Extents lengths = batch_lengths(a, b);
  const std::size_t batch = lengths.size();
  const bool has_i = a.free >= 0;
  const bool has_j = b.free >= 0;
  const Extents axes_a = axes_in_space(a, batch, lengths, true, has_i, has_j);
  const Extents axes_b = axes_in_space(b, batch, lengths, false, has_i, has_j);
  if (has_i) lengths.push_back(left->grid.axis(a.free).length());
  if (has_j) lengths.push_back(right->grid.axis(b.free).length());
  lengths.push_back(left->grid.axis(a.summed).length());

  const DType dtype = promote(left->dtype, right->dtype);
  const bool logical = dtype == DType::kBool;
  const NodePtr x = view(left, axes_a, lengths, {}, location);
  const NodePtr y = view(right, axes_b, lengths, {}, location);
  const NodePtr product = elementwise(logical ? kernels::Op::kBitwiseAnd : kernels::Op::kMultiply,
                                      {{x, {}}, {y, {}}}, location);
  Extents reduced(lengths.size(), 0);
  reduced.back() = 1;
  const NodePtr sum = reduce(product, logical ? kernels::ReduceOp::kAny : kernels::ReduceOp::kSum,
                             reduced, false, false, 0, location);
  return with_dims(cast(sum, dtype, location), result_dims(a, b, batch), location);
}

}  // namespace rankine::expr
