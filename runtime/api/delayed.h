// Tasks that run a user's function on any rank, and graphs of them:
//
//   double simulate(int seed);
//   Delayed<double> a = delayed(simulate, 1), b = delayed(simulate, 2);
//   double sum = session.compute(delayed([](double x, double y) { return x + y; }, a, b));
//
// Building a task runs nothing. A function is a plain function, a lambda without captures, or a
// functor with a Cereal serialize; every rank calls its own copy, on a thread of its team, so it
// must not rely on what other tasks or rank 0 left in globals. Arguments are values, results of
// other tasks (Delayed, Future), vectors of those (which arrive as a vector of values), whole
// arrays (Array, which arrives as NdArray) or scattered values (Ref); the function gets them as
// rvalues. Values are those Cereal can write and read (base/value.h) and default-constructible.
// What a function throws ends the graph: session.compute throws it as an Error that says which
// task, which rank and where the user made it.
//
// What functions allocate, and results longer than a few words, are not in the memory that a plan
// promises.
//
// All tasks that are alive together lie in one arena; it is freed when the last Delayed goes. They
// are built by one thread at a time.
#pragma once

#include <concepts>
#include <memory>
#include <source_location>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "runtime/api/future.h"
#include "runtime/api/task_arena.h"
#include "runtime/base/nd_array.h"
#include "runtime/kernels/user_call.h"

namespace rankine {

// The result of a task that has not run. Cheap to copy.
template <class R>
class Delayed {
 public:
  using delayed_value = R;
  Delayed(std::shared_ptr<api::TaskArena> arena, std::uint32_t task)
      : arena_(std::move(arena)),
        task_(task) {}
  const std::shared_ptr<api::TaskArena>& arena() const { return arena_; }
  std::uint32_t task() const { return task_; }

 private:
  std::shared_ptr<api::TaskArena> arena_;
  std::uint32_t task_;
};

namespace api {

template <class A>
concept IsDelayed = requires {
  typename A::delayed_value;
};

template <class A>
concept IsFuture = requires {
  typename A::future_value;
};
template <class A>
concept IsRef = requires {
  typename A::scattered_value;
};

// What the function receives for an argument of type A.
template <class A>
struct ValueOf {
  using type = A;
};
template <IsDelayed A>
struct ValueOf<A> {
  using type = typename A::delayed_value;
};
template <IsDelayed A>
struct ValueOf<std::vector<A>> {
  using type = std::vector<typename A::delayed_value>;
};
template <IsFuture A>
struct ValueOf<A> {
  using type = typename A::future_value;
};
template <IsFuture A>
struct ValueOf<std::vector<A>> {
  using type = std::vector<typename A::future_value>;
};
template <IsRef A>
struct ValueOf<A> {
  using type = typename A::scattered_value;
};
template <std::derived_from<Array> A>
struct ValueOf<A> {
  using type = NdArray;
};
template <>
struct ValueOf<const char*> {
  using type = std::string;
};

// How it travels (kernels/user_call.h).
template <class A>
struct SentAs {
  using type = typename ValueOf<A>::type;
};
template <IsDelayed A>
struct SentAs<std::vector<A>> {
  using type = kernels::ListOf<typename A::delayed_value>;
};

template <IsFuture A>
struct SentAs<std::vector<A>> {
  using type = kernels::ListOf<typename A::future_value>;
};

template <class F, class... A>
struct TaskTypes {
  template <class V>
  static constexpr bool passable = is_value<V>&& std::is_default_constructible_v<V>;

  static_assert(kernels::is_function_pointer<F> || kernels::is_stateless<F> || is_value<F>,
                "a task function is a plain function, a lambda without captures, or a functor with "
                "`template <class A> void serialize(A& archive)`: pass what a lambda would capture "
                "as arguments");
  static_assert((passable<typename ValueOf<A>::type> && ...),
                "an argument of a task needs `template <class A> void serialize(A& archive)` and a "
                "default constructor");
  static_assert(std::is_invocable_v<F&, typename ValueOf<A>::type...>,
                "the function cannot be called with these arguments; it takes them by value, by "
                "const reference or by &&");
  using Result = std::decay_t<std::invoke_result_t<F&, typename ValueOf<A>::type...>>;
  static_assert(std::is_void_v<Result> || passable<Result>,
                "the result of a task needs `template <class A> void serialize(A& archive)` and a "
                "default constructor");

