#include "apps/compare_values.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

#include "runtime/api/map_blocks.h"
#include "runtime/api/reduction.h"

namespace rankine::apps {
namespace {

// What travels with the function.
struct Terms {
  double absolute = 0;
  double relative = 0;
  Extents shape;  // of the whole arrays
  template <class Archive>
  void serialize(Archive& archive) {
    archive(absolute, relative, shape);
  }
};

// A Difference as the elements of an array: numbers of both kinds with all their bits.
constexpr std::int64_t kWords = 7;

void pack(const Difference& d, std::int64_t* words) {
  const auto bits = [](double value) { return std::bit_cast<std::int64_t>(value); };
  const std::int64_t all[kWords] = {d.elements,    d.missing,        d.first,      bits(d.absolute),
                                    d.absolute_at, bits(d.relative), d.relative_at};
  std::copy_n(all, kWords, words);
}

Difference unpacked(const std::int64_t* words) {
  const auto number = [](std::int64_t bits) { return std::bit_cast<double>(bits); };
  return {words[0], words[1], words[2], number(words[3]), words[4], number(words[5]), words[6]};
}

// The larger value, and of equal ones the smaller position: any order of calls gives the same.
void take_larger(double& value, std::int64_t& at, double next, std::int64_t next_at) {
  if (next_at < 0) return;
  if (at >= 0 && (next < value || (next == value && next_at > at))) return;
  value = next;
  at = next_at;
}

void join(Difference& into, const Difference& next) {
  into.elements += next.elements;
  into.missing += next.missing;
  if (into.first < 0 || (next.first >= 0 && next.first < into.first)) into.first = next.first;
  take_larger(into.absolute, into.absolute_at, next.absolute, next.absolute_at);
  take_larger(into.relative, into.relative_at, next.relative, next.relative_at);
}

template <class T>
double magnitude(T value) {
  return std::abs(static_cast<double>(value));
}

// Of integers exact before it becomes a double.
template <class T>
double distance(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::abs(static_cast<double>(a) - static_cast<double>(b));
  } else {
    const auto larger = static_cast<std::uint64_t>(std::max(a, b));
    return static_cast<double>(larger - static_cast<std::uint64_t>(std::min(a, b)));
  }
}

template <class T>
bool is_missing(T value) {
  if constexpr (std::is_floating_point_v<T>) return std::isnan(value);
  else return false;
}

// Adds element i of a block, where a != b.
template <class T>
void add_unequal(Difference& d, const Terms& terms, T a, T b, std::int64_t i) {
  const bool one_missing = is_missing(a) != is_missing(b);
  if (!one_missing && is_missing(a)) return;
  double apart = 0, relative = 0;
  if (!one_missing) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const double larger = std::max(magnitude(a), magnitude(b));
    apart = distance(a, b);
    const bool close = apart <= terms.absolute || apart <= terms.relative * larger;
    if (close && apart < kInfinity) return;
    relative = apart < kInfinity ? apart / larger : kInfinity;
  }
  const std::int64_t at = one_missing ? -1 : i;
  join(d, {1, one_missing ? 1 : 0, i, apart, at, relative, at});
}

// The position in the whole array of element i of a block.
std::int64_t whole_position(std::int64_t i, const Extents& origin, const Extents& shape,
                            const Extents& whole) {
  if (i < 0) return i;
  Extents coordinate = coordinate_of(i, shape);
  for (std::size_t k = 0; k < coordinate.size(); ++k) coordinate[k] += origin[k];
  return position_of(coordinate, whole);
}

template <class T>
void compare_blocks(Block<const T> a, Block<const T> b, const Terms& terms,
                    Block<std::int64_t> result) {
  Difference d;
  const std::int64_t count = a.full_size();
  for (std::int64_t i = 0; i < count; ++i) {
    if (a[i] != b[i]) add_unequal(d, terms, a[i], b[i], i);
  }
  // Within a block positions are in the order they have in the whole.
  for (std::int64_t* at : {&d.first, &d.absolute_at, &d.relative_at}) {
    *at = whole_position(*at, a.origin(), a.shape(), terms.shape);
  }
  pack(d, result.data());
}

void copy_words(Block<const std::int64_t> words, Block<std::int64_t> state) {
  std::copy_n(words.data(), kWords, state.data());
}

void join_words(Block<std::int64_t> into, Block<const std::int64_t> next) {
  Difference joined = unpacked(into.data());
  join(joined, unpacked(next.data()));
  pack(joined, into.data());
}

// An array of kWords elements.
Array difference_of(const Array& a, const Array& b, const Tolerance& tolerance) {
  const DType dtype = promote(a.dtype(), b.dtype());
  BlockOptions options{.name = "diff"};
  const auto rank = static_cast<std::int64_t>(a.rank());
  options.new_axes = {{rank, kWords, ""}};
  for (std::int64_t axis = 0; axis < rank; ++axis) options.chunks.push_back({axis, {1}});
  const Terms terms{tolerance.absolute, tolerance.relative, a.shape()};
  const Array words = visit_dtype(dtype, [&]<class T>(TypeTag<T>) -> Array {
    return map_blocks(options, &compare_blocks<T>, a.astype(dtype).unnamed(),
                      b.astype(dtype).unnamed(), terms);
  });
  return reduction(words, {}, &copy_words, &join_words, {.name = "diff", .state = {kWords}});
}

}  // namespace

std::vector<Difference> compare_values(Session& session,
                                       const std::vector<std::pair<Array, Array>>& pairs,
                                       const Tolerance& tolerance) {
  std::vector<Array> arrays;
  for (const auto& [a, b] : pairs) arrays.push_back(difference_of(a, b, tolerance));
  std::vector<Difference> differences;
  for (const NdArray& words : session.compute_all(arrays)) {
    differences.push_back(unpacked(words.data<std::int64_t>()));
  }
  return differences;
}

}  // namespace rankine::apps
