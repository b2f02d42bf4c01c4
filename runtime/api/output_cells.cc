#include "runtime/api/output_cells.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace rankine::api {
namespace {

// "days since 2000-01-01"
bool counts_time(const io::Variable& variable) {
  return variable.text("units").find(" since ") != std::string::npos;
}

struct Span {
  double lower = INFINITY, upper = -INFINITY;
};

Span span_of(const SourceArray& array) {
  const io::Numbers numbers{array.dtype, array.bytes};
  Span span;
  for (std::size_t i = 0; i < numbers.count(); ++i) {
    const double value = numbers.as_double(i);
    if (std::isnan(value)) continue;
    span.lower = std::min(span.lower, value);
    span.upper = std::max(span.upper, value);
  }
  return span;
}

io::OutputVariable doubles(std::string name, std::vector<std::string> dims, Extents shape,
                           std::initializer_list<double> values) {
  io::OutputVariable variable;
  variable.name = std::move(name);
  variable.dtype = DType::kFloat64;
  variable.dims = std::move(dims);
  variable.shape = std::move(shape);
  variable.inline_data.emplace(values.size() * sizeof(double));
  std::memcpy(variable.inline_data->data(), values.begin(), values.size() * sizeof(double));
  return variable;
}

}  // namespace

const std::optional<ReducedTimes::Cell>& ReducedTimes::cell_of(const ReducedAxis& axis) {
  const auto [at, fresh] = cells_.try_emplace({axis.array.get(), axis.axis});
  if (fresh) at->second = find_cell(axis);
  return at->second;
}

std::optional<ReducedTimes::Cell> ReducedTimes::find_cell(const ReducedAxis& axis) {
  const AxisSegments segments = trace_axis(axis.array, axis.axis);
  if (segments.empty()) return std::nullopt;
  const std::string path = dimension_path(segments.front());
  const io::Variable* variable = path.empty() ? nullptr : segments.front().file->variable(path);
  if (variable == nullptr || variable->is_pure_dimension || !counts_time(*variable)) {
    return std::nullopt;
  }
  auto times = dimensions_.labels_of(segments);
  if (!times) return std::nullopt;
  Cell cell{.times = std::move(*times)};
  const Span span = span_of(cell.times.values);
  if (!(span.lower <= span.upper)) return std::nullopt;
  cell.lower = span.lower;
  cell.upper = span.upper;
  cell.middle = span.lower + (span.upper - span.lower) / 2;
  take_bounds(segments, cell);
  return cell;
}

// The cells of a climatology repeat, year after year: their middle is none of the times they stand
// for, and that of the times stays.
void ReducedTimes::take_bounds(const AxisSegments& segments, Cell& cell) {
  const io::Variable& times = *cell.times.variable;
  const bool climatology = !times.text("climatology").empty();
  const std::string name = times.text(climatology ? "climatology" : "bounds");
  if (name.empty()) return;
  const std::string group = times.path.substr(0, times.path.rfind('/') + 1);
  const io::Variable* bounds = cell.times.file->variable(group + name);
  const bool usable = bounds != nullptr && bounds->shape.size() == 2 && bounds->shape[1] == 2 &&
                      bounds->shape[0] == times.shape[0] && reader_.may_copy(*bounds);
  const std::string units = usable ? bounds->text("units") : "";
  if (!usable || (!units.empty() && units != times.text("units"))) return;
  const auto copy = copy_along(reader_, cell.times.file, *bounds,
                               {segments, whole_axis(cell.times.file, *bounds, 1)});
  if (!copy) return;
  const Span span = span_of(copy->values);
  if (!(span.lower <= span.upper)) return;
  cell.bounds = bounds;
  cell.climatology = climatology;
  cell.lower = span.lower;
  cell.upper = span.upper;
  if (!climatology) cell.middle = span.lower + (span.upper - span.lower) / 2;
}

std::string ReducedTimes::kept_dimension(const ReducedAxis& axis,
                                         const std::vector<PlacedAxis>& axes) const {
  for (const PlacedAxis& placed : axes) {
    const auto& dimension = dimensions_.named(placed.dim);
    const bool is_it = placed.segments.empty() && dimension.out.length == 1 &&
                       dimension.base == base_name(axis.array->dims[axis.axis], 1);
    if (is_it) return placed.dim;
  }
  return {};
}

void ReducedTimes::write(const std::string& name, const Cell& cell) {
  if (!written_.insert(name).second) return;
  const io::Variable& times = *cell.times.variable;
  const std::string own =
      cell.bounds == nullptr ? name + "_bnds" : io::last_part(cell.bounds->path);
  const std::string bounds = dimensions_.claim_name(netcdf_name(own));
  const std::string corners = cell.bounds == nullptr ? "bnds" : cell.bounds->dims[1];
  io::OutputVariable time = doubles(name, {name}, {1}, {cell.middle});
  time.attributes = related_.attributes(cell.times.file, times, {}, true);
  std::erase_if(time.attributes, [](const io::Attribute& a) {
    return a.name == "dtype" || a.name == "actual_range" || a.name == "cell_methods";
  });
  time.attributes.push_back({cell.climatology ? "climatology" : "bounds", bounds});
  file_.variables.push_back(std::move(time));
  const std::string pair = dimensions_.place_extra(corners, 2, {name});
  file_.variables.push_back(doubles(bounds, {name, pair}, {1, 2}, {cell.lower, cell.upper}));
}

void ReducedTimes::look_at(const OutputSource& source, const std::vector<PlacedAxis>& axes) {
  for (const ReducedAxis& axis : source.reduced) {
    const std::string kept = kept_dimension(axis, axes);
    if (kept.empty()) continue;
    if (const auto& cell = cell_of(axis)) wanted_[kept].emplace(cell->lower, cell->upper);
  }
}

void ReducedTimes::add(const OutputSource& source, const std::vector<PlacedAxis>& axes) {
  for (const ReducedAxis& axis : source.reduced) {
    const std::string kept = kept_dimension(axis, axes);
    if (kept.empty()) continue;
    const auto& dimension = dimensions_.named(kept);
    const bool free = !dimension.labels && !dimension.owned && wanted_[kept].size() == 1;
    const auto& cell = cell_of(axis);
    if (free && cell) write(kept, *cell);
  }
}

}  // namespace rankine::api
