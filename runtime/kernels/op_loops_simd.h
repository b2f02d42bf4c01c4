// Included once per SIMD level by op_loops_*.cc, with RANKINE_SIMD_LEVEL the name of the level.
#include "runtime/kernels/cast.h"
#include "runtime/kernels/op_functions.h"
#include "runtime/kernels/op_loops.h"

namespace rankine::kernels::RANKINE_SIMD_LEVEL {
namespace {

// The element type in memory of a compute type; where reads its condition as bool.
template <class T>
const T* as(const std::byte* data) {
  return reinterpret_cast<const T*>(data);
}

template <class T, bool kSplat>
struct Operand {
  explicit Operand(const std::byte* data) : elements(as<T>(data)), first(*elements) {}
  T operator[](std::int64_t i) const { return kSplat ? first : elements[i]; }
  const T* elements;
  const T first;
};

template <class F, class T, unsigned kSplat>
void unary(std::int64_t n, const std::byte* const* arguments, std::byte* out) {
  using R = decltype(F::apply(T{}));
  const T* a = as<T>(arguments[0]);
  R* r = reinterpret_cast<R*>(out);
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) r[i] = F::apply(a[i]);
}

template <class F, class T, unsigned kSplat>
void binary(std::int64_t n, const std::byte* const* arguments, std::byte* out) {
  using R = decltype(F::apply(T{}, T{}));
  const Operand<T, (kSplat & 1) != 0> a(arguments[0]);
  const Operand<T, (kSplat & 2) != 0> b(arguments[1]);
  R* r = reinterpret_cast<R*>(out);
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) r[i] = F::apply(a[i], b[i]);
}

template <class F, class T, unsigned kSplat>
void ternary(std::int64_t n, const std::byte* const* arguments, std::byte* out) {
  using First = std::conditional_t<std::is_same_v<F, Where>, bool, T>;
  const Operand<First, (kSplat & 1) != 0> a(arguments[0]);
  const Operand<T, (kSplat & 2) != 0> b(arguments[1]);
  const Operand<T, (kSplat & 4) != 0> c(arguments[2]);
  T* r = reinterpret_cast<T*>(out);
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) r[i] = F::apply(a[i], b[i], c[i]);
}

template <class F, class T, int kArity, unsigned kSplat>
constexpr Loop loop_of() {
  if constexpr (kArity == 1) return unary<F, T, kSplat>;
  else if constexpr (kArity == 2) return binary<F, T, kSplat>;
  else return ternary<F, T, kSplat>;
}

template <class F, class T, int kArity>
Loop splat_loop(unsigned splat) {
  if constexpr (kArity > 1) {
    if (splat == 1) return loop_of<F, T, kArity, 1>();
    if (splat == 2) return loop_of<F, T, kArity, 2>();
  }
  if constexpr (kArity > 2) {
    if (splat == 3) return loop_of<F, T, kArity, 3>();
    if (splat == 4) return loop_of<F, T, kArity, 4>();
    if (splat == 5) return loop_of<F, T, kArity, 5>();
    if (splat == 6) return loop_of<F, T, kArity, 6>();
  }
  return loop_of<F, T, kArity, 0>();
}

template <class F, int kArity, TypeRule kRule>
Loop typed_loop(DType compute, unsigned splat) {
  return visit_dtype(compute, [&](auto tag) -> Loop {
    using T = typename decltype(tag)::type;
    if constexpr (has_loop<T>(kRule)) return splat_loop<F, T, kArity>(splat);
    else return nullptr;
  });
}

template <class From, class To>
void cast_loop(std::int64_t n, const std::byte* const* arguments, std::byte* out) {
  const From* a = as<From>(arguments[0]);
  To* r = reinterpret_cast<To*>(out);
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) r[i] = cast<To>(a[i]);
}

}  // namespace

Loop find_loop(Op op, DType compute, unsigned splat) {
  switch (op) {
#define RANKINE_KERNEL_CASE(id, numpy, ours, operands, rule, function) \
  case Op::id: return typed_loop<function, operands, TypeRule::rule>(compute, splat);
    RANKINE_KERNEL_OPS(RANKINE_KERNEL_CASE)
#undef RANKINE_KERNEL_CASE
  }
  return nullptr;
}

Loop find_cast_loop(DType from, DType to) {
  return visit_dtype(from, [&](auto from_tag) -> Loop {
    return visit_dtype(to, [](auto to_tag) -> Loop {
      using From = typename decltype(from_tag)::type;
      using To = typename decltype(to_tag)::type;
      if constexpr (std::is_same_v<From, To>) return nullptr;
      else return cast_loop<From, To>;
    });
  });
}

}  // namespace rankine::kernels::RANKINE_SIMD_LEVEL
