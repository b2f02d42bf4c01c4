#include "apps/diff_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/text.h"

namespace rankine::apps {
namespace {

using Json = nlohmann::ordered_json;

std::string values_text(const Difference& d, const Extents& shape) {
  const auto index = [&](std::int64_t at) { return to_string(coordinate_of(at, shape)); };
  std::string text = fmt::format("{} of {} elements differ, the first at {}", d.elements,
                                 volume(shape), index(d.first));
  if (d.absolute_at >= 0) {
    text += fmt::format("; by at most {} at {}, relative {} at {}", d.absolute,
                        index(d.absolute_at), d.relative, index(d.relative_at));
  }
  if (d.missing > 0) text += fmt::format("; {} missing in one only", d.missing);
  return text;
}

Json place_json(std::int64_t at, const Extents& shape) {
  if (at < 0) return nullptr;
  return coordinate_of(at, shape);
}

Json number_json(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return "Infinity";  // no difference is below zero
  return value;
}

Json entry_json(const DiffEntry& entry) {
  Json json = {{"path", entry.path}, {"differs", entry.differs()}, {"differences", entry.lines}};
  if (!entry.values) {
    for (const char* name : {"elements", "elements_differ", "missing_in_one", "first_at",
                             "absolute", "absolute_at", "relative", "relative_at"}) {
      json[name] = nullptr;
    }
  } else {
    const Difference& d = *entry.values;
    json["elements"] = volume(entry.shape);
    json["elements_differ"] = d.elements;
    json["missing_in_one"] = d.missing;
    json["first_at"] = place_json(d.first, entry.shape);
    json["absolute"] = d.absolute_at < 0 ? Json(nullptr) : number_json(d.absolute);
    json["absolute_at"] = place_json(d.absolute_at, entry.shape);
    json["relative"] = d.relative_at < 0 ? Json(nullptr) : number_json(d.relative);
    json["relative_at"] = place_json(d.relative_at, entry.shape);
  }
  json["not_compared"] = entry.not_compared.empty() ? Json(nullptr) : Json(entry.not_compared);
  return json;
}

std::vector<std::string> left_out_of(const std::vector<DiffEntry>& entries) {
  std::vector<std::string> paths;
  for (const DiffEntry& entry : entries) {
    if (!entry.not_compared.empty()) paths.push_back(entry.path);
  }
  return paths;
}

// Silence would say that all is equal.
std::string closing_line(const std::vector<DiffEntry>& entries) {
  const std::vector<std::string> paths = left_out_of(entries);
  if (paths.empty() || std::ranges::any_of(entries, &DiffEntry::differs)) return {};
  std::string text =
      fmt::format("no differences in what was compared; {}: ",
                  paths.size() == 1 ? "1 data set was not"
                                    : fmt::format("{} data sets were not", paths.size()));
  for (std::size_t i = 0; i < paths.size(); ++i) text += (i > 0 ? ", " : "") + printable(paths[i]);
  return text + "\n";
}

}  // namespace

std::string diff_text(const std::vector<DiffEntry>& entries) {
  std::string text;
  for (const DiffEntry& entry : entries) {
    const std::string name = printable(entry.path);
    for (const std::string& line : entry.lines) text += name + ": " + line + "\n";
    if (entry.values && entry.values->elements > 0) {
      text += name + ": " + values_text(*entry.values, entry.shape) + "\n";
    }
    if (!entry.not_compared.empty()) {
      text += fmt::format("{}: {} are not compared\n", name, printable(entry.not_compared));
    }
  }
  return text + closing_line(entries);
}

std::string diff_json(const std::string& first, const std::string& second,
                      const std::vector<DiffEntry>& entries) {
  Json variables = Json::array();
  for (const DiffEntry& entry : entries) variables.push_back(entry_json(entry));
  const Json json = {{"first", first},
                     {"second", second},
                     {"differs", std::ranges::any_of(entries, &DiffEntry::differs)},
                     {"not_compared", left_out_of(entries)},
                     {"variables", std::move(variables)}};
  // Texts in files need not be UTF-8, those in JSON must be.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace rankine::apps
