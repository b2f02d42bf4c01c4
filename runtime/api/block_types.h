// What the parameters of a user's function of blocks say, and what must be right with them.
#pragma once

#include <array>
#include <string>
#include <type_traits>
#include <vector>

#include "runtime/api/array.h"
#include "runtime/kernels/block_call.h"

namespace rankine::api {

template <class T>
concept IsElement = std::is_same_v<T, bool> || std::is_same_v<T, std::int8_t> ||
    std::is_same_v<T, std::int16_t> || std::is_same_v<T, std::int32_t> ||
    std::is_same_v<T, std::int64_t> || std::is_same_v<T, std::uint8_t> ||
    std::is_same_v<T, std::uint16_t> || std::is_same_v<T, std::uint32_t> ||
    std::is_same_v<T, std::uint64_t> || std::is_same_v<T, float> || std::is_same_v<T, double>;

template <class A>
inline constexpr bool is_array = std::is_base_of_v<Array, A>;

template <class R>
struct ElementsOf {};
template <class T>
struct ElementsOf<std::vector<T>> {
  using type = T;
};

// The function with what travels beside it, in this process.
struct BlockCallable {
  const void* thunk = nullptr;
  const void* function = nullptr;  // a plain function
  std::vector<std::byte> state;    // a functor
  std::vector<std::string> values;
};

// The name of a function on every rank; `verb` is what plans call it if it has no name.
kernels::BlockFunction named(const BlockCallable& callable, const std::string& verb,
                             const std::string& name, const Location& at);

template <class F>
BlockCallable callable_of(const F& function, const void* thunk) {
  static_assert(
      kernels::is_function_pointer<F> || kernels::is_stateless<F> || is_value<F>,
      "a function of blocks is a plain function, a lambda without captures, or a functor with "
      "`template <class A> void serialize(A& archive)`: pass what a lambda would capture as "
      "further arguments");
  BlockCallable callable;
  callable.thunk = thunk;
  if constexpr (kernels::is_function_pointer<F>) {
    callable.function = reinterpret_cast<const void*>(function);
  } else if constexpr (!kernels::is_stateless<F>) {
    write_value(callable.state, function);
  }
  return callable;
}

template <class R, class Parameters>
struct BlockParameters;
template <class R, class... P>
struct BlockParameters<R, kernels::Parameters<P...>> {
  template <class Q>
  static constexpr int order =  // inputs, values, result
      kernels::is_input_block<Q>    ? 0
      : kernels::is_result_block<Q> ? 2
                                    : 1;
  static constexpr std::array<int, sizeof...(P) + 1> kOrder{order<std::decay_t<P>>..., 2};
  static constexpr bool in_order() {
    for (std::size_t i = 1; i < kOrder.size(); ++i) {
      if (kOrder[i] < kOrder[i - 1]) return false;
    }
    return true;
  }
  static constexpr std::size_t count(int kind) {
    std::size_t found = 0;
    for (std::size_t i = 0; i < sizeof...(P); ++i) found += kOrder[i] == kind ? 1 : 0;
    return found;
  }
  static constexpr std::size_t kInputs = count(0);
  static constexpr std::size_t kValues = count(1);
  template <class Q>
  static constexpr bool passable() {
    if constexpr (order<Q> == 1) {
      return is_value<Q> && std::is_default_constructible_v<Q>;
    } else {
      return IsElement<std::remove_const_t<typename Q::element_type>>;
    }
  }
  template <class Q>
  static constexpr bool changes =
      std::is_lvalue_reference_v<Q> && !std::is_const_v<std::remove_reference_t<Q>>;

  static_assert(kInputs > 0, "a function of blocks takes a Block<const T> for each array, first");
  static_assert(in_order(),
                "a function of blocks takes first a Block<const T> for each array, then further "
                "values, then, if it returns nothing, a Block<T> for its result");
  static_assert((passable<std::decay_t<P>>() && ...),
                "blocks have elements of bool, (u)int8_t to (u)int64_t, float or double; further "
                "arguments need `template <class A> void serialize(A& archive)` and a default "
                "constructor");
  static_assert(!(changes<P> || ...) && !(std::is_rvalue_reference_v<P> || ...),
                "a function of blocks takes its arguments by value or by const reference");
  static constexpr bool kInPlace = std::is_void_v<R> && count(2) == 1;
  static constexpr bool kReturnsArray = std::is_same_v<R, NdArray> && count(2) == 0;
  static constexpr bool kReturnsVector = count(2) == 0 && requires {
    typename ElementsOf<R>::type;
  };
  static_assert(kInPlace || kReturnsArray || kReturnsVector,
                "a function of blocks fills a Block<T>, its last parameter, or returns an NdArray "
                "or a std::vector of its elements");

  using All = std::tuple<std::decay_t<P>...>;
  template <std::size_t I>
  using Value = std::tuple_element_t<kInputs + I, All>;
  template <std::size_t I>
  using Input = std::remove_const_t<typename std::tuple_element_t<I, All>::element_type>;

  // Nothing where the function says it at run time only.
  static constexpr std::optional<DType> result_dtype() {
    if constexpr (kInPlace) {
      return dtype_for<typename std::tuple_element_t<sizeof...(P) - 1, All>::element_type>();
    } else if constexpr (kReturnsVector) {
      return dtype_for<typename ElementsOf<R>::type>();
    } else {
      return std::nullopt;
    }
  }
  static std::vector<DType> input_dtypes() {
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return std::vector<DType>{dtype_for<Input<I>>()...};
    }
    (std::make_index_sequence<kInputs>());
  }
  template <class F>
  static const void* thunk() {
    const kernels::BlockThunk thunk = &kernels::invoke_blocks<F, R, std::decay_t<P>...>;
    return reinterpret_cast<const void*>(thunk);
  }
};

template <class F>
struct BlockTypes {
  static_assert(kernels::HasSignature<F>,
                "a function of blocks says the types of its parameters: "
                "[](Block<const float> x, Block<double> result) { ... }");
  using Signature = kernels::Signature<F>;
  using Parameters = BlockParameters<typename Signature::result, typename Signature::parameters>;
};

template <class V>
std::string value_bytes(const V& value) {
  std::vector<std::byte> bytes;
  write_value(bytes, value);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace rankine::api
