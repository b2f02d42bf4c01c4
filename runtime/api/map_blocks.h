// Functions of one's own on the chunks of arrays:
//
//   void hypotenuse(Block<const float> x, Block<const float> y, Block<float> result) {
//     for (std::int64_t i = 0; i < result.full_size(); ++i) result[i] = std::hypot(x[i], y[i]);
//   }
//   Array speed = map_blocks(hypotenuse, u, v);
//
//   // A stencil: x(i - 1, j) reaches into the halo, which is periodic along lon.
//   Array blurred = map_overlap([](Block<const float> x, Block<float> y) { ... }, t2m,
//                               {{"lat", 1, Boundary::nearest()}, {"lon", 1,
//                               Boundary::periodic()}});
//
// Both build an expression and run nothing. The function is called once for each chunk, on whatever
// rank and thread, in any order, perhaps more than once if several results need it: it must depend
// on its arguments alone. It takes a Block<const T> for each array (T is the array's type: an array
// of another one is an error that says `astype`), then further values, which travel with it, and
// fills a Block<T>, its last parameter, which is 0 before; or it returns an NdArray or a
// std::vector of elements. A function is a plain one, a lambda without captures or a functor with a
// Cereal serialize.
//
// Arrays are aligned and broadcast as the operands of an addition; all blocks of a call have one
// shape, that of a chunk of the array with most elements. Blocks of an array without axes have one
// element and no axes. What a function allocates is not in the memory that a plan promises; blocks
// are. What it throws ends the graph with an Error that names function, block and source line.
//
// A slice of the result calls the function for the chunks it meets, and reads what those see.
#pragma once

#include <optional>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "runtime/api/block_types.h"
#include "runtime/expr/build_blocks.h"

namespace rankine {

using expr::Boundary;
using expr::NewAxis;

struct BlockOptions {
  std::string name = {};            // for plans, traces and errors
  std::optional<DType> dtype = {};  // of a returned NdArray; none: that of the first array
  // The result has the shape of the blocks, changed in this order. Axes that each call sees whole
  // and that the result does not have:
  std::vector<Axis> drop_axes = {};
  // further axes, each in one chunk (position in the result, length, name of the dimension);
  std::vector<NewAxis> new_axes = {};
  // lengths of the chunks of the result along some of its axes: one per chunk, or one for all.
  std::vector<std::pair<Axis, std::vector<std::int64_t>>> chunks = {};
  // Each element of the result depends on the same elements of the operands only: slices of the
  // result may call the function for parts of chunks, whose origin() then means nothing.
  bool elementwise = false;
  // map_overlap: the function makes the block with its halo, which is cut off (Dask's trim=True).
  bool trim = false;
};

// How many elements of its neighbours a block has on each side of an axis, and what is there beyond
// the ends of the array. May be more than a chunk; periodic and reflected not more than the axis.
struct Halo {
  Halo(Axis axis_, std::int64_t depth, Boundary boundary_ = Boundary::none())
      : Halo(std::move(axis_), depth, depth, boundary_) {}
  Halo(Axis axis_, std::int64_t before_, std::int64_t after_, Boundary boundary_)
      : axis(std::move(axis_)),
        before(before_),
        after(after_),
        boundary(boundary_) {}
  Axis axis;
  std::int64_t before;
  std::int64_t after;
  Boundary boundary;
};

namespace api {

// What a function says of itself.
struct BlockRequest {
  std::string verb;  // "map_blocks"
  BlockCallable callable;
  std::vector<DType> inputs;
  std::optional<DType> result;
};
// Throws Error (usage) naming the types and `astype` if they differ.
void require_dtype(const std::string& verb, std::size_t number, DType array, DType block);
Array array_of_blocks(const BlockRequest& request, const std::vector<Array>& arrays,
                      const std::vector<Halo>& halo, const BlockOptions& options,
                      const Location& at);

template <class F>
BlockRequest request_of(const char* verb, const F& function) {
  using Parameters = typename BlockTypes<F>::Parameters;
  return {verb, callable_of(function, Parameters::template thunk<F>()), Parameters::input_dtypes(),
          Parameters::result_dtype()};
}

template <class F, std::size_t I, class V>
void add_argument(BlockRequest& request, std::vector<Array>& arrays, const V& argument) {
  using Parameters = typename BlockTypes<F>::Parameters;
  if constexpr (is_array<V>) {
    static_assert(I < Parameters::kInputs, "there are more arrays than Block<const T> parameters");
    arrays.push_back(argument);
  } else {
    static_assert(I >= Parameters::kInputs,
                  "there are fewer arrays than Block<const T> parameters; arrays come first");
    static_assert(I < Parameters::kInputs + Parameters::kValues,
                  "there are more arguments than parameters");
    using Value = typename Parameters::template Value<I - Parameters::kInputs>;
    static_assert(std::is_convertible_v<const V&, Value>,
                  "a further argument does not convert to its parameter");
    request.callable.values.push_back(value_bytes<Value>(static_cast<Value>(argument)));
  }
}

template <class F, class... A>
Array make_blocks(const char* verb, const BlockOptions& options, const std::vector<Halo>& halo,
                  const Location& at, const F& function, const A&... arguments) {
  using Parameters = typename BlockTypes<F>::Parameters;
  static_assert(sizeof...(A) == Parameters::kInputs + Parameters::kValues,
                "a function of blocks is given an array for each Block<const T> and a value for "
                "each further parameter");
  BlockRequest request = request_of(verb, function);
  std::vector<Array> arrays;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (add_argument<F, I>(request, arrays, arguments), ...);
  }
  (std::index_sequence_for<A...>());
  return array_of_blocks(request, arrays, halo, options, at);
}

}  // namespace api

