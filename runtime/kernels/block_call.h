// Functions of users on blocks as tasks run them: the blocks, what travels beside them, and the
// instances that call the function. Compare user_call.h, which does the same for values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/base/nd_array.h"
#include "runtime/base/value.h"
#include "runtime/kernels/block.h"
#include "runtime/kernels/registry.h"
#include "runtime/kernels/user_call.h"

namespace rankine::kernels {

// A function of blocks by a name that holds on every rank. Plain data.
struct BlockFunction {
  ModuleTable modules;
  FunctionName thunk;    // invoke_blocks<...> or invoke_combine<...>
  bool pointed = false;  // `function` is the plain function that the thunk calls
  FunctionName function;
  std::string state;                // of a functor, as write_value made it
  std::vector<std::string> values;  // further arguments, likewise
  std::string name;                 // "map_blocks(gradient)": for plans, traces and errors
  std::string location;             // "job.cc:12"
  template <class Archive>
  void serialize(Archive& archive) {
    archive(modules, thunk, pointed, function, state, values, name, location);
  }
  // Equal for functions that compute the same. Paths of modules do not count, their builds do.
  std::uint64_t identity() const;
};

// The elements of a block, dense and row-major over layout->full_shape.
struct BlockBytes {
  std::byte* data = nullptr;  // of an input only read
  const BlockLayout* layout = nullptr;
};

// One call. The caller holds the types against those of the function before.
struct BlockCall {
  std::span<const BlockBytes> inputs;
  BlockBytes result;              // of a combination: the left operand and the result
  DType dtype = DType::kFloat64;  // of the result
  std::span<const std::string> values;
  std::span<const std::byte> state;
  const void* function = nullptr;
};
// May throw what the user's function throws; Error (task failed) if it returns another shape, type
// or number of elements than the result has.
using BlockThunk = void (*)(const BlockCall&);

// A BlockFunction in this process.
struct FoundBlockFunction {
  BlockThunk thunk = nullptr;
  const void* function = nullptr;
};
// Throws Error (usage) if this process is another program.
FoundBlockFunction find_function(const BlockFunction& function);

// Copies what a function returned into its block. Throws Error (task failed) if it does not fit.
void take_returned(const NdArray& returned, const BlockCall& call);
[[noreturn]] void refuse_returned_count(std::size_t returned, const BlockCall& call);

template <class... P>
struct Parameters {};

// The result and the parameters of a function with one call operator that is no template.
template <class F>
struct Signature : Signature<decltype(&F::operator())> {};
template <class R, class... P>
struct Signature<R (*)(P...)> {
  using result = R;
  using parameters = Parameters<P...>;
};
template <class R, class... P>
struct Signature<R (*)(P...) noexcept> : Signature<R (*)(P...)> {};
template <class R, class C, class... P>
struct Signature<R (C::*)(P...)> : Signature<R (*)(P...)> {};
template <class R, class C, class... P>
struct Signature<R (C::*)(P...) const> : Signature<R (*)(P...)> {};
template <class R, class C, class... P>
struct Signature<R (C::*)(P...) noexcept> : Signature<R (*)(P...)> {};
template <class R, class C, class... P>
struct Signature<R (C::*)(P...) const noexcept> : Signature<R (*)(P...)> {};

template <class F>
concept HasSignature = is_function_pointer<F> || requires {
  &F::operator();
};

template <class P>
inline constexpr bool is_input_block = false;
template <class T>
inline constexpr bool is_input_block<Block<const T>> = true;
template <class P>
inline constexpr bool is_result_block = false;
template <class T>
inline constexpr bool is_result_block<Block<T>> = !std::is_const_v<T>;

// Calls `use` with the user's function, made from what travelled.
template <class F, class Use>
void with_function(const BlockCall& call, const Use& use) {
  if constexpr (is_function_pointer<F>) {
    const F function = reinterpret_cast<F>(reinterpret_cast<std::uintptr_t>(call.function));
    use(function);
  } else if constexpr (is_stateless<F>) {
    F function{};
    use(function);
  } else {
    F function = read_value<F>(call.state);
    use(function);
  }
}

// What parameter `index` of type P gets: an input by number, the result, or a value.
template <class P, std::size_t Inputs>
P block_argument(const BlockCall& call, std::size_t index) {
  if constexpr (is_input_block<P>) {
    const BlockBytes& input = call.inputs[index];
    return {reinterpret_cast<typename P::element_type*>(input.data), *input.layout};
  } else if constexpr (is_result_block<P>) {
    return {reinterpret_cast<typename P::element_type*>(call.result.data), *call.result.layout};
  } else {
    return read_value<P>(std::as_bytes(std::span(call.values[index - Inputs])));
  }
}

template <class T>
void take_returned(const std::vector<T>& returned, const BlockCall& call) {
  const auto count = static_cast<std::size_t>(volume(call.result.layout->full_shape));
  if (returned.size() != count) refuse_returned_count(returned.size(), call);
  std::copy(returned.begin(), returned.end(), reinterpret_cast<T*>(call.result.data));
}

// P: the parameters without reference, input blocks first, then values, then perhaps the result.
template <class F, class R, class... P>
void invoke_blocks(const BlockCall& call) {
  constexpr std::size_t kInputs = (std::size_t{is_input_block<P>} + ...);
  const auto arguments = [&]<std::size_t... I>(std::index_sequence<I...>) {
    return std::tuple<P...>{block_argument<P, kInputs>(call, I)...};
  };
  std::tuple<P...> all = arguments(std::index_sequence_for<P...>());
  with_function<F>(call, [&](auto& function) {
    if constexpr (std::is_void_v<R>) {
      std::apply(function, all);
    } else {
      take_returned(std::apply(function, all), call);
    }
  });
}

// function(Block<S> into, Block<const S> next): `into` comes first in the order of the array.
template <class F, class S>
void invoke_combine(const BlockCall& call) {
  Block<S> into(reinterpret_cast<S*>(call.result.data), *call.result.layout);
  Block<const S> next(reinterpret_cast<const S*>(call.inputs[0].data), *call.inputs[0].layout);
  with_function<F>(call, [&](auto& function) { function(into, next); });
}

}  // namespace rankine::kernels
