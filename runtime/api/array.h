// What a user computes with: a value that names an expression. Building one costs a microsecond
// and reads nothing; session.compute and session.store run it.
//
// Names, types and results follow NumPy; arrays whose axes all have names align by name as in
// xarray, all others by position (`unnamed()` forces that). Every function throws rankine::Error
// (usage) at once if shapes, types or names do not fit. An Array is immutable and cheap to copy;
// arrays may be used from several threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "runtime/base/chunk_grid.h"
#include "runtime/base/dtype.h"
#include "runtime/expr/node.h"

namespace rankine {

using expr::Here;
using expr::Location;

// An axis, by number (negative: from the end) or by dimension name.
class Axis {
 public:
  Axis(int number) : which_(std::int64_t{number}) {}
  Axis(std::int64_t number) : which_(number) {}
  Axis(const char* name) : which_(std::string(name)) {}
  Axis(std::string name) : which_(std::move(name)) {}
  const std::variant<std::int64_t, std::string>& which() const { return which_; }

 private:
  std::variant<std::int64_t, std::string> which_;
};

// None means all axes.
class Axes {
 public:
  Axes() = default;
  Axes(std::initializer_list<Axis> axes) : axes_(axes) {}
  Axes(std::vector<Axis> axes) : axes_(std::move(axes)) {}
  Axes(Axis axis) : axes_{std::move(axis)} {}
  Axes(int number) : axes_{Axis(number)} {}
  Axes(const char* name) : axes_{Axis(name)} {}
  Axes(std::string name) : axes_{Axis(std::move(name))} {}
  const std::vector<Axis>& list() const { return axes_; }

 private:
  std::vector<Axis> axes_;
};

struct ReduceOptions {
  bool keepdims = false;  // reduced axes stay with length 1
  // NaN counts as missing; false: NumPy's plain functions. any, all and count refuse false: they
  // take NaN as true and as missing either way.
  bool skipna = true;
  std::int64_t ddof = 0;  // var, std: the divisor is count - ddof
};

// start:stop:step along one axis as in NumPy: half open, negative indices count from the end.
struct Range {
  std::optional<std::int64_t> start;
  std::optional<std::int64_t> stop;
  std::int64_t step = 1;
};
// One entry per axis: a range keeps the axis, an index removes it.
using Index = std::variant<Range, std::int64_t>;

class Value;

class Array {
 public:
  explicit Array(expr::NodePtr node) : node_(std::move(node)) {}

  Extents shape() const { return node_->shape(); }
  DType dtype() const { return node_->dtype; }
  std::size_t rank() const { return node_->rank(); }
  std::int64_t size() const { return node_->size(); }
  const std::vector<std::string>& dims() const { return node_->dims; }  // "" for no name
  const ChunkGrid& chunks() const { return node_->grid; }
  const expr::NodePtr& node() const { return node_; }

  // Reductions: numpy.sum and so on. mean, var, std of integers are float64, of float32 float32
  // (accumulated in float64). min and max of an axis of length 0 throw.
  Array sum(const Axes& axes = {}, ReduceOptions o = {}, Location at = Here::current()) const;
  Array prod(const Axes& axes = {}, ReduceOptions o = {}, Location at = Here::current()) const;
  Array mean(const Axes& axes = {}, ReduceOptions o = {}, Location at = Here::current()) const;
  Array var(const Axes& axes = {}, ReduceOptions o = {}, Location at = Here::current()) const;
  Array std(const Axes& axes = {}, ReduceOptions o = {}, Location at = Here::current()) const;
  Array min(const Axes& axes = {}, ReduceOptions o = {}, Location at = Here::current()) const;
  Array max(const Axes& axes = {}, ReduceOptions o = {}, Location at = Here::current()) const;
  Array any(const Axes& axes = {}, ReduceOptions o = {}, Location at = Here::current()) const;
  Array all(const Axes& axes = {}, ReduceOptions o = {}, Location at = Here::current()) const;
  // The number of elements that are not missing, int64.
  Array count(const Axes& axes = {}, ReduceOptions o = {}, Location at = Here::current()) const;
  Array reduce(kernels::ReduceOp op, const Axes& axes, ReduceOptions o, Location at) const;

  Array astype(DType dtype, Location at = Here::current()) const;
  // Basic indexing; missing entries at the end take the whole axis.
  Array operator[](const std::vector<Index>& index) const;
  Array slice(const std::vector<Index>& index, Location at = Here::current()) const;
  // One axis by name or number.
  Array isel(const Axis& axis, const Index& index, Location at = Here::current()) const;
  // Reversed without arguments.
  Array transpose(const Axes& order = {}, Location at = Here::current()) const;
  // Chunk lengths of some axes, 1 or more; -1 is the whole axis.
  Array rechunk(const std::vector<std::pair<Axis, std::int64_t>>& chunks,
                Location at = Here::current()) const;
  // Chunk lengths given one by one along every axis (base/chunk_grid.h).
  Array rechunk(const ChunkGrid& grid, Location at = Here::current()) const;
  // xarray.DataArray.shift: element i is element i - offset, missing (NaN) where there is none;
  // integers become floating.
  Array shift(const std::vector<std::pair<Axis, std::int64_t>>& offsets,
              Location at = Here::current()) const;
  Array unnamed(Location at = Here::current()) const;
  Array rename(std::vector<std::string> dims, Location at = Here::current()) const;

