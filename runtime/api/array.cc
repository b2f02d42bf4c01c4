#include "runtime/api/array.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "io/dataset.h"
#include "runtime/base/error.h"
#include "runtime/expr/build.h"

namespace rankine {
namespace {

using kernels::Op;
using kernels::ReduceOp;

// The position of `number` among `count` things, from the end if it is negative.
std::int64_t wrapped(std::int64_t number, std::int64_t count, const std::string& what,
                     const std::string& place) {
  const std::int64_t position = number < 0 ? number + count : number;
  if (position >= 0 && position < count) return position;
  const std::string last = std::to_string(count - 1);
  throw usage_error(what + " " + std::to_string(number) + " is out of bounds for " + place,
                    count == 0 ? "there is none at all"
                               : "they go from 0 to " + last + ", or from -" +
                                     std::to_string(count) + " to -1 counted from the end");
}

// The elements, where an axis of length 0 does not make lengths countable that are not.
std::int64_t counted(Extents shape) {
  for (std::int64_t& extent : shape) {
    if (extent < 0) {
      throw usage_error("a shape has a negative length", "write lengths of 0 or more");
    }
    extent = std::max<std::int64_t>(1, extent);
  }
  return saturated_volume(shape);
}

Error too_many(ExitCode code, const Extents& shape) {
  return Error(code, "an array of shape " + to_string(shape) + " has too many elements", "",
               "check the lengths, or take a part of it");
}

// What an operation gives may be more than any machine holds, as long as it can be counted:
// perhaps only a part or a sum of it is asked for.
Array countable(expr::NodePtr node) {
  if (counted(node->shape()) >= kLongestAxis) throw too_many(ExitCode::kUsage, node->shape());
  return Array(std::move(node));
}

// For arrays made of nothing.
void require_holdable(const Extents& shape) {
  const std::int64_t elements = counted(shape);
  if (elements >= kLongestAxis) throw too_many(ExitCode::kUsage, shape);
  if (elements > kMostElements) throw too_many(ExitCode::kRefused, shape);
}

struct ResolvedRange {
  std::int64_t start, step, count;
};

// Python's slice.indices. A step longer than the axis selects as much as one of its length.
ResolvedRange resolve(const Range& range, std::int64_t length) {
  if (range.step == 0) {
    throw usage_error("the step of a slice is 0", "write 1 for every element, -1 to go back");
  }
  const std::int64_t most = std::max<std::int64_t>(length, 1);
  const std::int64_t step = std::clamp(range.step, -most, most);
  const bool back = step < 0;
  const auto clamp = [&](std::int64_t at) {
    if (at < 0) at += length;
    return std::clamp<std::int64_t>(at, back ? -1 : 0, back ? length - 1 : length);
  };
  const std::int64_t start = range.start ? clamp(*range.start) : (back ? length - 1 : 0);
  const std::int64_t stop = range.stop ? clamp(*range.stop) : (back ? -1 : length);
  const std::int64_t span = back ? start - stop : stop - start;
  return {start, step, span > 0 ? (span - 1) / std::abs(step) + 1 : 0};
}

// 1 or more; -1 is the whole axis.
std::int64_t chunk_length(std::int64_t chunk, std::int64_t length) {
  if (chunk >= 1) return chunk;
  if (chunk == -1) return std::max<std::int64_t>(1, length);
  throw usage_error("a chunk length is " + std::to_string(chunk),
                    "write 1 or more, or -1 for the whole axis");
}

Extents chosen_chunk(const Extents& shape, DType dtype, const Extents& chunk) {
  if (!chunk.empty()) {
    if (chunk.size() != shape.size()) {
      throw usage_error("an array with " + std::to_string(shape.size()) + " axes is given " +
                            std::to_string(chunk.size()) + " chunk lengths",
                        "give one for each axis; -1 is the whole axis");
    }
    Extents lengths;
    for (std::size_t k = 0; k < chunk.size(); ++k) {
      lengths.push_back(chunk_length(chunk[k], shape[k]));
    }
    return lengths;
  }
  const ChunkGrid grid = io::virtual_grid(shape, size_of(dtype));
  Extents lengths;
  for (std::size_t k = 0; k < grid.rank(); ++k) {
    lengths.push_back(std::max<std::int64_t>(1, grid.axis(k).longest()));
  }
  return lengths;
}

// The elements of [start, stop) or (stop, start] in steps: exact for any 64-bit numbers.
std::int64_t arange_length(std::int64_t start, std::int64_t stop, std::int64_t step) {
  const __int128 span = static_cast<__int128>(stop) - start;
  const __int128 stride = step;
  if (span == 0 || (span < 0) != (stride < 0)) return 0;
  const __int128 length = (span - (stride < 0 ? -1 : 1)) / stride + 1;
  return static_cast<std::int64_t>(std::min<__int128>(length, INT64_MAX));
}
std::int64_t arange_length(double start, double stop, double step) {
  return static_cast<std::int64_t>(std::clamp(std::ceil((stop - start) / step), 0.0, 0x1p62));
}

}  // namespace

std::size_t Array::axis_number(const Axis& axis) const {
  if (const auto* name = std::get_if<std::string>(&axis.which())) {
    return static_cast<std::size_t>(expr::axis_of(*node_, *name));
  }
  const auto count = static_cast<std::int64_t>(rank());
  return static_cast<std::size_t>(
      wrapped(std::get<std::int64_t>(axis.which()), count, "axis",
              "an array with " + std::to_string(count) + (count == 1 ? " axis" : " axes")));
}

Array Array::reduce(ReduceOp op, const Axes& axes, ReduceOptions o, Location at) const {
  Extents reduced(rank(), axes.list().empty() ? 1 : 0);
  for (const Axis& axis : axes.list()) {
    std::int64_t& flag = reduced[axis_number(axis)];
    if (flag != 0) {
      throw usage_error("an axis is named twice in a reduction", "name each axis once");
    }
    flag = 1;
  }
  const bool skips = op != ReduceOp::kAny && op != ReduceOp::kAll && op != ReduceOp::kCount;
  if (!o.skipna && !skips) {
    throw usage_error(std::string(expr::name_of(op)) + " has no skipna",
                      "leave it out: NaN is true for any and all, missing for count");
  }
  return Array(expr::reduce(node_, op, reduced, o.keepdims, o.skipna, o.ddof, at));
}

Array Array::sum(const Axes& axes, ReduceOptions o, Location at) const {
  return reduce(ReduceOp::kSum, axes, o, at);
}
Array Array::prod(const Axes& axes, ReduceOptions o, Location at) const {
  return reduce(ReduceOp::kProd, axes, o, at);
}
Array Array::mean(const Axes& axes, ReduceOptions o, Location at) const {
  return reduce(ReduceOp::kMean, axes, o, at);
}
Array Array::var(const Axes& axes, ReduceOptions o, Location at) const {
  return reduce(ReduceOp::kVar, axes, o, at);
}
Array Array::std(const Axes& axes, ReduceOptions o, Location at) const {
  return reduce(ReduceOp::kStd, axes, o, at);
}
Array Array::min(const Axes& axes, ReduceOptions o, Location at) const {
  return reduce(ReduceOp::kMin, axes, o, at);
}
Array Array::max(const Axes& axes, ReduceOptions o, Location at) const {
  return reduce(ReduceOp::kMax, axes, o, at);
}
Array Array::any(const Axes& axes, ReduceOptions o, Location at) const {
  return reduce(ReduceOp::kAny, axes, o, at);
}
Array Array::all(const Axes& axes, ReduceOptions o, Location at) const {
  return reduce(ReduceOp::kAll, axes, o, at);
}
Array Array::count(const Axes& axes, ReduceOptions o, Location at) const {
  return reduce(ReduceOp::kCount, axes, o, at);
}

Array Array::astype(DType dtype, Location at) const { return Array(expr::cast(node_, dtype, at)); }

Array Array::operator[](const std::vector<Index>& index) const { return slice(index); }

Array Array::slice(const std::vector<Index>& index, Location at) const {
  if (index.size() > rank()) {
    throw usage_error(std::to_string(index.size()) + " indices for an array with " +
                          std::to_string(rank()) + " axes",
                      "give one index or range for each axis at most");
  }
  Extents start(rank(), 0), step(rank(), 1), count = shape(), kept;
  std::vector<std::string> names;
  for (std::size_t k = 0; k < rank(); ++k) {
    const std::int64_t length = count[k];
    const auto* at_index = k < index.size() ? std::get_if<std::int64_t>(&index[k]) : nullptr;
    if (at_index != nullptr) {
      start[k] = wrapped(*at_index, length, "index",
                         "axis " + std::to_string(k) + " of length " + std::to_string(length));
      count[k] = 1;
      continue;
    }
    if (k < index.size()) {
      const ResolvedRange range = resolve(std::get<Range>(index[k]), length);
      start[k] = range.start;
      step[k] = range.step;
      count[k] = range.count;
    }
    kept.push_back(static_cast<std::int64_t>(k));
    names.push_back(dims()[k]);
  }
  const expr::NodePtr part = expr::slice(node_, start, step, count, at);
  return Array(expr::view(part, kept, Extents(kept.size(), 1), std::move(names), at));
}

Array Array::isel(const Axis& axis, const Index& index, Location at) const {
  std::vector<Index> all(rank(), Range{});
  all[axis_number(axis)] = index;
  return slice(all, at);
}

Array Array::transpose(const Axes& order, Location at) const {
  Extents permutation;
  for (const Axis& axis : order.list()) {
    permutation.push_back(static_cast<std::int64_t>(axis_number(axis)));
  }
  if (permutation.empty()) {
    for (std::size_t k = rank(); k-- > 0;) permutation.push_back(static_cast<std::int64_t>(k));
  }
  Extents sorted = permutation;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t k = 0; k < sorted.size() || k < rank(); ++k) {
    if (k >= sorted.size() || k >= rank() || sorted[k] != static_cast<std::int64_t>(k)) {
      throw usage_error("transpose needs every axis once",
                        "name all " + std::to_string(rank()) +
                            " axes in their new order, or none to reverse them");
    }
  }
  return Array(expr::transpose(node_, permutation, at));
}

