// Reductions of one's own, as a tree of calls:
//
//   // The mean of squares: a state of two numbers for each element that is kept.
//   Array power = reduction(
//       x, "time",
//       [](Block<const float> x, Block<double> state) { ... },         // one chunk
//       [](Block<double> into, Block<const double> next) { ... },      // into = into, then next
//       [](Block<const double> state, Block<float> result) { ... },    // after the last
//       {.state = {2}});
//
// `chunk` sees a chunk of the array and fills a state with the axes that are kept and, behind them,
// those of `state`; `combine` joins two states of the same elements, of which `into` comes first
// along the reduced axes; `finalize` makes the result, with the kept axes, of a whole state.
// Without it the state is the result. Types are those the functions name; what they may be and what
// holds for them: map_blocks.h.
//
// States are joined from left to right in groups of eight, the results likewise, by a tree that
// depends on the number of chunks only: the bytes are the same for any ranks and threads.
#pragma once

#include "runtime/api/map_blocks.h"

namespace rankine {

struct ReductionOptions {
  std::string name = {};  // for plans, traces and errors
  Extents state = {};     // shape of a state for each kept element; none: one number
  bool keepdims = false;  // reduced axes stay with length 1
};

namespace api {

struct ReductionRequest {
  BlockRequest chunk;
  BlockCallable combine;
  std::optional<BlockRequest> finalize;
};
Array reduced_array(const Array& array, const Axes& axes, const ReductionRequest& request,
                    const ReductionOptions& options, const Location& at);

// The type of the states that a function joins.
template <class R, class Parameters>
struct CombinedState {
  static constexpr bool fits = false;
  using type = void;
};
template <class A, class B>
struct CombinedState<void, kernels::Parameters<A, B>> {
  using Into = std::decay_t<A>;
  using Next = std::decay_t<B>;
  static constexpr bool blocks = kernels::is_result_block<Into> && kernels::is_input_block<Next>;
  template <class I, bool>
  struct Element {
    using type = void;
  };
  template <class I>
  struct Element<I, true> {
    using type = typename I::element_type;
  };
  using type = typename Element<Into, blocks>::type;
  static constexpr bool fits = blocks && std::is_same_v<Next, Block<const type>>;
};

template <class Chunk, class Combine>
ReductionRequest reduction_request(const Chunk& chunk, const Combine& combine) {
  using Types = typename BlockTypes<Chunk>::Parameters;
  static_assert(Types::kInputs == 1 && Types::kValues == 0 && !Types::kReturnsArray,
                "the first function of a reduction takes a Block<const T> and fills a Block<S>");
  static_assert(kernels::HasSignature<Combine>,
                "the second function of a reduction says the types of its parameters");
  using Signature = kernels::Signature<Combine>;
  using Combined = CombinedState<typename Signature::result, typename Signature::parameters>;
  static_assert(Combined::fits,
                "the second function of a reduction takes a Block<S>, which it changes, and a "
                "Block<const S>");
  using State = typename Combined::type;
  static_assert(Types::result_dtype() == dtype_for<State>(),
                "the first two functions of a reduction name different types of states");
  const kernels::BlockThunk thunk = &kernels::invoke_combine<Combine, State>;
  return {request_of("reduction", chunk),
          callable_of(combine, reinterpret_cast<const void*>(thunk)), std::nullopt};
}

}  // namespace api

// axes: as in Array::sum; none is all. Throws Error (usage) at once for an axis of length 0, which
// has no chunk.
template <class Chunk, class Combine>
Array reduction(const Array& array, const Axes& axes, Chunk chunk, Combine combine,
                const ReductionOptions& options = {}, Location at = Here::current()) {
  return api::reduced_array(array, axes, api::reduction_request(chunk, combine), options, at);
}
template <class Chunk, class Combine, class Finalize>
requires kernels::HasSignature<Finalize> Array reduction(const Array& array, const Axes& axes,
                                                         Chunk chunk, Combine combine,
                                                         Finalize finalize,
                                                         const ReductionOptions& options = {},
                                                         Location at = Here::current()) {
  using Types = typename api::BlockTypes<Finalize>::Parameters;
  using State = typename api::BlockTypes<Chunk>::Parameters;
  static_assert(Types::kInputs == 1 && Types::kValues == 0 && !Types::kReturnsArray,
                "the third function of a reduction takes a Block<const S> and fills a Block<T>");
  static_assert(State::result_dtype() == dtype_for<typename Types::template Input<0>>(),
                "the first and third function of a reduction name different types of states");
  api::ReductionRequest request = api::reduction_request(chunk, combine);
  request.finalize = api::request_of("reduction", finalize);
  return api::reduced_array(array, axes, request, options, at);
}

}  // namespace rankine