  static Callable callable(const F& function) {
    Callable callable;
    callable.thunk = &kernels::invoke<F, Result, typename SentAs<A>::type...>;
    if constexpr (kernels::is_function_pointer<F>) {
      callable.function = reinterpret_cast<const void*>(function);
    } else if constexpr (!kernels::is_stateless<F>) {
      write_value(callable.state, function);
    }
    return callable;
  }
};

template <class F, class... A>
using TaskResult = typename TaskTypes<F, A...>::Result;

template <class A>
inline constexpr bool is_list = false;
template <IsDelayed A>
inline constexpr bool is_list<std::vector<A>> = true;
template <IsFuture A>
inline constexpr bool is_list<std::vector<A>> = true;

template <class A>
void add_argument(TaskArena& arena, const A& argument) {
  if constexpr (IsDelayed<A>) {
    arena.add_task_argument(*argument.arena(), argument.task());
  } else if constexpr (IsFuture<A>) {
    arena.add_future_argument(argument.state());
  } else if constexpr (IsRef<A>) {
    arena.add_scattered_argument(argument.value());
  } else if constexpr (is_list<A>) {
    write_value(arena.scratch(), std::uint64_t{argument.size()});
    arena.add_constant_argument();
    for (const auto& task : argument) add_argument(arena, task);
  } else if constexpr (std::is_base_of_v<Array, A>) {
    arena.add_array_argument(argument);
  } else {
    std::vector<std::byte>& bytes = arena.scratch();
    write_value<typename ValueOf<A>::type>(bytes, argument);
    arena.add_constant_argument();
  }
}

template <class F, class... A>
Delayed<TaskResult<F, A...>> make_delayed(const TaskOptions& options, const Caller& caller,
                                          const F& function, const A&... arguments) {
  const std::shared_ptr<TaskArena> arena = TaskArena::current();
  const auto building = arena->lock();
  arena->begin_task(TaskTypes<F, A...>::callable(function), options, caller);
  (add_argument(*arena, arguments), ...);
  return {arena, arena->end_task()};
}

}  // namespace api

// delayed(function, arguments...) or delayed(TaskOptions{...}, function, arguments...): one more
// task, a Delayed<R> of what the function returns. Spelled as a type so that it knows the line it
// stands on. Throws Error (usage) if the function's module has no build-id.
template <class F, class... A>
struct delayed : Delayed<api::TaskResult<F, A...>> {
  delayed(F function, A... arguments, std::source_location at = std::source_location::current())
      : Delayed<api::TaskResult<F, A...>>(
            api::make_delayed({}, api::Caller(at), function, arguments...)) {}
};
template <class F, class... A>
struct delayed<TaskOptions, F, A...> : Delayed<api::TaskResult<F, A...>> {
  delayed(TaskOptions options, F function, A... arguments,
          std::source_location at = std::source_location::current())
      : Delayed<api::TaskResult<F, A...>>(
            api::make_delayed(options, api::Caller(at), function, arguments...)) {}
};
template <class F, class... A>
delayed(F, A...) -> delayed<F, A...>;

// A task with several outputs returns a tuple, a pair or a std::array; this makes one Delayed of
// each.
template <class R>
auto split(const Delayed<R>& several, std::source_location at = std::source_location::current()) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return std::make_tuple(api::make_delayed(
        TaskOptions{}, api::Caller(at), [](const R& whole) { return std::get<I>(whole); },
        several)...);
  }
  (std::make_index_sequence<std::tuple_size_v<R>>());
}

}  // namespace rankine
