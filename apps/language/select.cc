#include "apps/language/select.h"

#include <algorithm>

#include "apps/language/token.h"
#include "apps/language/words.h"

namespace rankine::language {
namespace {

std::optional<double> coordinate(const std::optional<Bound>& bound) {
  if (!bound || std::holds_alternative<std::int64_t>(*bound)) return std::nullopt;
  return std::get<double>(*bound);
}
std::optional<std::int64_t> index(const std::optional<Bound>& bound) {
  if (!bound) return std::nullopt;
  return std::get<std::int64_t>(*bound);
}

Index chosen(const Array& array, std::size_t axis, const Single& single, LabelReader& reader) {
  if (const auto* position = std::get_if<std::int64_t>(&single.at)) {
    const std::int64_t length = array.shape()[axis];
    if (*position >= -length && *position < length) return *position;
    throw usage_error("index " + std::to_string(*position) + " is out of bounds for " +
                          std::to_string(length) + " elements",
                      length == 0 ? "the axis is empty"
                                  : "indices go from " + std::to_string(-length) + " to " +
                                        std::to_string(length - 1));
  }
  return label_index(reader.labels_of(array, axis), std::get<double>(single.at));
}

Index chosen(const Array& array, std::size_t axis, const Range& range, LabelReader& reader) {
  const std::int64_t step = range.step.value_or(1);
  const auto begin = coordinate(range.begin), end = coordinate(range.end);
  if (!begin && !end) return rankine::Range{index(range.begin), index(range.end), step};
  const ClosedRange found = label_range(reader.labels_of(array, axis), begin, end);
  if (step > 0) return rankine::Range{found.first, found.last + 1, step};
  // A stop before element 0 has no number of its own.
  const auto stop = found.first == 0 ? std::nullopt : std::optional(found.first - 1);
  return rankine::Range{found.last, stop, step};
}

bool is_ellipsis(const SubscriptItem& item) {
  return std::holds_alternative<Ellipsis>(item.selection);
}

// The axis of each item; the ellipsis has none. Positional items count from the front up to the
// ellipsis, those after it from the back.
std::vector<std::size_t> axes_of(const Ast& ast, const Subscript& subscript, const Array& array) {
  const auto& items = subscript.items;
  const std::size_t positional = std::count_if(items.begin(), items.end(), [](const auto& item) {
    return item.dimension.empty() && !is_ellipsis(item);
  });
  std::vector<std::size_t> axes;
  std::vector<bool> taken(array.rank(), false);
  std::size_t next = 0;
  for (const SubscriptItem& item : items) {
    std::size_t axis = next;
    if (is_ellipsis(item)) {
      next = positional <= array.rank() ? next + array.rank() - positional : next;
      axes.push_back(axis);
      continue;
    }
    if (!item.dimension.empty()) {
      axis = named_axis(ast, item.offset, item.dimension, array);
    } else if (next++ >= array.rank() || positional > array.rank()) {
      throw error_at(ast.source, item.offset,
                     std::to_string(positional) + " positions for an array with " +
                         std::to_string(array.rank()) + " axes",
                     "give one index or range for each axis at most");
    }
    if (taken[axis])
      throw error_at(ast.source, item.offset, "an axis is selected twice",
                     "give one index or range for each axis at most");
    taken[axis] = true;
    axes.push_back(axis);
  }
  return axes;
}

}  // namespace

Array select(const Ast& ast, const Subscript& subscript, const Array& array, LabelReader& reader) {
  const std::vector<std::size_t> axes = axes_of(ast, subscript, array);
  std::vector<Index> all(array.rank(), rankine::Range{});
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const SubscriptItem& item = subscript.items[i];
    try {
      if (const auto* single = std::get_if<Single>(&item.selection)) {
        all[axes[i]] = chosen(array, axes[i], *single, reader);
      } else if (const auto* range = std::get_if<Range>(&item.selection)) {
        all[axes[i]] = chosen(array, axes[i], *range, reader);
      }
    } catch (const Error& error) {
      if (!error.where.empty()) throw;
      throw error_at(ast.source, item.offset, error.message, error.remedy);
    }
  }
  return array.slice(all);
}

}  // namespace rankine::language
