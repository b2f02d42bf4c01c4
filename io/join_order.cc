#include "io/join_order.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "io/calendar.h"
#include "io/decode.h"
#include "runtime/base/error.h"

namespace rankine::io {
namespace {

bool is_time_like(const FileInfo& file, const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  const Variable* variable = file.variable(path);
  if (variable == nullptr || variable->is_pure_dimension) return name == "time";
  return name == "time" || variable->text("axis") == "T" ||
         variable->text("standard_name") == "time" ||
         TimeUnits::parse(variable->text("units"), variable->text("calendar")).has_value();
}

bool leads_a_variable(const FileInfo& file, const std::string& path) {
  return std::ranges::any_of(file.variables, [&](const Variable& variable) {
    return !variable.dim_paths.empty() && variable.dim_paths[0] == path;
  });
}

const Dimension* best_dimension(const FileInfo& file) {
  const Dimension* best = nullptr;
  int best_rank = 0;
  for (const Dimension& dimension : file.dimensions) {
    const bool time = is_time_like(file, dimension.path);
    if (!leads_a_variable(file, dimension.path)) continue;
    const int rank = (dimension.unlimited ? 2 : 0) + (time ? 1 : 0);
    if (rank > best_rank) {
      best = &dimension;
      best_rank = rank;
    }
  }
  return best;
}

// First and last record, in the units of the first file that has any.
struct Span {
  double first = 0, last = 0;
};

class Spans {
 public:
  explicit Spans(const Record& record) : record_(record) {}

  // Nothing if the file does not say.
  std::optional<Span> of(const FileInfo& file) {
    const auto summary =
        std::ranges::find(file.coordinates, record_.path, &CoordinateSummary::path);
    if (summary == file.coordinates.end() || summary->count == 0) return std::nullopt;
    const Variable& variable = *file.variable(record_.path);
    const Decode decode = make_decode(variable);
    const auto units = TimeUnits::parse(variable.text("units"), variable.text("calendar"));
    if (!seen_) {
      seen_ = true;
      units_ = units;
      first_path_ = file.path;
    }
    if (units && units_ && units->calendar() != units_->calendar()) {
      throw input_error("the files do not fit together: " + record_.path +
                            " has another calendar here (" + variable.text("calendar") +
                            ") than in " + first_path_,
                        file.path, "leave the file out");
    }
    const auto value = [&](double stored) {
      const double decoded = stored * decode.scale + decode.offset;
      return units && units_ ? units_->from(*units, decoded) : decoded;
    };
    const Span span{value(summary->first), value(summary->last)};
    if (!std::isfinite(span.first) || !std::isfinite(span.last)) return std::nullopt;
    return span;
  }

  std::string text(double value) const {
    if (const auto date = units_ ? units_->date_at(value) : std::nullopt) return iso_text(*date);
    std::string text = std::to_string(value);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
    return text;
  }

