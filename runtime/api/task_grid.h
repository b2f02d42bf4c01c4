// Grids of tasks: one function at every coordinate of an N-dimensional grid, which takes results of
// the same grid (steps of time), or of other ones. However many tasks there are, the description is
// a few hundred bytes, and a task costs about what its function costs.
//
//   // One step of the heat equation on a ring; step 0 has no inputs.
//   double diffuse(const GridPoint& at, const Inputs<double>& u, double rate) {
//     if (u.empty()) return at[1] == at.count(1) / 2 ? 1.0 : 0.0;
//     return u[1] + rate * (u[0] - 2 * u[1] + u[2]);
//   }
//   TaskGrid<double> heat({steps, width}, diffuse, itself(reach::offset(-1), reach::ring(-1, 1)),
//                         0.25);
//   std::vector<double> end = session.compute(heat.slice(0, steps - 1));
//
// A function is a plain function, a lambda without captures, or a functor whose const call is
// thread-safe. It takes where it stands, an Inputs<U> for every input in the order in which they
// were given, and then the constant parameters, by value or const reference. Inputs of trivially
// copyable types are read where they lie; of other types, which need a Cereal serialize, copies are
// made. A result of one type or the other is what TaskGrid<T> says.
//
// An input names, for every axis of the grid it reads, which indices (api/reach.h), or gives code:
// a struct with
//   void inputs(const GridPoint& at, GridVisit visit) const;     // results that task `at` takes
//   void consumers(const GridPoint& at, GridVisit visit) const;  // tasks that take result `at`
// Both only look at their arguments and members; what they name outside of the grids is not there.
// Inputs by code of the same grid go back along the first axis, and its first tasks have none. With
// `static constexpr bool feeds_all = true` every other task has one at least.
//
// Inputs of the same grid must go back along some axis, time; that axis is not cut among ranks, the
// others are, in blocks. Building a grid runs nothing. Throws Error (usage) if tasks would wait for
// themselves. What a function throws ends the graph, as with delayed. Asking for any result of a
// grid runs all of its tasks, and those of the grids it reads.
#pragma once

#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/api/delayed.h"
#include "runtime/api/grid_layer.h"
#include "runtime/api/reach.h"
#include "runtime/kernels/grid_call.h"

namespace rankine {

namespace api {

template <class D>
concept IsPattern = requires(const D& pattern, const GridPoint& at, GridVisit visit) {
  pattern.inputs(at, visit);
  pattern.consumers(at, visit);
};
template <class D>
constexpr bool feeds_all() {
  if constexpr (requires { D::feeds_all; }) return D::feeds_all;
  return false;
}

// An input before the grid is there that takes it. U: the type of its values; void: the grid's own.
template <class U>
struct GridReading {
  std::shared_ptr<const GridLayer> producer;  // null: the grid itself
  std::vector<Reach> reaches;
};
template <class U, class D>
struct GridCoded {
  std::shared_ptr<const GridLayer> producer;
  D pattern;
};

template <class A>
inline constexpr bool is_grid_input = false;
template <class U>
inline constexpr bool is_grid_input<GridReading<U>> = true;
template <class U, class D>
inline constexpr bool is_grid_input<GridCoded<U, D>> = true;

// The type of an input's values.
template <class T, class A>
struct Taken;
template <class T, class U>
struct Taken<T, GridReading<U>> {
  using type = std::conditional_t<std::is_void_v<U>, T, U>;
};
template <class T, class U, class D>
struct Taken<T, GridCoded<U, D>> : Taken<T, GridReading<U>> {};

template <class U>
void add_grid_input(GridBuilder& builder, const GridReading<U>& input) {
  const Extents& produced = input.producer ? input.producer->grid.counts : builder.counts();
  builder.add_input(input.producer, edges_of(input.reaches, builder.counts(), produced));
}
template <class U, class D>
void add_grid_input(GridBuilder& builder, const GridCoded<U, D>& input) {
  static_assert(is_grid_value<D>,
                "a dependency by code is a struct that is trivially copyable or has `template "
                "<class A> void serialize(A& archive)`, and a default constructor");
  std::vector<std::byte> state;
  write_value(state, kernels::Carried<D>{input.pattern});
  builder.add_input(input.producer, &kernels::PatternOnGrid<D>::make, std::move(state),
                    feeds_all<D>());
}

// How a function is called whose inputs and parameters are told apart already.
template <class T, class F, class Taken, class Parameters>
struct GridFunction;
template <class T, class F, class... U, class... P>
struct GridFunction<T, F, std::tuple<U...>, std::tuple<P...>> {
  static_assert(kernels::is_function_pointer<F> || kernels::is_stateless<F> || is_grid_value<F>,
                "the function of a grid is a plain function, a lambda without captures, or a "
                "functor with `template <class A> void serialize(A& archive)` and a default "
                "constructor: pass what a lambda would capture as arguments");
  static_assert(is_grid_value<T>,
                "the result of a grid's task needs to be trivially copyable or `template <class A> "
                "void serialize(A& archive)`, and a default constructor");
  static_assert((is_grid_value<P> && ...),
                "a parameter of a grid needs to be trivially copyable or `template <class A> void "
                "serialize(A& archive)`, and a default constructor");
  static_assert(
      std::is_invocable_v<const F&, const GridPoint&, const Inputs<U>&..., const P&...>,
      "the function of a grid cannot be called with (const GridPoint&, an Inputs<U> for each "
      "input, the parameters); a call operator must be const");
  static_assert(
      !std::is_invocable_v<const F&, const GridPoint&, const Inputs<U>&..., const P&...> ||
          std::is_invocable_r_v<T, const F&, const GridPoint&, const Inputs<U>&..., const P&...>,
      "the function of a TaskGrid<T> returns a T");

