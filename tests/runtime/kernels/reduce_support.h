// Reductions of whole arrays, their parts and their long double references, for reduce_test.cc.
#pragma once

#include "tests/runtime/kernels/support.h"

namespace rankine::kernels::testing {

inline std::int64_t kept_count(const Extents& shape, std::uint32_t reduced) {
  std::int64_t count = 1;
  for (std::size_t i = 0; i < shape.size(); ++i) count *= reduced >> i & 1 ? 1 : shape[i];
  return count;
}

// Row-major position among the kept elements.
inline std::int64_t kept_position(const Extents& at, const Extents& shape, std::uint32_t reduced) {
  std::int64_t position = 0;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if ((reduced >> i & 1) == 0) position = position * shape[i] + at[i];
  }
  return position;
}

// One reduction with its state, fed with whole boxes.
class Reduction {
 public:
  Reduction(const ReduceSpec& spec, const Extents& shape, std::uint32_t reduced)
      : spec_(spec),
        shape_(shape),
        reduced_(reduced),
        kept_(kept_count(shape, reduced)),
        state_(state_bytes(spec, kept_)) {
    init_state(spec_, kept_, state_.data());
  }
  Sink sink() { return ReduceSink{&spec_, reduced_, state_.data()}; }
  void add(const Array& array) {
    Program program;
    program.add_output(program.add_leaf(array.dtype));
    const View view = array.view();
    const Sink target = sink();
    Scratch scratch;
    evaluate(program, array.shape, {&view, 1}, {&target, 1}, scratch);
  }
  void combine(const Reduction& right) {
    combine_states(spec_, kept_, state_.data(), right.state_.data());
  }
  std::vector<std::byte> result() const {
    std::vector<std::byte> bytes(static_cast<std::size_t>(kept_) * size_of(result_dtype(spec_)));
    finalize_state(spec_, kept_, state_.data(), bytes.data());
    return bytes;
  }
  const std::byte* state() const { return state_.data(); }
  std::int64_t kept() const { return kept_; }
  // Bytes of one element in each plane of the state.
  std::vector<std::size_t> planes() const {
    const std::size_t bytes = state_bytes(spec_, 1);
    if (bytes % 8 == 0) return std::vector<std::size_t>(bytes / 8, 8);
    if (bytes == 1) return {1};
    return {bytes - 1, 1};  // an extreme and its flag
  }
  const ReduceSpec& spec() const { return spec_; }
  const Extents& shape() const { return shape_; }
  std::uint32_t reduced() const { return reduced_; }

 private:
  ReduceSpec spec_;
  Extents shape_;
  std::uint32_t reduced_;
  std::int64_t kept_;
  std::vector<std::byte> state_;
};

template <class T>
Array dense_array(const std::vector<T>& values, const Extents& shape,
                  DType dtype = dtype_for<T>()) {
  Array array{.dtype = dtype,
              .shape = shape,
              .bytes = {},
              .origin = 0,
              .strides = row_major_strides(shape)};
  array.bytes.resize(std::max<std::size_t>(1, values.size()) * size_of(dtype));
  for (std::int64_t& stride : array.strides) stride *= static_cast<std::int64_t>(size_of(dtype));
  convert(dtype_for<T>(), dtype, static_cast<std::int64_t>(values.size()),
          reinterpret_cast<const std::byte*>(values.data()), sizeof(T), array.bytes.data(),
          static_cast<std::ptrdiff_t>(size_of(dtype)));
  return array;
}

inline Array from_bytes(const std::vector<std::byte>& bytes, DType dtype, const Extents& shape) {
  Array array = dense_array(std::vector<double>{}, shape, dtype);
  array.bytes = bytes;
  return array;
}

inline Array sub_array(Array array, const Box& box) {
  for (std::size_t i = 0; i < box.rank(); ++i) array.origin += box.lo[i] * array.strides[i];
  array.shape = box.shape();
  return array;
}

inline Array packed(const Array& array) {
  Array dense = dense_array(std::vector<double>{}, array.shape, array.dtype);
  dense.bytes.resize(static_cast<std::size_t>(volume(array.shape)) * size_of(array.dtype));
  copy_strided(size_of(array.dtype), array.shape, array.view().data, array.strides,
               dense.bytes.data(), dense.strides);
  return dense;
}