// map_blocks(function, arrays..., values...) or map_blocks(BlockOptions{...}, function, ...): an
// Array. Spelled as a type so that it knows the line it stands on. Throws Error (usage) at once if
// types, shapes or options do not fit.
template <class F, class... A>
struct map_blocks : Array {
  map_blocks(F function, A... arguments, std::source_location at = std::source_location::current())
      : Array(api::make_blocks("map_blocks", {}, {}, at, function, arguments...)) {}
};
template <class F, class... A>
struct map_blocks<BlockOptions, F, A...> : Array {
  map_blocks(const BlockOptions& options, F function, A... arguments,
             std::source_location at = std::source_location::current())
      : Array(api::make_blocks("map_blocks", options, {}, at, function, arguments...)) {}
};
template <class F, class... A>
map_blocks(F, A...) -> map_blocks<F, A...>;

// map_overlap(function, array, halo, values...) or map_overlap(BlockOptions{...}, function, ...):
// the blocks have a halo, the result has not: its block begins where x(0, 0, ...) is. Further
// arrays before the values get the same halo. The result has the shape of the array. Only the
// elements of halos cross between ranks.
template <class F, class... V>
struct map_overlap : Array {
  map_overlap(F function, const Array& array, const std::vector<Halo>& halo, V... values,
              std::source_location at = std::source_location::current())
      : Array(api::make_blocks("map_overlap", {}, halo, at, function, array, values...)) {}
  map_overlap(const BlockOptions& options, F function, const Array& array,
              const std::vector<Halo>& halo, V... values,
              std::source_location at = std::source_location::current())
      : Array(api::make_blocks("map_overlap", options, halo, at, function, array, values...)) {}
};
template <class F, class... V>
map_overlap(F, const Array&, const std::vector<Halo>&, V...) -> map_overlap<F, V...>;
template <class F, class... V>
map_overlap(const BlockOptions&, F, const Array&, const std::vector<Halo>&, V...)
    -> map_overlap<F, V...>;

}  // namespace rankine
