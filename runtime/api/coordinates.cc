#include "runtime/api/coordinates.h"

#include <algorithm>

#include "runtime/api/coordinate_reader.h"
#include "runtime/base/error.h"

namespace rankine::api {
namespace {

// Neighbours that go on where the last one ended become one segment, so that parts put together
// again are recognized as the whole.
void append(AxisSegments& segments, const AxisSegment& next) {
  if (!segments.empty()) {
    AxisSegment& last = segments.back();
    const bool same_axis =
        last.file == next.file && last.dataset == next.dataset && last.axis == next.axis;
    if (same_axis && next.count == 0) return;
    if (same_axis && last.count == 0) {
      last = next;
      return;
    }
    if (same_axis && last.step == next.step && last.start + last.count * last.step == next.start) {
      last.count += next.count;
      return;
    }
  }
  segments.push_back(next);
}

// Elements start + i * step, 0 <= i < count, of the elements that `whole` stands for.
AxisSegments sliced(const AxisSegments& whole, std::int64_t start, std::int64_t step,
                    std::int64_t count) {
  AxisSegments result;
  if (count == 0 && !whole.empty()) {
    result.push_back(whole.front());
    result.back().count = 0;
    return result;
  }
  std::vector<std::int64_t> begins;  // of each segment, and the end of the last
  std::int64_t length = 0;
  for (const AxisSegment& segment : whole) {
    begins.push_back(length);
    length += segment.count;
  }
  begins.push_back(length);
  for (std::int64_t i = 0; i < count;) {
    const std::int64_t element = start + i * step;
    const auto after = std::upper_bound(begins.begin(), begins.end(), element);
    if (after == begins.begin() || after == begins.end()) return {};
    const auto k = static_cast<std::size_t>(after - begins.begin()) - 1;
    const std::int64_t room =
        step > 0 ? (begins[k + 1] - 1 - element) / step : (element - begins[k]) / -step;
    AxisSegment part = whole[k];
    part.start += (element - begins[k]) * part.step;
    part.step *= step;
    part.count = std::min(count - i, room + 1);
    append(result, part);
    i += part.count;
  }
  return result;
}

}  // namespace

AxisTrace::AxisTrace(const std::vector<expr::NodePtr>& roots) {
  for (const expr::NodePtr& node : expr::topological_order(roots)) {
    axes_.emplace(node.get(), trace(*node));
  }
}

const AxisTrace::Shared& AxisTrace::at(const expr::NodePtr& node, std::size_t axis) const {
  return axes_.at(node.get()).at(axis);
}

const AxisSegments& AxisTrace::of(const expr::NodePtr& node, std::size_t axis) const {
  return *at(node, axis);
}

AxisTrace::Shared AxisTrace::elementwise(const expr::Node& node, std::size_t axis) const {
  return aligned(node, axis, node.rank());
}

AxisTrace::Shared AxisTrace::aligned(const expr::Node& node, std::size_t axis,
                                     std::size_t rank) const {
  for (const expr::NodePtr& operand : node.operands) {
    if (operand->rank() != rank || operand->broadcast[axis] != 0) continue;
    if (!at(operand, axis)->empty()) return at(operand, axis);
  }
  return nothing_;
}

AxisTrace::Shared AxisTrace::concatenated(const expr::Node& node, std::size_t axis) const {
  AxisSegments all;
  for (const expr::NodePtr& operand : node.operands) {
    const AxisSegments& part = *at(operand, axis);
    if (part.empty()) return nothing_;
    for (const AxisSegment& segment : part) append(all, segment);
  }
  return std::make_shared<const AxisSegments>(std::move(all));
}

std::vector<AxisTrace::Shared> AxisTrace::trace(const expr::Node& node) const {
  std::vector<Shared> axes(node.rank(), nothing_);
  if (const auto* x = node.as<expr::FromDataset>()) {
    for (std::size_t k = 0; k < axes.size() && x->file; ++k) {
      axes[k] = std::make_shared<const AxisSegments>(
          AxisSegments{{x->file, x->dataset->path, static_cast<std::int64_t>(k), 0, 1,
                        node.grid.axis(k).length()}});
    }
    return axes;
  }
  if (const auto* held = node.as<expr::FromHeld>()) {
    const AxisTrace origin({held->origin});
    for (std::size_t k = 0; k < axes.size(); ++k) axes[k] = origin.at(held->origin, k);
    return axes;
  }
  if (node.operands.empty()) return axes;
  const expr::NodePtr& operand = node.operands.front();
  const auto* reduce = node.as<expr::Reduce>();
  const auto* combine = node.as<expr::CombineBlocks>();
  const Extents* reduced = reduce != nullptr    ? &reduce->reduced
                           : combine != nullptr ? &combine->reduced
                                                : nullptr;
  std::size_t kept = 0;  // the operand's axis that a reduction's axis k is
  for (std::size_t k = 0; k < axes.size(); ++k) {
    if (node.as<expr::Elementwise>() != nullptr) {
      axes[k] = elementwise(node, k);
    } else if (const auto* joined = node.as<expr::Concatenate>()) {
      axes[k] = joined->axis == static_cast<std::int64_t>(k) ? concatenated(node, k)
                                                             : elementwise(node, k);
    } else if (const auto* slice = node.as<expr::Slice>()) {
      axes[k] = std::make_shared<const AxisSegments>(
          sliced(*at(operand, k), slice->start[k], slice->step[k], node.grid.axis(k).length()));
    } else if (const auto* view = node.as<expr::View>()) {
      if (view->axes[k] >= 0) axes[k] = at(operand, static_cast<std::size_t>(view->axes[k]));
    } else if (reduced != nullptr) {
      while ((*reduced)[kept] != 0) ++kept;
      axes[k] = at(operand, kept++);
    } else if (const auto* blocks = node.as<expr::MapBlocks>()) {
      const std::int64_t from = blocks->axes[k];
      const bool same =
          from >= 0 && blocks->calls.axis(static_cast<std::size_t>(from)) == node.grid.axis(k);
      if (same) axes[k] = aligned(node, static_cast<std::size_t>(from), blocks->calls.rank());
    } else {
      axes[k] = at(operand, k);  // cast, rechunk, shift
    }
  }
  return axes;
}

AxisSegments trace_axis(const expr::NodePtr& node, std::size_t axis) {
  return AxisTrace({node}).of(node, axis);
}

std::vector<double> coordinate_values(const io::FileInfo& file, const std::string& dimension) {
  const io::Variable* variable = file.variable(dimension);
  if (variable == nullptr || variable->is_pure_dimension) {
    const auto named = [&](const io::Dimension& d) { return d.name == dimension; };
    const auto found = std::ranges::find_if(file.dimensions, named);
    const bool only = std::ranges::count_if(file.dimensions, named) == 1;
    variable = only ? file.variable(found->path) : nullptr;
  }
  if (variable == nullptr || variable->is_pure_dimension) {
    throw input_error("dimension " + dimension + " has no coordinate values", file.path,
                      "select by index: " + dimension + "=0:10");
  }
  if (variable->shape.size() != 1) {
    throw input_error("the coordinate " + variable->path + " is not 1-d", file.path,
                      "select by index");
  }
  CoordinateReader reader;
  const SourceArray values = reader.read_whole(file, *variable, Decoding::kDecoded);
  const io::Numbers numbers{values.dtype, values.bytes};
  std::vector<double> result(numbers.count());
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = numbers.as_double(i);
  return result;
}

std::vector<std::string> coordinate_texts(const io::FileInfo& file, const io::Variable& variable) {
  CoordinateReader reader;
  return std::move(reader.read_whole(file, variable, Decoding::kStored).texts->values);
}

}  // namespace rankine::api
