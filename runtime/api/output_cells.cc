#include "runtime/api/output_cells.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <sstream>

namespace rankine::api {
namespace {

std::string* find_text(std::vector<io::Attribute>& attributes, const std::string& name) {
  const auto found = std::ranges::find(attributes, name, &io::Attribute::name);
  return found == attributes.end() ? nullptr : std::get_if<std::string>(&found->value);
}

void append_word(std::vector<io::Attribute>& attributes, const std::string& name,
                 const std::string& word) {
  if (std::string* text = find_text(attributes, name)) {
    std::istringstream words(*text);
    for (std::string known; words >> known;) {
      if (known == word) return;
    }
    *text += (text->empty() ? "" : " ") + word;
  } else {
    attributes.push_back({name, word});
  }
}

// "time: mean" of another coordinate than the one called time here.
void rename_axis(std::string& methods, const std::string& from, const std::string& to) {
  std::istringstream words(methods);
  std::string result;
  for (std::string word; words >> word;) {
    result += (result.empty() ? "" : " ") + (word == from + ":" ? to + ":" : word);
  }
  methods = std::move(result);
}

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

std::string ReducedTimes::write(const std::string& group, const std::string& kept,
                                const Cell& cell) {
  const io::Variable& times = *cell.times.variable;
  const Key key{times.path, group, kept, cell.lower, cell.upper};
  if (const auto known = written_.find(key); known != written_.end()) return known->second;
  const std::string base = group + netcdf_name(io::last_part(times.path));
  const std::string name = kept.empty() ? dimensions_.claim_name(base) : kept;
  const std::string own = cell.bounds == nullptr ? "" : io::last_part(cell.bounds->path);
  const std::string bounds = dimensions_.claim_name(
      group + netcdf_name(own.empty() ? io::last_part(name) + "_bnds" : own));
  const std::string corners = cell.bounds == nullptr ? "" : cell.bounds->dims[1];
  std::vector<std::string> dims;
  if (!kept.empty()) dims.push_back(kept);
  const Extents shape(dims.size(), 1);
  io::OutputVariable time = doubles(name, dims, shape, {cell.middle});
  time.attributes = related_.attributes(cell.times.file, times, {}, true);
  std::erase_if(time.attributes, [](const io::Attribute& a) {
    return a.name == "dtype" || a.name == "actual_range" || a.name == "cell_methods";
  });
  time.attributes.push_back({cell.climatology ? "climatology" : "bounds", io::last_part(bounds)});
  file_.variables.push_back(std::move(time));
  Extents pairs = shape;
  pairs.push_back(2);
  dims.push_back(dimensions_.place_extra(corners.empty() ? "bnds" : corners, 2, dims));
  file_.variables.push_back(doubles(bounds, dims, pairs, {cell.lower, cell.upper}));
  written_.emplace(key, name);
  return name;
}

void ReducedTimes::look_at(const OutputSource& source, const std::vector<PlacedAxis>& axes) {
  for (const ReducedAxis& axis : source.reduced) {
    const std::string kept = kept_dimension(axis, axes);
    if (kept.empty()) continue;
    if (const auto& cell = cell_of(axis)) wanted_[kept].emplace(cell->lower, cell->upper);
  }
}

void ReducedTimes::add(const std::string& name, const OutputSource& source,
                       const std::vector<PlacedAxis>& axes,
                       std::vector<io::Attribute>& attributes) {
  for (const ReducedAxis& axis : source.reduced) {
    const auto& cell = cell_of(axis);
    const std::string kept = kept_dimension(axis, axes);
    if (!cell) continue;
    if (!kept.empty()) {
      const auto& dimension = dimensions_.named(kept);
      const bool free = !dimension.labels && !dimension.owned && wanted_[kept].size() == 1;
      if (free) write("", kept, *cell);
      continue;
    }
    const std::string written = io::last_part(write(io::group_part(name), "", *cell));
    append_word(attributes, "coordinates", written);
    if (std::string* methods = find_text(attributes, "cell_methods")) {
      rename_axis(*methods, axis.array->dims[axis.axis], written);
    }
  }
}

}  // namespace rankine::api