// Calls visit(box) for boxes that cut the kept axes once, at random places, often near the start.
template <class Visitor>
void for_each_cut(Random& random, const Extents& shape, std::uint32_t reduced,
                  const Visitor& visit) {
  Extents cuts(shape.size(), 0), parts(shape.size(), 1), at(shape.size(), 0);
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if ((reduced >> i & 1) != 0 || shape[i] < 2) continue;
    const auto places = static_cast<std::uint64_t>(shape[i]) - 1;
    cuts[i] = 1 + static_cast<std::int64_t>(random.below(random.below(2) ? places : 1));
    parts[i] = 2;
  }
  do {
    Box box = Box::whole(shape);
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (parts[i] == 2) (at[i] == 0 ? box.hi[i] : box.lo[i]) = cuts[i];
    }
    visit(box);
  } while (next_coordinate(at, parts));
}

// Puts the elements of a box, `size` bytes each, where they belong among those of the whole.
inline void paste(const std::byte* part, std::size_t size, const Extents& shape,
                  std::uint32_t reduced, const Box& box, std::byte* whole) {
  const Extents inner = box.shape();
  Extents kept = inner, at(shape.size(), 0);
  for (std::size_t i = 0; i < shape.size(); ++i) kept[i] = reduced >> i & 1 ? 1 : inner[i];
  do {
    Extents outer = at;
    for (std::size_t i = 0; i < shape.size(); ++i) outer[i] += box.lo[i];
    const auto from = static_cast<std::size_t>(kept_position(at, inner, reduced)) * size;
    const auto to = static_cast<std::size_t>(kept_position(outer, shape, reduced)) * size;
    std::memcpy(whole + to, part + from, size);
  } while (next_coordinate(at, kept));
}

inline void paste_state(const Reduction& part, const Extents& shape, const Box& box,
                        std::vector<std::byte>& whole) {
  std::size_t from = 0, to = 0;
  for (std::size_t size : part.planes()) {
    paste(part.state() + from, size, shape, part.reduced(), box, whole.data() + to);
    from += size * static_cast<std::size_t>(part.kept());
    to += size * static_cast<std::size_t>(kept_count(shape, part.reduced()));
  }
}

// Finite numbers near 1, every 16th missing if asked: no result overflows or drowns in infinities,
// so that the order of additions and products shows in the last bits.
inline Array calm_array(Random& random, DType dtype, const Extents& shape, bool missing) {
  Array array = Array::random(random, dtype, shape);
  visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      for (std::size_t i = 0; i < array.bytes.size() / sizeof(T); ++i) {
        const bool gone = missing && random.below(16) == 0;
        const T value =
            gone ? std::numeric_limits<T>::quiet_NaN() : static_cast<T>(1 + 0.1 * random.normal());
        std::memcpy(&array.bytes[i * sizeof(T)], &value, sizeof value);
      }
    }
  });
  return array;
}

// What one kept element should become, from all its values.
struct Reference {
  std::vector<long double> values;
  std::uint64_t wrapped_sum = 0, wrapped_product = 1;

  long double mean(std::size_t begin = 0) const {
    long double sum = 0;
    for (std::size_t i = begin; i < values.size(); ++i) sum += values[i];
    return sum / static_cast<long double>(values.size());
  }
  // The result, and how far from it is allowed: the bounds of the contract.
  std::pair<long double, long double> of(const ReduceSpec& spec) const;
};

