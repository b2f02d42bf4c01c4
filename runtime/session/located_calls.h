// Session::submit and Session::delayed. A default argument cannot follow a parameter pack, so that
// each knows the line of the call there is one for each number of arguments; beyond kMostLocated
// they know an address only.
#pragma once

#include <source_location>

#include "runtime/api/delayed.h"

namespace rankine::session {

// S derives from it and has submit_at(Caller, function, arguments...) and delayed_at, likewise.
template <class S>
class LocatedCalls {
 public:
  static constexpr int kMostLocated = 6;
  using At = std::source_location;

  template <class Fn>
  requires(!api::IsDelayed<Fn>) auto submit(Fn function, At at = At::current()) {
    return self().submit_at(api::Caller(at), function);
  }
  template <class Fn>
  auto delayed(Fn function, At at = At::current()) {
    return self().delayed_at(api::Caller(at), function);
  }
  template <class Fn, class A>
  auto submit(Fn function, A a, At at = At::current()) {
    return self().submit_at(api::Caller(at), function, a);
  }
  template <class Fn, class A>
  auto delayed(Fn function, A a, At at = At::current()) {
    return self().delayed_at(api::Caller(at), function, a);
  }
  template <class Fn, class A, class B>
  auto submit(Fn function, A a, B b, At at = At::current()) {
    return self().submit_at(api::Caller(at), function, a, b);
  }
  template <class Fn, class A, class B>
  auto delayed(Fn function, A a, B b, At at = At::current()) {
    return self().delayed_at(api::Caller(at), function, a, b);
  }
  template <class Fn, class A, class B, class C>
  auto submit(Fn function, A a, B b, C c, At at = At::current()) {
    return self().submit_at(api::Caller(at), function, a, b, c);
  }
  template <class Fn, class A, class B, class C>
  auto delayed(Fn function, A a, B b, C c, At at = At::current()) {
    return self().delayed_at(api::Caller(at), function, a, b, c);
  }
  template <class Fn, class A, class B, class C, class D>
  auto submit(Fn function, A a, B b, C c, D d, At at = At::current()) {
    return self().submit_at(api::Caller(at), function, a, b, c, d);
  }
  template <class Fn, class A, class B, class C, class D>
  auto delayed(Fn function, A a, B b, C c, D d, At at = At::current()) {
    return self().delayed_at(api::Caller(at), function, a, b, c, d);
  }
  template <class Fn, class A, class B, class C, class D, class E>
  auto submit(Fn function, A a, B b, C c, D d, E e, At at = At::current()) {
    return self().submit_at(api::Caller(at), function, a, b, c, d, e);
  }
  template <class Fn, class A, class B, class C, class D, class E>
  auto delayed(Fn function, A a, B b, C c, D d, E e, At at = At::current()) {
    return self().delayed_at(api::Caller(at), function, a, b, c, d, e);
  }
  template <class Fn, class A, class B, class C, class D, class E, class F>
  auto submit(Fn function, A a, B b, C c, D d, E e, F f, At at = At::current()) {
    return self().submit_at(api::Caller(at), function, a, b, c, d, e, f);
  }
  template <class Fn, class A, class B, class C, class D, class E, class F>
  auto delayed(Fn function, A a, B b, C c, D d, E e, F f, At at = At::current()) {
    return self().delayed_at(api::Caller(at), function, a, b, c, d, e, f);
  }

  template <class Fn, class... Arguments>
  requires(sizeof...(Arguments) > kMostLocated)
      [[gnu::noinline]] auto submit(Fn function, Arguments... arguments) {
    return self().submit_at(api::Caller(__builtin_return_address(0)), function, arguments...);
  }
  template <class Fn, class... Arguments>
  requires(sizeof...(Arguments) > kMostLocated)
      [[gnu::noinline]] auto delayed(Fn function, Arguments... arguments) {
    return self().delayed_at(api::Caller(__builtin_return_address(0)), function, arguments...);
  }

 private:
  S& self() { return static_cast<S&>(*this); }
};

}  // namespace rankine::session
