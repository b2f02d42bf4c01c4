#include "apps/language/labels.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "io/dataset.h"
#include "runtime/api/coordinates.h"
#include "runtime/api/output_copy.h"
#include "runtime/base/error.h"

namespace rankine::language {
namespace {

double epsilon_of(DType dtype) {
  if (dtype == DType::kFloat32) return std::numeric_limits<float>::epsilon();
  return dtype == DType::kFloat64 ? std::numeric_limits<double>::epsilon() : 0;
}

std::string number_text(double value, double epsilon) {
  char digits[32];
  const bool single = epsilon == std::numeric_limits<float>::epsilon();
  const auto end =
      single ? std::to_chars(digits, digits + sizeof(digits), static_cast<float>(value)).ptr
             : std::to_chars(digits, digits + sizeof(digits), value).ptr;
  std::string text(digits, end);
  if (text.find_first_of(".en") == text.npos) text += ".0";  // as the language writes them
  return text;
}

bool same_label(const Labels& labels, double label, double value) {
  return label == value || std::abs(label - value) <= labels.epsilon * std::abs(value);
}

Error no_labels(const Array& array, std::size_t axis) {
  const std::string& dim = array.dims()[axis];
  const std::string name = dim.empty() ? "axis " + std::to_string(axis) : "`" + dim + "`";
  return usage_error(name + " has no coordinate values",
                     "select by index, without a point: " + (dim.empty() ? "0:10" : dim + "=0:10"));
}

// The distinct labels on both sides of `value`.
std::string neighbours(const Labels& labels, double value) {
  std::optional<double> below, above;
  for (const double label : labels.values) {
    if (label < value && (!below || label > *below)) below = label;
    if (label > value && (!above || label < *above)) above = label;
  }
  std::string text;
  if (below) text = number_text(*below, labels.epsilon);
  if (above) text += (below ? " and " : "") + number_text(*above, labels.epsilon);
  return text;
}

std::string extent_text(const Labels& labels) {
  return "they go from " + number_text(labels.values.front(), labels.epsilon) + " to " +
         number_text(labels.values.back(), labels.epsilon);
}

// Of labels that count time.
std::string extent_of_dates(const Labels& labels) {
  const auto first = labels.time->date_at(labels.values.front());
  const auto last = labels.time->date_at(labels.values.back());
  if (!first || !last) return extent_text(labels);
  return "they go from " + io::iso_text(*first) + " to " + io::iso_text(*last);
}

bool descends(const Labels& labels) {
  const auto& v = labels.values;
  const bool missing = std::any_of(v.begin(), v.end(), [](double x) { return std::isnan(x); });
  if (!missing && std::is_sorted(v.begin(), v.end())) return false;
  if (!missing && std::is_sorted(v.begin(), v.end(), std::greater<>())) return true;
  throw usage_error("the coordinate values are in no order, so they make no ranges",
                    "select by index, or a single value");
}

// Files of one series may count from different dates: all counts as in the first.
void append_labels(Labels& labels, const Labels& part, const api::AxisSegment& segment) {
  const bool rebase = labels.time && part.time && *labels.time != *part.time;
  if (rebase && labels.time->calendar() != part.time->calendar()) {
    throw usage_error("the files have different calendars", "select by index");
  }
  for (std::int64_t i = 0; i < segment.count; ++i) {
    const auto at = static_cast<std::size_t>(segment.start + i * segment.step);
    if (at >= part.values.size()) {
      throw input_error("the coordinate is shorter than its dimension",
                        segment.file->path + ":" + segment.dataset, "select by index");
    }
    const double value = part.values[at];
    labels.values.push_back(rebase ? labels.time->from(*part.time, value) : value);
  }
}

// Those that pass the test, which are neighbours.
template <class Test>
ClosedRange range_where(const Labels& labels, const Test& inside) {
  ClosedRange range{-1, -1};
  for (std::size_t i = 0; i < labels.values.size(); ++i) {
    if (!inside(labels.values[i])) continue;
    range.last = static_cast<std::int64_t>(i);
    if (range.first < 0) range.first = range.last;
  }
  return range;
}

}  // namespace

const Labels& LabelReader::read(const std::shared_ptr<const io::FileInfo>& file,
                                const std::string& path) {
  auto& labels = known_[{file, path}];
  if (labels.values.empty()) {
    labels.values = api::coordinate_values(*file, path);
    labels.epsilon = epsilon_of(io::make_dataset(*file, path).dtype);
    if (const io::Variable* variable = file->variable(path)) {
      labels.time = io::TimeUnits::parse(variable->text("units"), variable->text("calendar"));
      labels.units = variable->text("units");
    }
  }
  return labels;
}

std::optional<std::vector<std::string>> LabelReader::texts_of(const Array& array,
                                                              std::size_t axis) {
  std::vector<std::string> texts;
  const api::AxisSegments segments = api::trace_axis(array.node(), axis);
  for (const api::AxisSegment& segment : segments) {
    const std::string path = api::dimension_path(segment);
    const io::Variable* scale = path.empty() ? nullptr : segment.file->variable(path);
    if (scale == nullptr || scale->shape.size() != 1 || !io::holds_text(*scale)) return {};
    auto& known = known_texts_[{segment.file, path}];
    if (known.empty()) known = api::coordinate_texts(*segment.file, *scale);
    for (std::int64_t i = 0; i < segment.count; ++i) {
      const auto at = static_cast<std::size_t>(segment.start + i * segment.step);
      if (at >= known.size()) return {};
      texts.push_back(known[at]);
    }
  }
  return segments.empty() ? std::nullopt : std::optional(std::move(texts));
}

std::int64_t text_index(const std::vector<std::string>& texts, const std::string& text) {
  const auto found = std::find(texts.begin(), texts.end(), text);
  if (found == texts.end()) {
    constexpr std::size_t kShown = 5;
    std::string some;
    for (std::size_t i = 0; i < std::min(kShown, texts.size()); ++i) {
      some += (i > 0 ? ", " : "") + texts[i];
    }
    throw usage_error("no element has the label `" + text + "`",
                      some.empty() ? "the axis has no elements"
                                   : "labels are " + some + (texts.size() > kShown ? ", ..." : ""));
  }
  if (std::find(found + 1, texts.end(), text) != texts.end()) {
    throw usage_error("the label `" + text + "` belongs to more than one element",
                      "select by index");
  }
  return found - texts.begin();
}

Labels LabelReader::labels_of(const Array& array, std::size_t axis) {
  const api::AxisSegments segments = api::trace_axis(array.node(), axis);
  if (segments.empty()) throw no_labels(array, axis);
  Labels result;
  for (const api::AxisSegment& segment : segments) {
    const io::Variable& variable = io::find_variable(*segment.file, segment.dataset);
    const auto number = static_cast<std::size_t>(segment.axis);
    const std::string path =
        number < variable.dim_paths.size() ? variable.dim_paths[number] : std::string();
    const io::Variable* scale = path.empty() ? nullptr : segment.file->variable(path);
    if (scale == nullptr || scale->is_pure_dimension) throw no_labels(array, axis);
    const Labels& part = read(segment.file, path);
    result.epsilon = std::max(result.epsilon, part.epsilon);
    if (result.values.empty()) {
      result.time = part.time;
      result.units = part.units;
    }
    append_labels(result, part, segment);
  }
  return result;
}

std::int64_t label_index(const Labels& labels, double value) {
  std::int64_t found = -1;
  for (std::size_t i = 0; i < labels.values.size(); ++i) {
    if (!same_label(labels, labels.values[i], value)) continue;
    const double distance = std::abs(labels.values[i] - value);
    if (found < 0 || distance < std::abs(labels.values[found] - value)) {
      found = static_cast<std::int64_t>(i);
    } else if (labels.values[i] == labels.values[found]) {
      throw usage_error(
          "the coordinate value " + number_text(value, 0) + " belongs to more than one element",
          "select by index");
    }
  }
  if (found >= 0) return found;
  const std::string near = neighbours(labels, value);
  throw usage_error("no element has the coordinate value " + number_text(value, 0),
                    near.empty() ? "the axis has no elements" : "the nearest are " + near);
}

ClosedRange label_range(const Labels& labels, std::optional<double> begin,
                        std::optional<double> end) {
  if (labels.values.empty())
    throw usage_error("the axis has no elements to select from", "take it whole, by :");
  const bool descending = descends(labels);
  if (begin && end && *begin > *end) {
    if (!descending) {
      throw usage_error(
          "the range begins above its end, and the coordinate values ascend",
          "join two ranges by concatenate(x, y, axis=) to go around; " + extent_text(labels));
    }
    std::swap(begin, end);
  }
  const ClosedRange range = range_where(labels, [&](double label) {
    return !(begin && label < *begin && !same_label(labels, label, *begin)) &&
           !(end && label > *end && !same_label(labels, label, *end));
  });
  if (range.first >= 0) return range;
  throw usage_error("no coordinate value lies in the range", extent_text(labels));
}

ClosedRange date_range(const Labels& labels, const std::optional<io::DateText>& from,
                       const std::optional<io::DateText>& to) {
  if (!labels.time && io::counts_months_or_years(labels.units)) {
    throw usage_error("`" + labels.units + "` counts months or years, whose length is not fixed",
                      "select by index or value");
  }
  if (!labels.time) {
    throw usage_error(
        "the coordinate does not count time, so a date selects nothing of it",
        "select by index or value; dates need units like `days since 2000-01-01` of a known "
        "calendar");
  }
  if (labels.values.empty())
    throw usage_error("the axis has no elements to select from", "take it whole, by :");
  descends(labels);
  const auto begin = from ? std::optional(labels.time->span_of(*from).begin) : std::nullopt;
  const auto end = to ? std::optional(labels.time->span_of(*to).end) : std::nullopt;
  const ClosedRange range = range_where(
      labels, [&](double label) { return (!begin || label >= *begin) && (!end || label < *end); });
  if (range.first >= 0) return range;
  if (begin && end && *begin >= *end) {
    throw usage_error("the first date of the range lies after the last",
                      "write the earlier date first; " + extent_of_dates(labels));
  }
  throw usage_error("no coordinate value lies in the range of dates", extent_of_dates(labels));
}

}  // namespace rankine::language