Array Array::rechunk(const std::vector<std::pair<Axis, std::int64_t>>& chunks, Location at) const {
  std::vector<AxisChunks> axes = node_->grid.axes();
  for (const auto& [axis, length] : chunks) {
    AxisChunks& cut = axes[axis_number(axis)];
    cut = AxisChunks::regular(cut.length(), chunk_length(length, cut.length()));
  }
  return Array(expr::rechunk(node_, ChunkGrid(std::move(axes)), at));
}

Array Array::rechunk(const ChunkGrid& grid, Location at) const {
  if (!(grid.shape() == shape())) {
    throw usage_error("rechunk: the chunks cover " + to_string(grid.shape()) +
                          ", the array has shape " + to_string(shape()),
                      "give chunk lengths whose sums are the lengths of the axes");
  }
  return Array(expr::rechunk(node_, grid, at));
}

Array Array::shift(const std::vector<std::pair<Axis, std::int64_t>>& offsets, Location at) const {
  Extents offset(rank(), 0);
  for (const auto& [axis, by] : offsets) {
    const std::size_t k = axis_number(axis);
    const std::int64_t length = node_->grid.axis(k).length();
    offset[k] = std::clamp(by, -length, length);  // beyond, nothing is left, whatever the offset
  }
  return Array(expr::shift(node_, offset, at));
}

