// Functions of users on grids of tasks. A grid has one function, so what it needs (the functor and
// its constant parameters) is read once on every rank, when the graph is installed, into an object
// that all threads share; a call then costs what the function costs.
//
// Values that are trivially copyable travel as the bytes they are and are read where they lie;
// others as Cereal writes them (base/value.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/base/function_ref.h"
#include "runtime/base/shape.h"
#include "runtime/base/value.h"
#include "runtime/kernels/user_call.h"

namespace rankine {

// Where a task stands in its grid. Valid during the call it is given to.
class GridPoint {
 public:
  GridPoint(const Extents& coordinate, const Extents& counts)
      : coordinate_(coordinate),
        counts_(counts) {}
  std::int64_t operator[](std::size_t axis) const { return coordinate_[axis]; }
  std::int64_t count(std::size_t axis) const { return counts_[axis]; }  // tasks along the axis
  std::size_t axes() const { return counts_.size(); }
  const Extents& coordinate() const { return coordinate_; }

 private:
  const Extents& coordinate_;
  const Extents& counts_;
};

// Takes the coordinates that a dependency by code names: visit({at[0] - 1, at[1]}).
using GridVisit = FunctionRef<void(const Extents&)>;

// What tasks of a grid may pass on without Cereal.
template <class T>
inline constexpr bool is_fixed_value =
    std::is_trivially_copyable_v<T> && !std::is_pointer_v<T> && alignof(T) <= 64;
template <class T>
inline constexpr bool is_grid_value = std::is_default_constructible_v<T> &&
                                      (is_fixed_value<T> || is_value<T>);

// The results that one input of a grid's task consists of, in the order of the input's reach.
// Elements are only read, and valid during the call.
template <class T, bool fixed = is_fixed_value<T>>
class Inputs {
 public:
  explicit Inputs(std::span<const std::span<const std::byte>> values) : values_(values) {
    for (const auto& value : values) {
      if (value.size() != sizeof(T)) {
        throw Error(ExitCode::kTaskFailed, "a value of another length arrived at a task");
      }
    }
  }
  std::size_t size() const { return values_.size(); }
  bool empty() const { return values_.empty(); }
  const T& operator[](std::size_t i) const {
    return *reinterpret_cast<const T*>(values_[i].data());
  }

 private:
  std::span<const std::span<const std::byte>> values_;  // each aligned to 64 bytes
};
template <class T>
class Inputs<T, false> {
 public:
  explicit Inputs(std::span<const std::span<const std::byte>> values) {
    values_.reserve(values.size());
    for (const auto& value : values) values_.push_back(read_value<T>(value));
  }
  std::size_t size() const { return values_.size(); }
  bool empty() const { return values_.empty(); }
  const T& operator[](std::size_t i) const { return values_[i]; }

