// Reductions as states that can be merged: a task folds its box into a state (evaluate.h), a tree
// of tasks combines states, the last one finalizes. A state is planes (structure of arrays), one
// entry per kept element, 8-byte planes first; the buffer must be aligned to 8 bytes.
//
// Accuracy: float32 accumulates in float64; float64 sums carry the rounding errors of their
// additions in a second plane (Knuth's two-sum), so their error stays below 2 eps x sum|x| for any
// count; variance is (count, shift, mean - shift, M2) merged pairwise (Chan, Golub and LeVeque
// 1983), with the first value as the shift, so a large mean costs no digits.
// Integers are exact and wrap. Bits are a function of the sequence of folds and merges alone.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/dtype.h"

namespace rankine::kernels {

enum class ReduceOp : std::uint8_t {
  kSum,
  kProd,
  kMean,
  kVar,
  kStd,
  kMin,
  kMax,
  kAny,
  kAll,
  kCount
};
constexpr int value_count(ReduceOp) { return static_cast<int>(ReduceOp::kCount) + 1; }

struct ReduceSpec {
  ReduceOp op = ReduceOp::kSum;
  DType input = DType::kFloat64;
  // NaN is missing and left out. False: NaN propagates as in NumPy's plain functions. kCount counts
  // what is not NaN either way; kAny and kAll take NaN as true, as NumPy does.
  bool skipna = true;
  std::int64_t ddof = 0;  // kVar, kStd: the divisor is count - ddof

  bool operator==(const ReduceSpec&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(op, input, skipna, ddof);
  }
};

// sum, prod: int64 for bool and signed, uint64 for unsigned integers; mean, var, std: float32 for
// float32, else float64; count: int64; any, all: bool; min, max: the input's type.
DType result_dtype(const ReduceSpec& spec);

// Bytes of the state of `elements` kept elements (a sum of int8: 8, a mean of float32: 16, a
// variance: 32 each).
std::size_t state_bytes(const ReduceSpec& spec, std::int64_t elements);

// The state of no values at all.
void init_state(const ReduceSpec& spec, std::int64_t elements, std::byte* state);

// `into` is the left operand: its values come first. A fixed order of calls gives fixed bits.
void combine_states(const ReduceSpec& spec, std::int64_t elements, std::byte* into,
                    const std::byte* from);

// Writes `elements` values of result_dtype(spec), contiguous; every NaN is the same one. No values:
// sum 0, prod 1, count 0, any false, all true, else NaN; for min and max of integers unspecified.
void finalize_state(const ReduceSpec& spec, std::int64_t elements, const std::byte* state,
                    std::byte* out);

}  // namespace rankine::kernels
