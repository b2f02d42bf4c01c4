#include "apps/print_array.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>

namespace rankine::apps {
namespace {

constexpr std::int64_t kWholeElements = 1000;
constexpr std::int64_t kEdge = 3;

std::string element(const NdArray& array, std::int64_t position) {
  return visit_dtype(array.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    T value;
    std::memcpy(&value, array.bytes().data() + position * static_cast<std::int64_t>(sizeof(T)),
                sizeof value);
    if constexpr (std::is_same_v<T, bool>) return std::string(value ? "true" : "false");
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(value)) return std::string("nan");  // fmt shows its sign
    }
    return fmt::format("{}", value);
  });
}

// The indices of an axis that are shown; -1 stands for the dots.
std::vector<std::int64_t> shown(std::int64_t length, bool cut) {
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < length; ++i) {
    if (!cut || length <= 2 * kEdge || i < kEdge || i >= length - kEdge) indices.push_back(i);
    if (cut && length > 2 * kEdge && i == kEdge) indices.push_back(-1);
  }
  return indices;
}

void print_axis(const NdArray& array, std::size_t axis, std::int64_t position, bool cut,
                std::string& text) {
  const Extents& shape = array.shape();
  const bool innermost = axis + 1 == shape.size();
  bool first = true;
  for (std::int64_t i : shown(shape[axis], cut)) {
    if (innermost) {
      text += (first ? "" : " ") + (i < 0 ? "..." : element(array, position * shape[axis] + i));
    } else if (i < 0) {
      text += "...\n";
    } else {
      if (!first && axis + 2 < shape.size()) text += "\n";
      print_axis(array, axis + 1, position * shape[axis] + i, cut, text);
    }
    first = false;
  }
  if (innermost) text += "\n";
}

}  // namespace

std::string to_text(const std::string& name, const std::vector<std::string>& dims,
                    const NdArray& array) {
  if (array.shape().empty()) return element(array, 0) + "\n";
  std::string text = name + " " + std::string(name_of(array.dtype())) + " (";
  for (std::size_t k = 0; k < dims.size(); ++k) {
    text += (k > 0 ? ", " : "") + (dims[k].empty() ? "" : dims[k] + ": ") +
            std::to_string(array.shape()[k]);
  }
  text += ")\n";
  if (array.size() > 0) print_axis(array, 0, 0, array.size() > kWholeElements, text);
  return text;
}

}  // namespace rankine::apps
