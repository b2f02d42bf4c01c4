// Where the elements along an axis of an expression come from, and the labels that files give them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/expr/node.h"

namespace rankine::api {

// Elements start, start + step, ... (count of them, step != 0) of one axis of a data set. count is
// 0 where an empty range was chosen.
struct AxisSegment {
  std::shared_ptr<const io::FileInfo> file;
  std::string dataset;  // absolute path
  std::int64_t axis;
  std::int64_t start, step, count;
  bool operator==(const AxisSegment&) const = default;
};
using AxisSegments = std::vector<AxisSegment>;

// The segments of every axis of every node below some roots, computed once.
class AxisTrace {
 public:
  explicit AxisTrace(const std::vector<expr::NodePtr>& roots);

  // In order along the axis; empty if the axis is not made of elements of a data set's axis (it was
  // generated, or has another origin in part). Slices compose, views permute, a shift keeps the
  // labels (as xarray's), elementwise operations take those of the first operand that has any and
  // is not broadcast along the axis, concatenation joins them, a reduction keeps those of kept
  // axes. `node` is a root or below one.
  const AxisSegments& of(const expr::NodePtr& node, std::size_t axis) const;

 private:
  using Shared = std::shared_ptr<const AxisSegments>;  // never null

  std::vector<Shared> trace(const expr::Node& node) const;
  Shared elementwise(const expr::Node& node, std::size_t axis) const;
  // Of the first operand that has any along its axis `axis`, among those with `rank` axes.
  Shared aligned(const expr::Node& node, std::size_t axis, std::size_t rank) const;
  Shared concatenated(const expr::Node& node, std::size_t axis) const;
  const Shared& at(const expr::NodePtr& node, std::size_t axis) const;

  Shared nothing_ = std::make_shared<const AxisSegments>();
  std::unordered_map<const expr::Node*, std::vector<Shared>> axes_;
};

// AxisTrace of one node, for one question.
AxisSegments trace_axis(const expr::NodePtr& node, std::size_t axis);

// The values of the 1-d coordinate variable of a dimension, decoded by the CF conventions, as
// float64 (integers beyond 2^53 are rounded): for selection by value. `dimension` is a path or a
// name; a name stands for the variable in the root group, else for that of the only dimension with
// this name. Reads the file (and starts the probe child). Throws Error (input) if there is no such
// variable or it has no numbers.
std::vector<double> coordinate_values(const io::FileInfo& file, const std::string& dimension);
// Of one that holds text (io::holds_text).
std::vector<std::string> coordinate_texts(const io::FileInfo& file, const io::Variable& variable);

}  // namespace rankine::api
