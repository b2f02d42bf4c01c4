// What each reduction does to one kept element: the state that a group of eight neighbours makes
// (part), how two states merge (combine) and how the result is made (finish). Written without
// branches so that loops over kept elements or over groups vectorize. Local to the file that
// includes it, as op_functions.h is.
//
// Folding a group in is always combine(state, part(group)), whatever the loop around it looks like,
// and part is one fixed tree: so the bits do not depend on the loop. A shorter group at the end of
// an axis is filled up with `pad`, which changes nothing; `rows` is the true length.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "runtime/kernels/reduce.h"
#include "runtime/kernels/reduce_fold.h"

namespace rankine::kernels {
namespace {

template <class P>
P* plane(std::byte* state, std::int64_t elements, std::int64_t offset) {
  return reinterpret_cast<P*>(state + elements * offset);
}

template <class T>
inline constexpr T kNan = std::numeric_limits<T>::quiet_NaN();
template <class T>
inline constexpr bool kFloating = std::is_floating_point_v<T>;

template <class T>
inline bool present(T x) {
  return x == x;
}

// Both values are computed: no branch.
template <class A>
inline A choose(bool condition, A yes, A no) {
  return condition ? yes : no;
}

template <class A, class Step, class Map>
inline A tree(const Step& step, const Map& map) {
  return step(step(step(map(0), map(4)), step(map(2), map(6))),
              step(step(map(1), map(5)), step(map(3), map(7))));
}

// Eight elements by value: x(k). Kept in registers once everything is inlined.
template <class T>
struct Group {
  T e0, e1, e2, e3, e4, e5, e6, e7;
  constexpr T operator()(int k) const {
    return k == 0   ? e0
           : k == 1 ? e1
           : k == 2 ? e2
           : k == 3 ? e3
           : k == 4 ? e4
           : k == 5 ? e5
           : k == 6 ? e6
                    : e7;
  }
};

template <class T>
inline std::int32_t count_present(const Group<T>& x) {
  return tree<std::int32_t>([](auto a, auto b) { return a + b; },
                            [&](int k) { return static_cast<std::int32_t>(present(x(k))); });
}

// The sum of a group in A, what is missing left out if kSkip.
template <class A, bool kSkip, class T>
inline A sum_present(const Group<T>& x) {
  return tree<A>([](A a, A b) { return a + b; },
                 [&](int k) {
                   if constexpr (kSkip) return choose(present(x(k)), A(x(k)), A(0));
                   else return static_cast<A>(x(k));
                 });
}

// A float64 sum with the rounding errors of its additions beside it (Knuth's two-sum).
struct Compensated {
  double sum;
  double error = 0;
  void add(double value) {
    const double next = sum + value;
    const double part = next - sum;
    error += (sum - (next - part)) + (value - part);
    sum = next;
  }
  double total() const {
    return std::fabs(sum) <= std::numeric_limits<double>::max() ? sum + error : sum;
  }
};
struct Plain {
  double sum;
  void add(double value) { sum += value; }
  double total() const { return sum; }
};

template <class T>
using SumOf = std::conditional_t<std::is_same_v<T, float>, Plain, Compensated>;

// Planes of a float64 sum from byte `offset` on.
inline Plain load_sum(Plain*, std::byte* state, std::int64_t n, std::int64_t offset,
                      std::int64_t i) {
  return {plane<double>(state, n, offset)[i]};
}
inline void store_sum(const Plain& a, std::byte* state, std::int64_t n, std::int64_t offset,
                      std::int64_t i) {
  plane<double>(state, n, offset)[i] = a.sum;
}
inline Compensated load_sum(Compensated*, std::byte* state, std::int64_t n, std::int64_t offset,
                            std::int64_t i) {
  return {plane<double>(state, n, offset)[i], plane<double>(state, n, offset + 8)[i]};
}
inline void store_sum(const Compensated& a, std::byte* state, std::int64_t n, std::int64_t offset,
                      std::int64_t i) {
  plane<double>(state, n, offset)[i] = a.sum;
  plane<double>(state, n, offset + 8)[i] = a.error;
}
inline void merge(Plain& a, const Plain& b) { a.add(b.sum); }
inline void merge(Compensated& a, const Compensated& b) {
  a.add(b.sum);
  a.error += b.error;
}

template <class T, bool kSkip>
struct FloatSum {
  using State = SumOf<T>;
  using Result = T;
  static constexpr std::size_t kBytes = sizeof(State);
  static constexpr T pad = 0;
  static State init() { return State{}; }
  static State load(std::byte* s, std::int64_t n, std::int64_t i) {
    return load_sum(static_cast<State*>(nullptr), s, n, 0, i);
  }
  static void store(const State& a, std::byte* s, std::int64_t n, std::int64_t i) {
    store_sum(a, s, n, 0, i);
  }
  static State part(const Group<T>& x, int) { return State{sum_present<double, kSkip>(x)}; }
  static State combine(State a, const State& b) {
    merge(a, b);
    return a;
  }
  static Result finish(const State& a, const ReduceSpec&) { return static_cast<T>(a.total()); }
};

// Sums modulo 2^64 and, by kMultiply, products.
template <class T, bool kMultiply>
struct IntegerTotal {
  using State = std::uint64_t;
  using Result = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
  static constexpr std::size_t kBytes = 8;
  static constexpr T pad = kMultiply ? 1 : 0;
  static State step(State a, State b) { return kMultiply ? a * b : a + b; }
  static State init() { return pad; }
  static State load(std::byte* s, std::int64_t n, std::int64_t i) {
    return plane<State>(s, n, 0)[i];
  }
  static void store(State a, std::byte* s, std::int64_t n, std::int64_t i) {
    plane<State>(s, n, 0)[i] = a;
  }
  static State part(const Group<T>& x, int) {
    return tree<State>(step, [&](int k) { return static_cast<State>(x(k)); });
  }
  static State combine(State a, State b) { return step(a, b); }
  static Result finish(State a, const ReduceSpec&) { return static_cast<Result>(a); }
};

template <class T, bool kSkip>
struct FloatProduct {
  using State = double;
  using Result = T;
  static constexpr std::size_t kBytes = 8;
  static constexpr T pad = 1;
  static State init() { return 1; }
  static State load(std::byte* s, std::int64_t n, std::int64_t i) {
    return plane<State>(s, n, 0)[i];
  }
  static void store(State a, std::byte* s, std::int64_t n, std::int64_t i) {
    plane<State>(s, n, 0)[i] = a;
  }
  static State part(const Group<T>& x, int) {
    return tree<double>(
        [](double p, double q) { return p * q; },
        [&](int k) { return !kSkip || present(x(k)) ? static_cast<double>(x(k)) : 1.0; });
  }
  static State combine(State a, State b) { return a * b; }
  static Result finish(State a, const ReduceSpec&) { return static_cast<T>(a); }
};

template <class T, bool kSkip>
struct Mean {
  struct State {
    std::int64_t count;
    SumOf<T> sum;
  };
  using Result = T;
  static constexpr std::size_t kBytes = 8 + sizeof(SumOf<T>);
  static constexpr T pad = 0;
  static State init() { return State{}; }
  static State load(std::byte* s, std::int64_t n, std::int64_t i) {
    return {plane<std::int64_t>(s, n, 0)[i], load_sum(static_cast<SumOf<T>*>(nullptr), s, n, 8, i)};
  }
  static void store(const State& a, std::byte* s, std::int64_t n, std::int64_t i) {
    plane<std::int64_t>(s, n, 0)[i] = a.count;
    store_sum(a.sum, s, n, 8, i);
  }
  static State part(const Group<T>& x, int rows) {
    std::int64_t count = rows;
    if constexpr (kSkip) count += count_present(x) - 8;
    return {count, {sum_present<double, kSkip>(x)}};
  }
  static State combine(State a, const State& b) {
    a.count += b.count;
    merge(a.sum, b.sum);
    return a;
  }
  static Result finish(const State& a, const ReduceSpec&) {
    return static_cast<Result>(a.count > 0 ? a.sum.total() / static_cast<double>(a.count)
                                           : kNan<double>);
  }
};

// (count, shift, mean - shift, M2). The shift is the first value there is: subtracting it first
// leaves numbers of the size of the spread, and because it is one of the values, even an outlier
// costs no digits.
template <class T, bool kSkip>
struct Variance {
  struct State {
    double count, shift, mean, m2;
  };
  using Result = T;
  static constexpr std::size_t kBytes = 32;
  static constexpr T pad = 0;
  static State init() { return State{}; }
  static State load(std::byte* s, std::int64_t n, std::int64_t i) {
    return {plane<double>(s, n, 0)[i], plane<double>(s, n, 8)[i], plane<double>(s, n, 16)[i],
            plane<double>(s, n, 24)[i]};
  }
  static void store(const State& a, std::byte* s, std::int64_t n, std::int64_t i) {
    plane<double>(s, n, 0)[i] = a.count;
    plane<double>(s, n, 8)[i] = a.shift;
    plane<double>(s, n, 16)[i] = a.mean;
    plane<double>(s, n, 24)[i] = a.m2;
  }