Array Array::unnamed(Location at) const {
  return Array(expr::with_dims(node_, std::vector<std::string>(rank()), at));
}

Array Array::rename(std::vector<std::string> dims, Location at) const {
  if (dims.size() != rank()) {
    throw usage_error(std::to_string(dims.size()) + " names for an array with " +
                          std::to_string(rank()) + " axes",
                      "give one name for each axis; \"\" is none");
  }
  return Array(expr::with_dims(node_, std::move(dims), at));
}

Array apply(Op op, const std::vector<Value>& operands) {
  std::vector<expr::Operand> list;
  for (const Value& value : operands) list.push_back({value.array(), value.literal()});
  return countable(expr::elementwise(op, std::move(list), operands.front().location()));
}

Array operator+(const Value& a, const Value& b) { return apply(Op::kAdd, {a, b}); }
Array operator-(const Value& a, const Value& b) { return apply(Op::kSubtract, {a, b}); }
Array operator*(const Value& a, const Value& b) { return apply(Op::kMultiply, {a, b}); }
Array operator/(const Value& a, const Value& b) { return apply(Op::kDivide, {a, b}); }
Array operator%(const Value& a, const Value& b) { return apply(Op::kRemainder, {a, b}); }
Array operator==(const Value& a, const Value& b) { return apply(Op::kEqual, {a, b}); }
Array operator!=(const Value& a, const Value& b) { return apply(Op::kNotEqual, {a, b}); }
Array operator<(const Value& a, const Value& b) { return apply(Op::kLess, {a, b}); }
Array operator<=(const Value& a, const Value& b) { return apply(Op::kLessEqual, {a, b}); }
Array operator>(const Value& a, const Value& b) { return apply(Op::kGreater, {a, b}); }
Array operator>=(const Value& a, const Value& b) { return apply(Op::kGreaterEqual, {a, b}); }
Array operator&(const Value& a, const Value& b) { return apply(Op::kBitwiseAnd, {a, b}); }
Array operator|(const Value& a, const Value& b) { return apply(Op::kBitwiseOr, {a, b}); }
Array operator-(const Value& a) { return apply(Op::kNegative, {a}); }
Array operator!(const Value& a) { return apply(Op::kInvert, {a}); }

