// Functions of users as tasks run them: arguments and result as bytes (base/value.h), the function
// itself as the address of an instance of invoke(). One instance per type of function and of
// arguments; types alone cannot tell two functions of one signature apart, so a plain function's
// own address goes along.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/base/value.h"

namespace rankine::kernels {

// One run of a function. All but `result` is only read.
struct UserCall {
  std::span<const std::span<const std::byte>> arguments;
  std::span<const std::byte> state;  // of a functor
  const void* function = nullptr;    // where a plain function was given
  std::vector<std::byte>& result;    // empty; the function's result is appended
};
// May throw what the user's function throws.
using UserThunk = void (*)(UserCall&);

template <class F>
inline constexpr bool is_function_pointer =
    std::is_pointer_v<F>&& std::is_function_v<std::remove_pointer_t<F>>;

// A function object without members: nothing of it has to travel.
template <class F>
inline constexpr bool is_stateless = std::is_empty_v<F>&& std::is_default_constructible_v<F>;

template <class F, class R, class... Values>
void invoke(UserCall& call) {
  const auto apply = [&]<std::size_t... I>(auto& function, std::index_sequence<I...>) {
    if constexpr (std::is_void_v<R>) {
      function(read_value<Values>(call.arguments[I])...);
    } else {
      write_value<R>(call.result, function(read_value<Values>(call.arguments[I])...));
    }
  };
  constexpr std::index_sequence_for<Values...> indices;
  if constexpr (is_function_pointer<F>) {
    const F function = reinterpret_cast<F>(reinterpret_cast<std::uintptr_t>(call.function));
    apply(function, indices);
  } else if constexpr (is_stateless<F>) {
    F function{};
    apply(function, indices);
  } else {
    F function = read_value<F>(call.state);
    apply(function, indices);
  }
}

}  // namespace rankine::kernels