  using OnGrid = kernels::FunctionOnGrid<F, T, std::tuple<U...>, P...>;

  static std::shared_ptr<const GridLayer> finish(GridBuilder& builder, const F& function,
                                                 const std::tuple<P...>& parameters) {
    typename OnGrid::State state;
    const void* plain = nullptr;
    if constexpr (kernels::is_function_pointer<F>) {
      plain = reinterpret_cast<const void*>(function);
    } else if constexpr (!kernels::is_stateless<F>) {
      std::get<0>(std::get<0>(state)).value = function;
    }
    std::apply(
        [&](const P&... parameter) { std::get<1>(state) = {kernels::Carried<P>{parameter}...}; },
        parameters);
    std::vector<std::byte> bytes;
    write_value(bytes, state);
    return builder.finish(&OnGrid::make, plain, std::move(bytes),
                          is_fixed_value<T> ? sizeof(T) : 0);
  }
};

// The arguments behind the function: inputs as the types of their values, the others as parameters.
template <class T, class... A>
struct GridArguments {
  template <class X>
  static auto taken(const X&) {
    if constexpr (is_grid_input<X>) {
      return std::tuple<std::type_identity<typename Taken<T, X>::type>>();
    } else {
      return std::tuple<>();
    }
  }
  template <class X>
  static auto parameter(const X& argument) {
    if constexpr (is_grid_input<X>) {
      return std::tuple<>();
    } else {
      return std::tuple<typename ValueOf<X>::type>(argument);
    }
  }
  template <class... U>
  static std::tuple<U...> bare(const std::tuple<std::type_identity<U>...>&);
  using Inputs = decltype(bare(std::tuple_cat(taken(std::declval<A>())...)));
  using Parameters = decltype(std::tuple_cat(parameter(std::declval<A>())...));
};

}  // namespace api

// Some results of a grid, to be computed: one, or those of a box in row-major order.
template <class T>
struct GridValue {
  using grid_value = T;
  api::GridAsk ask;
};
template <class T>
struct GridValues {
  using grid_value = std::vector<T>;
  api::GridAsk ask;
};

// Cheap to copy; immutable.
template <class T>
class TaskGrid {
 public:
  // arguments: inputs (itself(...), other.read(...)) and constant parameters. options: name and
  // retries; the tasks of a grid have no other annotations of their own. Throws Error (usage).
  template <class F, class... A>
  requires(!std::is_same_v<F, TaskOptions>)
      TaskGrid(const GridCounts& counts, F function, A... arguments)
      : TaskGrid(counts, TaskOptions{}, function, arguments...) {}
  template <class F, class... A>
  TaskGrid(const GridCounts& counts, const TaskOptions& options, F function, A... arguments) {
    using Arguments = api::GridArguments<T, A...>;
    using Function =
        api::GridFunction<T, F, typename Arguments::Inputs, typename Arguments::Parameters>;
    api::GridBuilder builder(counts, options);
    [[maybe_unused]] const auto add = [&](const auto& argument) {
      if constexpr (api::is_grid_input<std::decay_t<decltype(argument)>>) {
        api::add_grid_input(builder, argument);
      }
    };
    (add(arguments), ...);
    layer_ =
        Function::finish(builder, function, std::tuple_cat(Arguments::parameter(arguments)...));
  }

  const Extents& counts() const { return layer_->grid.counts; }

  // As an input of another grid: a reach for each axis of this one, or code.
  template <class... R>
  requires(std::is_same_v<R, Reach>&&...) api::GridReading<T> read(const R&... reaches)
  const { return {layer_, {reaches...}}; }
  template <api::IsPattern D>
  api::GridCoded<T, D> read(const D& pattern) const {
    return {layer_, pattern};
  }

  // For Session::compute. Throw Error (usage) outside of the grid.
  GridValue<T> at(const Extents& coordinate) const {
    Extents end = coordinate;
    for (std::int64_t& index : end) ++index;
    return {api::ask_grid(layer_, {coordinate, end})};
  }
  GridValues<T> box(const Extents& lo, const Extents& hi) const {
    return {api::ask_grid(layer_, {lo, hi})};
  }
  GridValues<T> all() const { return box(Extents(counts().size(), 0), counts()); }
  // All with one index along an axis.
  GridValues<T> slice(std::size_t axis, std::int64_t index) const {
    Extents lo(counts().size(), 0), hi = counts();
    if (axis >= counts().size()) throw usage_error("a grid has no axis " + std::to_string(axis));
    lo[axis] = index;
    hi[axis] = index + 1;
    return box(lo, hi);
  }

 private:
  std::shared_ptr<const api::GridLayer> layer_;
};

// The grid that is being built as its own input.
template <class... R>
requires(std::is_same_v<R, Reach>&&...) api::GridReading<void> itself(const R&... reaches) {
  return {nullptr, {reaches...}};
}
template <api::IsPattern D>
api::GridCoded<void, D> itself(const D& pattern) {
  return {nullptr, pattern};
}

}  // namespace rankine
