// What a call of Session::compute asks for: arrays and results of tasks, in any order.
#pragma once

#include <cstddef>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/api/delayed.h"
#include "runtime/base/nd_array.h"
#include "runtime/base/value.h"

namespace rankine::session {

template <class A>
inline constexpr bool is_asked = std::is_base_of_v<Array, A> || api::IsDelayed<A>;

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
template <class A>
using Asked = typename AskedFor<A>::type;

// Results come as bytes: of all arrays first, then of all tasks.
struct Request {
  std::vector<Array> arrays;
  std::shared_ptr<const api::TaskArena> arena;  // null without tasks
  std::vector<std::uint32_t> tasks;
  struct Slot {
    bool is_task;
    std::size_t index;  // among its kind
  };
  std::vector<Slot> slots;  // in the order of the call

  void ask(const Array& array) {
    slots.push_back({false, arrays.size()});
    arrays.push_back(array);
  }
  template <class R>
  void ask(const Delayed<R>& task) {
    slots.push_back({true, tasks.size()});
    arena = task.arena();
    tasks.push_back(task.task());
  }
};

template <class... A>
Request request_of(const A&... asked) {
  Request request;
  (request.ask(asked), ...);
  return request;
}

// The value of one slot; its bytes are used up.
template <class T>
T take(std::vector<std::vector<std::byte>>& results, const Request& request, std::size_t slot) {
  const auto [is_task, index] = request.slots[slot];
  std::vector<std::byte> bytes =
      std::move(results[is_task ? request.arrays.size() + index : index]);
  if constexpr (std::is_same_v<T, std::monostate>) {
    return {};
  } else {
    if constexpr (std::is_same_v<T, NdArray>) {
      if (!is_task) {
        const Array& array = request.arrays[index];
        return NdArray(array.dtype(), array.shape(), std::move(bytes));
      }
    }
    return read_value<T>(bytes);
  }
}

// The values of all slots; `A` is what was asked for.
template <class... A, std::size_t... I>
std::tuple<Asked<A>...> take_all(std::vector<std::vector<std::byte>>& results,
                                 const Request& request, std::index_sequence<I...>) {
  return {take<Asked<A>>(results, request, I)...};
}

}  // namespace rankine::session
