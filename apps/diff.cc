// diff: how two files differ, in values, shapes, types and names, alone or on many ranks.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <span>

#include "apps/compare_values.h"
#include "apps/diff_metadata.h"
#include "apps/diff_report.h"
#include "apps/info.h"
#include "apps/program.h"
#include "apps/text.h"
#include "apps/verbs.h"
#include "io/h5/hidden_names.h"
#include "io/probe.h"

namespace rankine::apps {
namespace {

constexpr std::size_t kTogether = 32;  // pairs of variables in one graph

struct DiffOptions {
  std::string first, second;
  Tolerance tolerance;
  bool attributes = false;
  bool json = false;
};

struct Side {
  std::shared_ptr<const io::FileInfo> file;
  std::string variable;  // "" for all
};

Side side_of(const std::string& where, const std::string& other) {
  const api::FileAndVariable parts = api::split_location(where);
  const std::string& variable = parts.variable;
  return {api::file_info(parts.file),
          variable.empty() ? api::split_location(other).variable : variable};
}

// What is to be said of a pair, and the values that are still to be compared.
struct Compared {
  DiffEntry entry;
  std::optional<std::pair<Array, Array>> values = {};
};

Array opened(const Side& side, const io::Variable& variable) {
  return api::open_variable(side.file, variable.path, Here::current());
}

// Labels are few: both are read whole.
void compare_texts(const Side& a, const io::Variable& first, const Side& b,
                   const io::Variable& second, DiffEntry& entry) {
  if (first.shape != second.shape) return;
  const auto texts = io::probe_texts({{a.file->path, first.path}, {b.file->path, second.path}});
  const auto& one = texts[0].values;
  const auto& other = texts[1].values;
  std::int64_t count = 0;
  std::size_t at = one.size();
  for (std::size_t i = 0; i < std::min(one.size(), other.size()); ++i) {
    if (one[i] == other[i]) continue;
    if (++count == 1) at = i;
  }
  if (count == 0) return;
  entry.lines.push_back(
      fmt::format("{} of {} texts differ, the first at {}: {} instead of {}", count, one.size(),
                  to_string(coordinate_of(static_cast<std::int64_t>(at), first.shape)),
                  attribute_text(other[at]), attribute_text(one[at])));
}

// Elements that are no numbers, and enumerations of the same numbers. Where the library gives up,
// nothing is known of them.
void compare_elements(const Side& a, const io::Variable& first, const Side& b,
                      const io::Variable& second, DiffEntry& entry) {
  const bool alike = first.shape == second.shape && first.null_space == second.null_space &&
                     first.type_name == second.type_name;
  if (!alike || first.null_space || saturated_volume(first.shape) == 0) return;
  try {
    const io::RawDifference found =
        io::probe_differences({{{a.file->path, first.path}, {b.file->path, second.path}}}).front();
    entry.not_compared = found.left_out;
    if (found.other_types) {
      entry.lines.push_back(
          fmt::format("elements of type {}, which is not the same in both", first.type_name));
    }
    if (found.elements == 0) return;
    entry.lines.push_back(fmt::format("{} of {} elements differ in their bytes, the first at {}",
                                      found.elements, volume(first.shape),
                                      to_string(coordinate_of(found.first, first.shape))));
  } catch (const Error& error) {
    if (error.exit_code != ExitCode::kInput) throw;
    entry.not_compared = fmt::format("values of type {} ({})", first.type_name, error.message);
  }
}

// A comparison has an axis more for its numbers, and one for their joining: axes of one element
// make room, which moves no element in row-major order.
std::optional<Array> with_room(Array array) {
  for (std::size_t axis = array.rank(); axis-- > 0 && array.rank() + 2 > kMaxAxes;) {
    if (array.shape()[axis] == 1) array = array.isel(static_cast<std::int64_t>(axis), 0);
  }
  return array.rank() + 2 > kMaxAxes ? std::nullopt : std::optional(std::move(array));
}

Compared compared(const Side& a, const io::Variable& first, const Side& b,
                  const io::Variable& second, const DiffOptions& options) {
  Compared result{
      {io::shown_path(first.path), variable_differences(*a.file, first, *b.file, second)}};
  DiffEntry& entry = result.entry;
  if (options.attributes) {
    const auto more = attribute_differences(first.attributes, second.attributes);
    entry.lines.insert(entry.lines.end(), more.begin(), more.end());
  }
  if (io::holds_text(first) && io::holds_text(second)) {
    compare_texts(a, first, b, second, entry);
    return result;
  }
  if (!first.dtype && !second.dtype) compare_elements(a, first, b, second, entry);
  if (!first.dtype || !second.dtype || first.null_space || second.null_space) return result;
  const Array one = opened(a, first);
  const Array other = opened(b, second);
  // Numbers of one type may be decoded into two.
  if (one.dtype() != other.dtype() && first.type_name != second.type_name) {
    entry.lines.push_back(fmt::format("type {} instead of {}", second.type_name, first.type_name));
  }
  if (first.shape != second.shape || one.size() == 0) return result;
  entry.shape = one.shape();
  const auto left = with_room(one);
  const auto right = with_room(other);
  if (left && right) result.values.emplace(*left, *right);
  else entry.not_compared = fmt::format("values with {} axes", first.shape.size());
  return result;
}

std::vector<Compared> paired(const Side& a, const Side& b, const DiffOptions& options) {
  if (!a.variable.empty()) {
    return {compared(a, io::find_variable(*a.file, a.variable), b,
                     io::find_variable(*b.file, b.variable), options)};
  }
  std::vector<Compared> all;
  if (options.attributes) {
    all.push_back({{"/", attribute_differences(a.file->attributes, b.file->attributes)}});
  }
  for (const io::Variable& variable : a.file->variables) {
    if (!is_listed(variable)) continue;
    const std::string path = io::shown_path(variable.path);
    const io::Variable* other = io::find_shown(*b.file, path);
    if (other != nullptr && is_listed(*other)) {
      all.push_back(compared(a, variable, b, *other, options));
    } else {
      all.push_back({{path, {"only in the first"}}});
    }
  }
  for (const io::Variable& variable : b.file->variables) {
    const std::string path = io::shown_path(variable.path);
    const io::Variable* other = io::find_shown(*a.file, path);
    if (!is_listed(variable) || (other != nullptr && is_listed(*other))) continue;
    all.push_back({{path, {"only in the second"}}});
  }
  return all;
}

void compare_some(Session& session, std::span<Compared> some, const Tolerance& tolerance) {
  std::vector<std::pair<Array, Array>> pairs;
  for (const Compared& one : some) {
    if (one.values) pairs.push_back(*one.values);
  }
  if (pairs.empty()) return;
  const std::vector<Difference> differences = compare_values(session, pairs, tolerance);
  auto next = differences.begin();
  for (Compared& one : some) {
    if (!one.values) continue;
    one.entry.values = *next++;
  }
}

// Whether the files differ.
bool diff(Session& session, const DiffOptions& options) {
  const Side a = side_of(options.first, options.second);
  const Side b = side_of(options.second, options.first);
  std::vector<Compared> all = paired(a, b, options);
  for (std::size_t i = 0; i < all.size(); i += kTogether) {
    const std::size_t count = std::min(kTogether, all.size() - i);
    compare_some(session, std::span(all).subspan(i, count), options.tolerance);
  }
  std::vector<DiffEntry> entries;
  for (Compared& one : all) entries.push_back(std::move(one.entry));
  print_result(options.json ? diff_json(options.first, options.second, entries)
                            : diff_text(entries));
  return std::ranges::any_of(entries, &DiffEntry::differs);
}

int diff(Cli& cli, const DiffOptions& options) {
  if (std::isnan(options.tolerance.absolute) || std::isnan(options.tolerance.relative)) {
    throw usage_error("--abs and --rel take numbers, not NaN", "leave out what is not wanted");
  }
  bool differs = false;  // on rank 0
  const int code = run_with(run_settings(cli), [&](Session& session) {
    show_progress(session);
    differs = diff(session, options);
  });
  return code == 0 && differs ? static_cast<int>(ExitCode::kDiffers) : code;
}

// CLI11's own check names the largest double, with all of its digits.
std::string problem_of_distance(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  const bool is_number = !text.empty() && *end == '\0';
  return is_number && !(value < 0) ? "" : printable(text) + " is no number from 0 on";
}

}  // namespace

void add_diff(Cli& cli) {
  const auto options = std::make_shared<DiffOptions>();
  CLI::App& verb = cli.add_verb(
      {"diff", "FILE[:/NAME] FILE[:/NAME] [--abs X] [--rel Y] [--attributes] [--json] [options]",
       "Compares the variables of two files; exit code 6 if they differ.",
       "mpirun -n 4 rankine diff old.nc new.nc --rel 1e-6"},
      Ranks::kAll, [&cli, options] { return diff(cli, *options); });
  verb.add_option("FIRST", options->first, "a file, or one variable of it")->required();
  verb.add_option("SECOND", options->second, "what to compare it with")->required();
  verb.add_option("--abs", options->tolerance.absolute, "values this far apart are the same")
      ->check(problem_of_distance);
  verb.add_option("--rel", options->tolerance.relative,
                  "the same, as a part of the larger magnitude of the two")
      ->check(problem_of_distance);
  verb.add_flag("--attributes", options->attributes, "compare attributes as well");
  verb.add_flag("--json", options->json, "as JSON");
  add_run_options(verb, Runs::kComputes);
}

}  // namespace rankine::apps