 private:
  std::vector<T> values_;
};

namespace kernels {

// One run of a grid's function.
struct GridCall {
  const GridPoint& at;
  std::span<const std::span<const std::byte>> values;  // of all inputs, one after the other
  std::span<const std::uint32_t> ends;                 // where the values of each input end
  std::byte* place = nullptr;      // of GridKernel::result_bytes(), if that is not 0
  std::vector<std::byte>& result;  // else: empty; the result is appended
};

// Thread-safe: all threads of a rank call one object.
class GridKernel {
 public:
  GridKernel() = default;
  GridKernel(const GridKernel&) = delete;
  GridKernel& operator=(const GridKernel&) = delete;
  virtual ~GridKernel() = default;
  // May throw what the user's function throws.
  virtual void run(GridCall& call) const = 0;
  virtual std::size_t result_bytes() const = 0;  // 0: of any length
};
// function: where a plain function was given. Throws Error if the state cannot be read back.
using MakeGridKernel = std::shared_ptr<const GridKernel> (*)(std::span<const std::byte> state,
                                                             const void* function);

// A dependency that is given by code: whose results the task at a coordinate takes, in this order,
// and which tasks take the result of a coordinate, once for each time they take it.
class GridPattern {
 public:
  GridPattern() = default;
  GridPattern(const GridPattern&) = delete;
  GridPattern& operator=(const GridPattern&) = delete;
  virtual ~GridPattern() = default;
  virtual void inputs(const GridPoint& at, GridVisit visit) const = 0;
  virtual void consumers(const GridPoint& at, GridVisit visit) const = 0;
};
using MakeGridPattern = std::shared_ptr<const GridPattern> (*)(std::span<const std::byte> state);

// A value inside another one's bytes: Cereal's where it can, else the bytes it is.
template <class T>
struct Carried {
  T value{};
  template <class Archive>
  void save(Archive& archive) const {
    if constexpr (is_value<T>) {
      archive(value);
    } else {
      archive(cereal::binary_data(&value, sizeof value));
    }
  }
  template <class Archive>
  void load(Archive& archive) {
    if constexpr (is_value<T>) {
      archive(value);
    } else {
      archive(cereal::binary_data(&value, sizeof value));
    }
  }
};

template <class T>
void write_grid_value(std::vector<std::byte>& bytes, const T& value) {
  if constexpr (is_fixed_value<T>) {
    const auto* first = reinterpret_cast<const std::byte*>(&value);
    bytes.insert(bytes.end(), first, first + sizeof value);
  } else {
    write_value(bytes, value);
  }
}
// Throws Error (task failed) if these are not the bytes of a T.
template <class T>
T read_grid_value(std::span<const std::byte> bytes) {
  if constexpr (is_fixed_value<T>) {
    if (bytes.size() != sizeof(T)) {
      throw Error(ExitCode::kTaskFailed, "a result of another length arrived");
    }
    T value;
    std::memcpy(static_cast<void*>(&value), bytes.data(), sizeof value);
    return value;
  } else {
    return read_value<T>(bytes);
  }
}

// F: the function's type; Taken: std::tuple of the type of each input's values; Parameters: what
// follows them.
template <class F, class R, class Taken, class... Parameters>
class FunctionOnGrid;
template <class F, class R, class... Taken, class... Parameters>
class FunctionOnGrid<F, R, std::tuple<Taken...>, Parameters...> : public GridKernel {
 public:
  // What travels: the functor, unless it has no state, and the parameters.
  using Functor = std::conditional_t<is_function_pointer<F> || is_stateless<F>, std::tuple<>,
                                     std::tuple<Carried<F>>>;
  using State = std::tuple<Functor, std::tuple<Carried<Parameters>...>>;

  FunctionOnGrid(State state, const void* function)
      : state_(std::move(state)),
        function_(function_of(function)) {}

  void run(GridCall& call) const override {
    std::apply(
        [&](const auto&... parameter) {
          call_with(call, std::index_sequence_for<Taken...>(), parameter.value...);
        },
        std::get<1>(state_));
  }
  std::size_t result_bytes() const override { return is_fixed_value<R> ? sizeof(R) : 0; }

  static std::shared_ptr<const GridKernel> make(std::span<const std::byte> state,
                                                const void* function) {
    return std::make_shared<FunctionOnGrid>(read_value<State>(state), function);
  }

 private:
  F function_of(const void* function) {
    if constexpr (is_function_pointer<F>) {
      return reinterpret_cast<F>(reinterpret_cast<std::uintptr_t>(function));
    } else if constexpr (is_stateless<F>) {
      return F{};
    } else {
      return std::get<0>(std::get<0>(state_)).value;
    }
  }

  template <std::size_t... I>
  void call_with(GridCall& call, std::index_sequence<I...>, const Parameters&... parameters) const {
    const auto values = [&](std::size_t input) {
      const std::size_t begin = input == 0 ? 0 : call.ends[input - 1];
      return call.values.subspan(begin, call.ends[input] - begin);
    };
    if constexpr (is_fixed_value<R>) {
      const R result = function_(call.at, Inputs<Taken>(values(I))..., parameters...);
      std::memcpy(call.place, static_cast<const void*>(&result), sizeof result);
    } else {
      write_value<R>(call.result, function_(call.at, Inputs<Taken>(values(I))..., parameters...));
    }
  }

  const State state_;
  const F function_;
};

template <class D>
class PatternOnGrid : public GridPattern {
 public:
  explicit PatternOnGrid(D pattern) : pattern_(std::move(pattern)) {}
  void inputs(const GridPoint& at, GridVisit visit) const override { pattern_.inputs(at, visit); }
  void consumers(const GridPoint& at, GridVisit visit) const override {
    pattern_.consumers(at, visit);
  }
  static std::shared_ptr<const GridPattern> make(std::span<const std::byte> state) {
    return std::make_shared<PatternOnGrid>(read_value<Carried<D>>(state).value);
  }

 private:
  const D pattern_;
};

}  // namespace kernels
}  // namespace rankine