  static double first_present(const Group<T>& x) {
    T first = x(7);
    first = choose(present(x(6)), x(6), first);
    first = choose(present(x(5)), x(5), first);
    first = choose(present(x(4)), x(4), first);
    first = choose(present(x(3)), x(3), first);
    first = choose(present(x(2)), x(2), first);
    first = choose(present(x(1)), x(1), first);
    return static_cast<double>(choose(present(x(0)), x(0), first));
  }
  static State part(const Group<T>& x, int rows) {
    const auto add = [](double p, double q) { return p + q; };
    const double padding = static_cast<double>(8 - rows);
    const double n = static_cast<double>(count_present(x)) - padding;
    const double shift = choose(n > 0, first_present(x), 0.0);
    const auto counts = [&](int k) { return (k < rows) & present(x(k)); };
    const auto off = [&](int k) {
      return choose(counts(k), static_cast<double>(x(k)) - shift, 0.0);
    };
    const double mean = tree<double>(add, off) / choose(n > 0, n, 1.0);
    const double m2 = tree<double>(add, [&](int k) {
      const double rest = choose(counts(k), off(k) - mean, 0.0);
      return rest * rest;
    });
    const bool whole = kSkip | (n == static_cast<double>(rows));
    return {n, shift, mean, choose(whole, m2, kNan<double>)};
  }
  // Chan et al. A state of no values changes nothing but by its M2, which is 0, or NaN if values
  // were missing that must not be.
  static State combine(const State& a, const State& b) {
    const double count = a.count + b.count;
    const double share = b.count / choose(count > 0, count, 1.0);
    const bool first = a.count == 0;
    const double apart = (b.shift - a.shift) + (b.mean - a.mean);
    const double delta = choose(first | (b.count == 0), 0.0, apart);
    return {count, choose(first, b.shift, a.shift), choose(first, b.mean, a.mean) + delta * share,
            a.m2 + b.m2 + delta * delta * a.count * share};
  }
  static Result finish(const State& a, const ReduceSpec& spec) {
    // Without enough values NumPy's plain functions divide by zero, the skipping ones give NaN.
    const double rest = a.count - static_cast<double>(spec.ddof);
    const double divisor = choose(rest > 0, rest, 0.0);
    const bool defined = a.count > 0 && (!spec.skipna || divisor > 0);
    const double variance = defined ? a.m2 / divisor : kNan<double>;
    return static_cast<Result>(spec.op == ReduceOp::kStd ? std::sqrt(variance) : variance);
  }
};

// Behind the values lies a plane of flags, one byte each: some value was seen. It is kept out of
// the loops: a box that is not empty shows a value to every kept element (mark_seen).
template <class T, bool kSkip, bool kMax>
struct Extreme {
  using State = T;
  using Result = T;
  static constexpr std::size_t kBytes = sizeof(T) + 1;
  static constexpr T farthest() {
    if constexpr (kFloating<T>) {
      if (kSkip) return kNan<T>;
      return kMax ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::infinity();
    } else {
      return kMax ? std::numeric_limits<T>::min() : std::numeric_limits<T>::max();
    }
  }
  static constexpr T pad = farthest();
  static State init() { return pad; }
  static State load(std::byte* s, std::int64_t n, std::int64_t i) { return plane<T>(s, n, 0)[i]; }
  static void store(State a, std::byte* s, std::int64_t n, std::int64_t i) {
    plane<T>(s, n, 0)[i] = a;
  }
  static T pick(T a, T b) {
    const T closer = choose(kMax ? b > a : b < a, b, a);
    if constexpr (kFloating<T>) return choose(present(kSkip ? a : b), closer, b);
    else return closer;
  }
  static State part(const Group<T>& x, int) { return tree<T>(pick, x); }
  static State combine(State a, State b) { return pick(a, b); }
  static Result finish(State a, const ReduceSpec&) { return a; }
};

template <class T, bool kAll>
struct Logical {
  using State = std::uint8_t;
  using Result = bool;
  static constexpr std::size_t kBytes = 1;
  static constexpr T pad = kAll ? 1 : 0;
  static State step(State a, State b) { return static_cast<State>(kAll ? a & b : a | b); }
  static State init() { return kAll ? 1 : 0; }
  static State load(std::byte* s, std::int64_t n, std::int64_t i) {
    return plane<State>(s, n, 0)[i];
  }
  static void store(State a, std::byte* s, std::int64_t n, std::int64_t i) {
    plane<State>(s, n, 0)[i] = a;
  }
  static State part(const Group<T>& x, int) {
    return tree<State>(step, [&](int k) { return static_cast<State>(x(k) != T(0)); });
  }
  static State combine(State a, State b) { return step(a, b); }
  static Result finish(State a, const ReduceSpec&) { return a != 0; }
};

template <class T>
struct Count {
  using State = std::int64_t;
  using Result = std::int64_t;
  static constexpr std::size_t kBytes = 8;
  static constexpr T pad = 0;
  static State init() { return 0; }
  static State load(std::byte* s, std::int64_t n, std::int64_t i) {
    return plane<State>(s, n, 0)[i];
  }
  static void store(State a, std::byte* s, std::int64_t n, std::int64_t i) {
    plane<State>(s, n, 0)[i] = a;
  }
  static State part(const Group<T>& x, int rows) {
    if constexpr (kFloating<T>) return count_present(x) + rows - 8;
    else return rows;
  }
  static State combine(State a, State b) { return a + b; }
  static Result finish(State a, const ReduceSpec&) { return a; }
};

template <class R>
struct ReducerTag {
  using type = R;
};

template <class T, bool kSkip, class Visitor>
decltype(auto) visit_typed_reducer(ReduceOp op, Visitor&& visit) {
  constexpr TypeTag<T> tag;
  if constexpr (kFloating<T>) {
    if (op == ReduceOp::kMean) return visit(ReducerTag<Mean<T, kSkip>>{}, tag);
    if (op == ReduceOp::kVar || op == ReduceOp::kStd) {
      return visit(ReducerTag<Variance<T, kSkip>>{}, tag);
    }
  }
  switch (op) {
    case ReduceOp::kMin: return visit(ReducerTag<Extreme<T, kSkip, false>>{}, tag);
    case ReduceOp::kMax: return visit(ReducerTag<Extreme<T, kSkip, true>>{}, tag);
    case ReduceOp::kAny: return visit(ReducerTag<Logical<T, false>>{}, tag);
    case ReduceOp::kAll: return visit(ReducerTag<Logical<T, true>>{}, tag);
    case ReduceOp::kCount: return visit(ReducerTag<Count<T>>{}, tag);
    case ReduceOp::kProd:
      if constexpr (kFloating<T>) return visit(ReducerTag<FloatProduct<T, kSkip>>{}, tag);
      else return visit(ReducerTag<IntegerTotal<T, true>>{}, tag);
    default: break;
  }
  if constexpr (kFloating<T>) return visit(ReducerTag<FloatSum<T, kSkip>>{}, tag);
  else return visit(ReducerTag<IntegerTotal<T, false>>{}, tag);
}

// Calls visit(ReducerTag<Reducer>{}, TypeTag<T>{}) with T the type that values are folded in
// (folded_dtype); bool is taken as uint8, which it is in memory.
template <class Visitor>
decltype(auto) visit_reducer(const ReduceSpec& spec, Visitor&& visit) {
  return visit_dtype(folded_dtype(spec), [&](auto tag) -> decltype(auto) {
    using Element = typename decltype(tag)::type;
    using T = std::conditional_t<std::is_same_v<Element, bool>, std::uint8_t, Element>;
    if constexpr (kFloating<T>) {
      if (!spec.skipna) return visit_typed_reducer<T, false>(spec.op, visit);
    }
    return visit_typed_reducer<T, true>(spec.op, visit);
  });
}

}  // namespace
}  // namespace rankine::kernels