  std::size_t axis_number(const Axis& axis) const;

  friend Array operator+(const Value& a, const Value& b);
  friend Array operator-(const Value& a, const Value& b);
  friend Array operator*(const Value& a, const Value& b);
  friend Array operator/(const Value& a, const Value& b);  // true division
  friend Array operator%(const Value& a, const Value& b);  // numpy.remainder
  friend Array operator==(const Value& a, const Value& b);
  friend Array operator!=(const Value& a, const Value& b);
  friend Array operator<(const Value& a, const Value& b);
  friend Array operator<=(const Value& a, const Value& b);
  friend Array operator>(const Value& a, const Value& b);
  friend Array operator>=(const Value& a, const Value& b);
  friend Array operator&(const Value& a, const Value& b);
  friend Array operator|(const Value& a, const Value& b);
  friend Array operator-(const Value& a);
  friend Array operator!(const Value& a);  // bitwise_not: logical on bool

 private:
  expr::NodePtr node_;
};

// An operand: an array, or a number that takes part in promotion by its kind and value only.
// Remembers the line on which it became one.
class Value {
 public:
  Value(const Array& array, Location at = Here::current()) : array_(array.node()), at_(at) {}
  Value(double number, Location at = Here::current()) : literal_(Literal::of(number)), at_(at) {}
  Value(int number, Location at = Here::current())
      : literal_(Literal::of(std::int64_t{number})),
        at_(at) {}
  Value(std::int64_t number, Location at = Here::current())
      : literal_(Literal::of(number)),
        at_(at) {}
  Value(bool flag, Location at = Here::current()) : literal_(Literal::of(flag)), at_(at) {}
  Value(Literal literal, Location at) : literal_(literal), at_(at) {}

  const expr::NodePtr& array() const { return array_; }  // null for a number
  const Literal& literal() const { return literal_; }
  const Location& location() const { return at_; }

 private:
  expr::NodePtr array_;
  Literal literal_;
  Location at_;
};

// Any operation of the table (kernels/op_table.h).
Array apply(kernels::Op op, const std::vector<Value>& operands);

Array abs(const Value& x);
Array sqrt(const Value& x);
Array square(const Value& x);
Array exp(const Value& x);
Array log(const Value& x);
Array log10(const Value& x);
Array log1p(const Value& x);
Array expm1(const Value& x);
Array sin(const Value& x);
Array cos(const Value& x);
Array tan(const Value& x);
Array asin(const Value& x);
Array acos(const Value& x);
Array atan(const Value& x);
Array atan2(const Value& y, const Value& x);
Array sinh(const Value& x);
Array cosh(const Value& x);
Array tanh(const Value& x);
Array floor(const Value& x);
Array ceil(const Value& x);
Array round(const Value& x);  // half to even
Array sign(const Value& x);
Array isnan(const Value& x);
Array isfinite(const Value& x);
Array pow(const Value& base, const Value& exponent);
Array minimum(const Value& a, const Value& b);  // NaN propagates
Array maximum(const Value& a, const Value& b);
Array where(const Value& condition, const Value& yes, const Value& no);
Array clip(const Value& x, const Value& low, const Value& high);

Array concatenate(const std::vector<Array>& arrays, const Axis& axis,
                  Location at = Here::current());
Array matmul(const Array& a, const Array& b, Location at = Here::current());

// Arrays from nothing. chunk: elements per chunk along each axis, -1 the whole axis; empty: chunks
// of at most 4 MiB.
Array full(const Extents& shape, Literal value, DType dtype, const Extents& chunk = {},
           Location at = Here::current());
Array zeros(const Extents& shape, DType dtype = DType::kFloat64, const Extents& chunk = {},
            Location at = Here::current());
Array ones(const Extents& shape, DType dtype = DType::kFloat64, const Extents& chunk = {},
           Location at = Here::current());
// numpy.arange: int64 if all three are integers, with the exact length; else float64, of length
// ceil((stop - start) / step), where element i is start + i * step in float64 arithmetic (NumPy's
// step is the rounded difference of its first two). chunk as above; 0: chosen. Throws Error (usage)
// for NaN and infinity.
Array arange(Literal start, Literal stop, Literal step, std::int64_t chunk = 0,
             Location at = Here::current());
inline Array arange(std::int64_t stop, std::int64_t chunk = 0, Location at = Here::current()) {
  return arange(Literal::of(std::int64_t{0}), Literal::of(stop), Literal::of(std::int64_t{1}),
                chunk, at);
}

}  // namespace rankine
