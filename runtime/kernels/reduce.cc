#include "runtime/kernels/reduce.h"

#include <algorithm>

#include "runtime/kernels/reduce_functions.h"

namespace rankine::kernels {
namespace {

template <class Result>
Result with_one_nan(Result value) {
  if constexpr (kFloating<Result>) return present(value) ? value : kNan<Result>;
  else return value;
}

// State planes of other states are only read through it.
std::byte* readable(const std::byte* state) { return const_cast<std::byte*>(state); }

}  // namespace

DType result_dtype(const ReduceSpec& spec) {
  switch (spec.op) {
    case ReduceOp::kSum:
    case ReduceOp::kProd:
      if (is_float(spec.input)) return spec.input;
      return is_unsigned(spec.input) ? DType::kUInt64 : DType::kInt64;
    case ReduceOp::kMean:
    case ReduceOp::kVar:
    case ReduceOp::kStd:
      return spec.input == DType::kFloat32 ? DType::kFloat32 : DType::kFloat64;
    case ReduceOp::kMin:
    case ReduceOp::kMax: return spec.input;
    case ReduceOp::kAny:
    case ReduceOp::kAll: return DType::kBool;
    case ReduceOp::kCount: break;
  }
  return DType::kInt64;
}

std::size_t state_bytes(const ReduceSpec& spec, std::int64_t elements) {
  return visit_reducer(spec, [&](auto reducer, auto) {
    return decltype(reducer)::type::kBytes * static_cast<std::size_t>(elements);
  });
}

void init_state(const ReduceSpec& spec, std::int64_t elements, std::byte* state) {
  visit_reducer(spec, [&](auto reducer, auto) {
    using R = typename decltype(reducer)::type;
    for (std::int64_t i = 0; i < elements; ++i) R::store(R::init(), state, elements, i);
  });
}

void combine_states(const ReduceSpec& spec, std::int64_t elements, std::byte* into,
                    const std::byte* from) {
  visit_reducer(spec, [&](auto reducer, auto) {
    using R = typename decltype(reducer)::type;
#pragma GCC ivdep
    for (std::int64_t i = 0; i < elements; ++i) {
      const auto merged =
          R::combine(R::load(into, elements, i), R::load(readable(from), elements, i));
      R::store(merged, into, elements, i);
    }
  });
}

void finalize_state(const ReduceSpec& spec, std::int64_t elements, const std::byte* state,
                    std::byte* out) {
  visit_reducer(spec, [&](auto reducer, auto) {
    using R = typename decltype(reducer)::type;
    auto* results = reinterpret_cast<typename R::Result*>(out);
    for (std::int64_t i = 0; i < elements; ++i) {
      results[i] = with_one_nan(R::finish(R::load(readable(state), elements, i), spec.ddof));
    }
  });
}

bool saw_all(const ReduceSpec& spec, std::int64_t elements, const std::byte* state) {
  if (spec.op != ReduceOp::kMin && spec.op != ReduceOp::kMax) return true;
  const std::byte* seen = state + static_cast<std::size_t>(elements) * size_of(spec.input);
  return std::find(seen, seen + elements, std::byte{0}) == seen + elements;
}

}  // namespace rankine::kernels