 private:
  const Record& record_;
  bool seen_ = false;
  std::optional<TimeUnits> units_;
  std::string first_path_;
};

template <class T>
void reorder(std::vector<T>& values, const std::vector<std::size_t>& order) {
  std::vector<T> sorted;
  sorted.reserve(values.size());
  for (const std::size_t i : order) sorted.push_back(std::move(values[i]));
  values = std::move(sorted);
}

void refuse_overlap(const std::vector<FileInfo>& files, const std::vector<Span>& spans,
                    const std::vector<std::size_t>& order, bool falling, const Record& record,
                    const Spans& words) {
  for (std::size_t i = 1; i < order.size(); ++i) {
    const double before = spans[order[i - 1]].last;
    const double next = spans[order[i]].first;
    if (falling ? next < before : next > before) continue;
    throw input_error("the files do not fit together: " + record.name() + " begins here at " +
                          words.text(next) + ", and " + files[order[i - 1]].path + " goes until " +
                          words.text(before),
                      files[order[i]].path, "leave one of them out");
  }
}

}  // namespace

bool comes_before(const std::string& a, const std::string& b) {
  std::size_t i = 0;
  std::size_t j = 0;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  while (i < a.size() && j < b.size()) {
    if (!is_digit(a[i]) || !is_digit(b[j])) {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i;
      ++j;
      continue;
    }
    const auto number_at = [&](const std::string& text, std::size_t& at) {
      while (at + 1 < text.size() && text[at] == '0' && is_digit(text[at + 1])) ++at;
      const std::size_t begin = at;
      while (at < text.size() && is_digit(text[at])) ++at;
      return std::string_view(text).substr(begin, at - begin);
    };
    const auto x = number_at(a, i);
    const auto y = number_at(b, j);
    if (x.size() != y.size()) return x.size() < y.size();
    if (x != y) return x < y;
  }
  if (i < a.size() || j < b.size()) return i == a.size();
  return a < b;
}

Record record_dimension(const FileInfo& file) {
  if (const Dimension* dimension = best_dimension(file)) return {dimension->path, {}};
  const bool unnamed = std::ranges::any_of(file.variables, [](const Variable& variable) {
    return record_axis(variable, Record{}).has_value();
  });
  if (unnamed) return {};
  throw input_error(
      "files are joined along a record dimension, and this one has none: no "
      "dimension is unlimited or counts time",
      file.path, "name each by -v and join them by concatenate(x, y, axis=...)");
}

std::optional<std::size_t> record_axis(const Variable& variable, const Record& record) {
  if (record.path.empty()) {
    const bool unlimited = !variable.max_shape.empty() && variable.max_shape[0] == -1;
    const bool named = !variable.dim_paths.empty() && !variable.dim_paths[0].empty();
    return unlimited && !named ? std::optional<std::size_t>(0) : std::nullopt;
  }
  const auto found = std::ranges::find(variable.dim_paths, record.path);
  if (found == variable.dim_paths.end()) return std::nullopt;
  return static_cast<std::size_t>(found - variable.dim_paths.begin());
}

std::int64_t record_length(const FileInfo& file, const Record& record) {
  const auto found = std::ranges::find(file.dimensions, record.path, &Dimension::path);
  return found == file.dimensions.end() ? 0 : found->length;
}

void sort_by_record(std::vector<FileInfo>& files, Record& record) {
  for (const FileInfo& file : files) {
    const bool there =
        record.path.empty() ||
        std::ranges::find(file.dimensions, record.path, &Dimension::path) != file.dimensions.end();
    if (there) continue;
    throw input_error("the files do not fit together: there is no dimension " + record.name() +
                          " here, as in " + files.front().path,
                      file.path, "leave the file out");
  }
  if (!record.path.empty()) {
    const auto is_empty = [&](const FileInfo& f) { return record_length(f, record) == 0; };
    if (!std::ranges::all_of(files, is_empty)) std::erase_if(files, is_empty);
  }
  std::ranges::stable_sort(files, comes_before, &FileInfo::path);
  Spans words(record);
  std::vector<Span> spans;
  for (const FileInfo& file : files) {
    const auto span = words.of(file);
    if (!span) break;
    spans.push_back(*span);
  }
  if (spans.size() < files.size()) {
    record.order = "their names";
    return;
  }
  record.order = "its coordinate";
  // Files go down where their records do: levels from the ground up, by pressure.
  const auto falls = [](const Span& span) { return span.last < span.first; };
  const auto rises = [](const Span& span) { return span.last > span.first; };
  const bool falling = std::ranges::any_of(spans, falls) && std::ranges::none_of(spans, rises);
  std::vector<std::size_t> order(files.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    return falling ? spans[a].first > spans[b].first : spans[a].first < spans[b].first;
  });
  refuse_overlap(files, spans, order, falling, record, words);
  reorder(files, order);
}

}  // namespace rankine::io