inline std::pair<long double, long double> Reference::of(const ReduceSpec& spec) const {
  const DType type = result_dtype(spec);
  const long double eps = type == DType::kFloat32 ? 0x1p-23L : 0x1p-52L;
  const long double nan = std::numeric_limits<long double>::quiet_NaN();
  std::vector<long double> x;
  for (long double value : values) {
    if (value == value || (!spec.skipna && spec.op != ReduceOp::kCount)) x.push_back(value);
  }
  const auto n = static_cast<long double>(x.size());
  long double sum = 0, size = 0, product = 1, square = 0;
  for (long double value : x) {
    sum += value;
    size += std::abs(value);
    product *= value;
  }
  // Of the values as float64, as NumPy takes them, and about the first one: exact for equal values.
  long double offset = 0;
  const auto off = [&](long double v) {
    return static_cast<long double>(static_cast<double>(v)) - static_cast<double>(x[0]);
  };
  for (long double value : x) offset += off(value);
  for (long double value : x) square += (off(value) - offset / n) * (off(value) - offset / n);
  const long double divisor = std::max(n - static_cast<long double>(spec.ddof), 0.0L);
  // NumPy's plain functions divide by zero, the skipping ones give NaN.
  const bool defined = n > 0 && (divisor > 0 || (!spec.skipna && square > 0));
  const long double infinity = std::numeric_limits<long double>::infinity();
  const long double variance = !defined ? nan : divisor > 0 ? square / divisor : infinity;
  const long double relative = type == DType::kFloat32 ? 1e-6L : 1e-12L;
  // What rounding the values themselves to the shift's neighbourhood can cost where all are equal.
  const long double floor = 0x1p-100L * size;
  const auto least = std::min_element(x.begin(), x.end());
  const auto most = std::max_element(x.begin(), x.end());
  const bool bad = std::any_of(x.begin(), x.end(), [](long double v) { return v != v; });
  const auto any = std::any_of(values.begin(), values.end(), [](auto v) { return v != 0; });
  const auto all = std::all_of(values.begin(), values.end(), [](auto v) { return v != 0; });
  switch (spec.op) {
    case ReduceOp::kSum: return {sum, 4 * eps * size};
    case ReduceOp::kProd: return {product, 4 * eps * (n + 1) * std::abs(product)};
    case ReduceOp::kMean: return {n > 0 ? sum / n : nan, n > 0 ? 4 * eps * size / n : 0};
    case ReduceOp::kVar: return {variance, relative * variance + floor};
    case ReduceOp::kStd: return {std::sqrt(variance), relative * std::sqrt(variance) + floor};
    case ReduceOp::kMin: return {x.empty() || bad ? nan : *least, 0};
    case ReduceOp::kMax: return {x.empty() || bad ? nan : *most, 0};
    case ReduceOp::kAny: return {any, 0};
    case ReduceOp::kAll: return {all, 0};
    case ReduceOp::kCount: break;
  }
  return {n, 0};
}

inline std::vector<Reference> references(const Array& array, std::uint32_t reduced) {
  std::vector<Reference> result(static_cast<std::size_t>(kept_count(array.shape, reduced)));
  if (volume(array.shape) == 0) return result;
  Extents at(array.shape.size(), 0);
  do {
    Reference& one = result[static_cast<std::size_t>(kept_position(at, array.shape, reduced))];
    visit_dtype(array.dtype, [&](auto tag) {
      typename decltype(tag)::type value;
      std::memcpy(&value, array.at(at), sizeof value);
      one.values.push_back(static_cast<long double>(value));
      if constexpr (!std::is_floating_point_v<decltype(value)>) {
        one.wrapped_sum += static_cast<std::uint64_t>(value);
        one.wrapped_product *= static_cast<std::uint64_t>(value);
      }
    });
  } while (next_coordinate(at, array.shape));
  return result;
}

inline void expect_close(const Reduction& reduction, const Array& array, const Extents& shape,
                         const std::string& what) {
  const ReduceSpec& spec = reduction.spec();
  Array whole = array;
  whole.shape = shape;
  const auto expected = references(whole, reduction.reduced());
  const auto bytes = reduction.result();
  const bool integer_total =
      (spec.op == ReduceOp::kSum || spec.op == ReduceOp::kProd) && !is_float(spec.input);
  const bool no_extreme = spec.op == ReduceOp::kMin || spec.op == ReduceOp::kMax;
  visit_dtype(result_dtype(spec), [&](auto tag) {
    using R = typename decltype(tag)::type;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      R value;
      std::memcpy(&value, &bytes[i * sizeof value], sizeof value);
      if (integer_total) {
        const std::uint64_t total =
            spec.op == ReduceOp::kSum ? expected[i].wrapped_sum : expected[i].wrapped_product;
        ASSERT_EQ(static_cast<std::uint64_t>(value), total) << what;
        continue;
      }
      if (no_extreme && expected[i].values.empty() && !is_float(spec.input)) continue;
      const auto [exact, allowed] = expected[i].of(spec);
      const auto got = static_cast<long double>(value);
      const auto rounded = static_cast<long double>(static_cast<R>(exact));
      if (exact != exact || rounded == got || std::isinf(rounded)) {
        ASSERT_TRUE(got == rounded || (got != got && exact != exact))
            << what << ": " << got << ", not " << exact;
      } else {
        // A product that went below the normal numbers has no relative accuracy any more.
        const long double lost = spec.op == ReduceOp::kProd ? std::numeric_limits<R>::min() : R();
        ASSERT_LE(std::abs(got - exact), allowed + lost)
            << what << ": " << got << ", not " << exact << ", element " << i;
      }
    }
  });
}

inline void expect_close(const Reduction& reduction, const Array& array, const std::string& what) {
  expect_close(reduction, array, array.shape, what);
}

}  // namespace rankine::kernels::testing