Array abs(const Value& x) { return apply(Op::kAbsolute, {x}); }
Array sqrt(const Value& x) { return apply(Op::kSqrt, {x}); }
Array square(const Value& x) { return apply(Op::kSquare, {x}); }
Array exp(const Value& x) { return apply(Op::kExp, {x}); }
Array log(const Value& x) { return apply(Op::kLog, {x}); }
Array log10(const Value& x) { return apply(Op::kLog10, {x}); }
Array log1p(const Value& x) { return apply(Op::kLog1p, {x}); }
Array expm1(const Value& x) { return apply(Op::kExpm1, {x}); }
Array sin(const Value& x) { return apply(Op::kSin, {x}); }
Array cos(const Value& x) { return apply(Op::kCos, {x}); }
Array tan(const Value& x) { return apply(Op::kTan, {x}); }
Array asin(const Value& x) { return apply(Op::kArcsin, {x}); }
Array acos(const Value& x) { return apply(Op::kArccos, {x}); }
Array atan(const Value& x) { return apply(Op::kArctan, {x}); }
Array atan2(const Value& y, const Value& x) { return apply(Op::kArctan2, {y, x}); }
Array sinh(const Value& x) { return apply(Op::kSinh, {x}); }
Array cosh(const Value& x) { return apply(Op::kCosh, {x}); }
Array tanh(const Value& x) { return apply(Op::kTanh, {x}); }
Array floor(const Value& x) { return apply(Op::kFloor, {x}); }
Array ceil(const Value& x) { return apply(Op::kCeil, {x}); }
Array round(const Value& x) { return apply(Op::kRint, {x}); }
Array sign(const Value& x) { return apply(Op::kSign, {x}); }
Array isnan(const Value& x) { return apply(Op::kIsNan, {x}); }
Array isfinite(const Value& x) { return apply(Op::kIsFinite, {x}); }
Array pow(const Value& base, const Value& exponent) { return apply(Op::kPower, {base, exponent}); }
Array minimum(const Value& a, const Value& b) { return apply(Op::kMinimum, {a, b}); }
Array maximum(const Value& a, const Value& b) { return apply(Op::kMaximum, {a, b}); }
Array where(const Value& condition, const Value& yes, const Value& no) {
  return apply(Op::kWhere, {condition, yes, no});
}
Array clip(const Value& x, const Value& low, const Value& high) {
  return apply(Op::kClip, {x, low, high});
}

Array concatenate(const std::vector<Array>& arrays, const Axis& axis, Location at) {
  if (arrays.empty()) throw usage_error("concatenate is given no array", "give one or more");
  const auto number = static_cast<std::int64_t>(arrays.front().axis_number(axis));
  std::vector<expr::NodePtr> nodes;
  for (const Array& array : arrays) nodes.push_back(array.node());
  return countable(expr::concatenate(nodes, number, at));
}

Array matmul(const Array& a, const Array& b, Location at) {
  return countable(expr::matmul(a.node(), b.node(), at));
}

Array full(const Extents& shape, Literal value, DType dtype, const Extents& chunk, Location at) {
  require_holdable(shape);
  const ChunkGrid grid = ChunkGrid::regular(shape, chosen_chunk(shape, dtype, chunk));
  return Array(expr::full(grid, dtype, value, at));
}
Array zeros(const Extents& shape, DType dtype, const Extents& chunk, Location at) {
  return full(shape, Literal::of(std::int64_t{0}), dtype, chunk, at);
}
Array ones(const Extents& shape, DType dtype, const Extents& chunk, Location at) {
  return full(shape, Literal::of(std::int64_t{1}), dtype, chunk, at);
}

Array arange(Literal start, Literal stop, Literal step, std::int64_t chunk, Location at) {
  bool whole = true;
  for (const Literal& number : {start, stop, step}) {
    whole = whole && number.kind != Literal::Kind::kFloat;
    if (std::isfinite(number.real)) continue;
    throw usage_error("arange is given NaN or infinity", "give finite numbers");
  }
  if (step.real == 0) {
    throw usage_error("the step of arange is 0", "write full(value, length) for equal elements");
  }
  const std::int64_t length = whole ? arange_length(start.integer, stop.integer, step.integer)
                                    : arange_length(start.real, stop.real, step.real);
  require_holdable({length});
  const DType dtype = whole ? DType::kInt64 : DType::kFloat64;
  const Extents lengths = chosen_chunk({length}, dtype, chunk != 0 ? Extents{chunk} : Extents());
  return Array(expr::arange(start, step, AxisChunks::regular(length, lengths[0]), dtype, at));
}

}  // namespace rankine
