// Functions of users as tasks run them: arguments and result as bytes (base/value.h), the function
// itself as the address of an instance of invoke(). One instance per type of function and of
// arguments; types alone cannot tell two functions of one signature apart, so a plain function's
// own address goes along.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <tuple>
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

// Several values as one argument: first their number, then each. The function gets a vector.
template <class T>
struct ListOf {};

// Reads the arguments of a call one after the other.
class ArgumentReader {
 public:
  explicit ArgumentReader(const UserCall& call) : arguments_(call.arguments) {}

  template <class T>
  T read(std::type_identity<T>) {
    return read_value<T>(next());
  }
  template <class T>
  std::vector<T> read(std::type_identity<ListOf<T>>) {
    const auto count = read_value<std::uint64_t>(next());
    std::vector<T> values;
    values.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) values.push_back(read_value<T>(next()));
    return values;
  }

 private:
  std::span<const std::byte> next() {
    if (next_ == arguments_.size()) throw std::logic_error("a task has too few arguments");
    return arguments_[next_++];
  }

  std::span<const std::span<const std::byte>> arguments_;
  std::size_t next_ = 0;
};

// What a function receives for an argument.
template <class T>
struct Received {
  using type = T;
};
template <class T>
struct Received<ListOf<T>> {
  using type = std::vector<T>;
};

// F: the function's type; R: what it returns; Arguments: the type of each value, or ListOf<T>.
template <class F, class R, class... Arguments>
void invoke(UserCall& call) {
  ArgumentReader reader(call);
  // Braces: read from left to right.
  std::tuple<typename Received<Arguments>::type...> values{
      reader.read(std::type_identity<Arguments>())...};
  const auto apply = [&](auto& function) {
    if constexpr (std::is_void_v<R>) {
      std::apply(function, std::move(values));
    } else {
      write_value<R>(call.result, std::apply(function, std::move(values)));
    }
  };
  if constexpr (is_function_pointer<F>) {
    const F function = reinterpret_cast<F>(reinterpret_cast<std::uintptr_t>(call.function));
    apply(function);
  } else if constexpr (is_stateless<F>) {
    F function{};
    apply(function);
  } else {
    F function = read_value<F>(call.state);
    apply(function);
  }
}

}  // namespace rankine::kernels
