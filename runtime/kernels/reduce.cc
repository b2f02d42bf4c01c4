#include "runtime/kernels/reduce.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <span>

#include "runtime/kernels/convert.h"
#include "runtime/kernels/reduce_fold.h"
#include "runtime/kernels/reduce_functions.h"

namespace rankine::kernels {
namespace {

template <class Result>
Result with_one_nan(Result value) {
  if constexpr (kFloating<Result>) return present(value) ? value : kNan<Result>;
  else return value;
}

bool has_flags(const ReduceSpec& spec) {
  return spec.op == ReduceOp::kMin || spec.op == ReduceOp::kMax;
}

// The flags of a minimum or maximum (reduce_functions.h).
template <class Byte>
std::span<Byte> flags(const ReduceSpec& spec, std::int64_t elements, Byte* state) {
  const auto count = static_cast<std::size_t>(elements);
  return {state + count * size_of(spec.input), count};
}

constexpr std::byte kSeen{1};

// Nothing is written through it.
std::byte* readable(const std::byte* state) { return const_cast<std::byte*>(state); }

void unseen_to_nan(const ReduceSpec& spec, std::int64_t elements, const std::byte* state,
                   std::byte* out) {
  const auto seen = flags(spec, elements, state);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (seen[i] == kSeen) continue;
    const std::uint64_t nan = element_bits(Literal::of(kNan<double>), spec.input);
    std::memcpy(out + i * size_of(spec.input), &nan, size_of(spec.input));
  }
}

}  // namespace

DType folded_dtype(const ReduceSpec& spec) {
  const bool in_float64 =
      spec.op == ReduceOp::kMean || spec.op == ReduceOp::kVar || spec.op == ReduceOp::kStd;
  return in_float64 && !is_float(spec.input) ? DType::kFloat64 : spec.input;
}

DType result_dtype(const ReduceSpec& spec) {
  switch (spec.op) {
    case ReduceOp::kSum:
    case ReduceOp::kProd:
      if (is_float(spec.input)) return spec.input;
      return is_unsigned(spec.input) ? DType::kUInt64 : DType::kInt64;
    case ReduceOp::kMean:
    case ReduceOp::kVar:
    case ReduceOp::kStd: return spec.input == DType::kFloat32 ? DType::kFloat32 : DType::kFloat64;
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
  if (has_flags(spec)) std::ranges::fill(flags(spec, elements, state), std::byte{0});
}

void mark_seen(const ReduceSpec& spec, std::int64_t elements, std::byte* state) {
  if (has_flags(spec)) std::ranges::fill(flags(spec, elements, state), kSeen);
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
  if (!has_flags(spec)) return;
  const auto seen = flags(spec, elements, into);
  std::ranges::transform(seen, flags(spec, elements, from), seen.begin(), std::bit_or<>());
}

void finalize_state(const ReduceSpec& spec, std::int64_t elements, const std::byte* state,
                    std::byte* out) {
  visit_reducer(spec, [&](auto reducer, auto) {
    using R = typename decltype(reducer)::type;
    auto* results = reinterpret_cast<typename R::Result*>(out);
    for (std::int64_t i = 0; i < elements; ++i) {
      results[i] = with_one_nan(R::finish(R::load(readable(state), elements, i), spec));
    }
  });
  if (has_flags(spec) && is_float(spec.input)) unseen_to_nan(spec, elements, state, out);
}

}  // namespace rankine::kernels
