// What a call of Session::compute asks for: arrays and results of tasks and grids, in any order.
#pragma once

#include <cstddef>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/api/delayed.h"
#include "runtime/api/task_grid.h"
#include "runtime/base/nd_array.h"
#include "runtime/base/value.h"

namespace rankine::session {

template <class A>
concept IsOfGrid = requires {
  typename A::grid_value;
};
template <class A>
inline constexpr bool is_asked = std::is_base_of_v<Array, A> || api::IsDelayed<A> || IsOfGrid<A>;

// What compute gives for an A.
template <class A>
struct AskedFor {
  using type = NdArray;
};
template <api::IsDelayed A>
struct AskedFor<A> {
  using type = std::conditional_t<std::is_void_v<typename A::delayed_value>, std::monostate,
                                  typename A::delayed_value>;
};
template <IsOfGrid A>
struct AskedFor<A> {
  using type = typename A::grid_value;
};
template <class A>
using Asked = typename AskedFor<A>::type;

// Results come as bytes: of all arrays first, then of all tasks, then of all grids.
struct Request {
  std::vector<Array> arrays;
  std::shared_ptr<const api::TaskArena> arena;  // null without tasks
  std::vector<std::uint32_t> tasks;
  std::vector<api::GridAsk> grids;
  enum class Kind { kArray, kTask, kGrid };
  struct Slot {
    Kind kind;
    std::size_t index;  // among its kind
  };
  std::vector<Slot> slots;  // in the order of the call

  void ask(const Array& array) {
    slots.push_back({Kind::kArray, arrays.size()});
    arrays.push_back(array);
  }
  template <class R>
  void ask(const Delayed<R>& task) {
    slots.push_back({Kind::kTask, tasks.size()});
    arena = task.arena();
    tasks.push_back(task.task());
  }
  template <IsOfGrid A>
  void ask(const A& values) {
    slots.push_back({Kind::kGrid, grids.size()});
    grids.push_back(values.ask);
  }
  // Where the results of a slot begin.
  std::size_t first_result(std::size_t slot) const {
    const auto [kind, index] = slots[slot];
    if (kind == Kind::kArray) return index;
    if (kind == Kind::kTask) return arrays.size() + index;
    std::int64_t before = 0;
    for (std::size_t i = 0; i < index; ++i) before += api::results_of(grids[i]);
    return arrays.size() + tasks.size() + static_cast<std::size_t>(before);
  }
};

template <class... A>
Request request_of(const A&... asked) {
  Request request;
  (request.ask(asked), ...);
  return request;
}

// The results of one box of a grid; `first` is where they begin.
template <class T>
std::vector<T> take_values(const std::vector<std::vector<std::byte>>& results,
                           const api::GridAsk& ask, std::size_t first) {
  std::vector<T> values;
  const auto count = static_cast<std::size_t>(ask.box.size());
  values.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    if constexpr (is_fixed_value<T>) {
      const auto all = std::span(std::as_const(results[first]));
      values.push_back(kernels::read_grid_value<T>(all.subspan(i * sizeof(T), sizeof(T))));
    } else {
      values.push_back(read_value<T>(results[first + i]));
    }
  }
  return values;
}

template <class T>
std::vector<T> take_of_grid(std::type_identity<GridValues<T>>,
                            const std::vector<std::vector<std::byte>>& results,
                            const api::GridAsk& ask, std::size_t first) {
  return take_values<T>(results, ask, first);
}
template <class T>
T take_of_grid(std::type_identity<GridValue<T>>, const std::vector<std::vector<std::byte>>& results,
               const api::GridAsk& ask, std::size_t first) {
  return std::move(take_values<T>(results, ask, first).front());
}

// The value of one slot; its bytes are used up. A: what was asked for.
template <class A>
Asked<A> take(std::vector<std::vector<std::byte>>& results, const Request& request,
              std::size_t slot) {
  const std::size_t first = request.first_result(slot);
  if constexpr (std::is_base_of_v<Array, A>) {
    const Array& array = request.arrays[request.slots[slot].index];
    return NdArray(array.dtype(), array.shape(), std::move(results[first]));
  } else if constexpr (!IsOfGrid<A>) {
    const std::vector<std::byte> bytes = std::move(results[first]);
    if constexpr (std::is_same_v<Asked<A>, std::monostate>) {
      return {};
    } else {
      return read_value<Asked<A>>(bytes);
    }
  } else {
    return take_of_grid(std::type_identity<A>(), results, request.grids[request.slots[slot].index],
                        first);
  }
}

// The values of all slots; `A` is what was asked for.
template <class... A, std::size_t... I>
std::tuple<Asked<A>...> take_all(std::vector<std::vector<std::byte>>& results,
                                 const Request& request, std::index_sequence<I...>) {
  return {take<A>(results, request, I)...};
}

}  // namespace rankine::session
