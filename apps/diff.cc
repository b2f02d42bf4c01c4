// diff: how two files differ, in values, shapes, types and names, alone or on many ranks.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>

#include "apps/compare_values.h"
#include "apps/diff_metadata.h"
#include "apps/info.h"
#include "apps/program.h"
#include "apps/text.h"
#include "apps/verbs.h"

namespace rankine::apps {
namespace {

constexpr std::size_t kTogether = 32;  // pairs of variables in one graph

struct DiffOptions {
  std::string first, second;
  Tolerance tolerance;
  bool attributes = false;
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

// A variable and what is to be said of it.
struct Compared {
  std::string name;
  std::vector<std::string> lines;                      // differences
  std::optional<std::pair<Array, Array>> values = {};  // to be compared
  std::string not_compared = {};                       // "values of type string"
};

Array opened(const Side& side, const io::Variable& variable) {
  return api::open_variable(side.file, variable.path, Here::current());
}

Compared compared(const Side& a, const io::Variable& first, const Side& b,
                  const io::Variable& second, const DiffOptions& options) {
  Compared result{printable(first.path), variable_differences(first, second)};
  if (options.attributes) {
    const auto more = attribute_differences(first.attributes, second.attributes);
    result.lines.insert(result.lines.end(), more.begin(), more.end());
  }
  if (!first.dtype && !second.dtype)
    result.not_compared = "values of type " + printable(first.type_name);
  // A comparison has an axis more for its numbers, and one for their joining.
  const bool too_many = first.shape.size() + 2 > kMaxAxes;
  if (too_many) result.not_compared = fmt::format("values with {} axes", first.shape.size());
  if (!first.dtype || !second.dtype || first.null_space || second.null_space) return result;
  std::pair<Array, Array> arrays{opened(a, first), opened(b, second)};
  const DType types[] = {arrays.first.dtype(), arrays.second.dtype()};
  if (types[0] != types[1]) {
    result.lines.push_back(
        fmt::format("type {} instead of {}", name_of(types[1]), name_of(types[0])));
  }
  if (!too_many && first.shape == second.shape && arrays.first.size() > 0)
    result.values = std::move(arrays);
  return result;
}

std::vector<Compared> paired(const Side& a, const Side& b, const DiffOptions& options) {
  if (!a.variable.empty()) {
    return {compared(a, io::find_variable(*a.file, a.variable), b,
                     io::find_variable(*b.file, b.variable), options)};
  }
  std::vector<Compared> all;
  if (options.attributes) {
    all.push_back({"/", attribute_differences(a.file->attributes, b.file->attributes)});
  }
  for (const io::Variable& variable : a.file->variables) {
    if (!is_listed(variable)) continue;
    const io::Variable* other = b.file->variable(variable.path);
    if (other != nullptr && is_listed(*other)) {
      all.push_back(compared(a, variable, b, *other, options));
    } else {
      all.push_back({printable(variable.path), {"only in the first"}});
    }
  }
  for (const io::Variable& variable : b.file->variables) {
    const io::Variable* other = a.file->variable(variable.path);
    if (!is_listed(variable) || (other != nullptr && is_listed(*other))) continue;
    all.push_back({printable(variable.path), {"only in the second"}});
  }
  return all;
}

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
    const Difference& difference = *next++;
    if (difference.elements == 0) continue;
    one.lines.push_back(values_text(difference, one.values->first.shape()));
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
  std::string text;
  bool differs = false;
  for (const Compared& one : all) {
    differs = differs || !one.lines.empty();
    for (const std::string& line : one.lines) text += one.name + ": " + line + "\n";
    if (!one.not_compared.empty()) {
      text += fmt::format("{}: {} are not compared\n", one.name, one.not_compared);
    }
  }
  print_result(text);
  return differs;
}

int diff(Cli& cli, const DiffOptions& options) {
  if (std::isnan(options.tolerance.absolute) || std::isnan(options.tolerance.relative)) {
    throw usage_error("--abs and --rel take numbers, not NaN", "leave out what is not wanted");
  }
  bool differs = false;  // on rank 0
  const int code =
      run_with(run_settings(cli), [&](Session& session) { differs = diff(session, options); });
  return code == 0 && differs ? static_cast<int>(ExitCode::kDiffers) : code;
}

}  // namespace

void add_diff(Cli& cli) {
  const auto options = std::make_shared<DiffOptions>();
  CLI::App& verb = cli.add_verb(
      {"diff", "FILE[:/NAME] FILE[:/NAME] [--abs X] [--rel Y] [--attributes] [options]",
       "Compares the variables of two files; exit code 6 if they differ.",
       "mpirun -n 4 rankine diff old.nc new.nc --rel 1e-6"},
      Ranks::kAll, [&cli, options] { return diff(cli, *options); });
  verb.add_option("FIRST", options->first, "a file, or one variable of it")->required();
  verb.add_option("SECOND", options->second, "what to compare it with")->required();
  verb.add_option("--abs", options->tolerance.absolute, "values this far apart are the same")
      ->check(CLI::NonNegativeNumber);
  verb.add_option("--rel", options->tolerance.relative,
                  "the same, as a part of the larger magnitude of the two")
      ->check(CLI::NonNegativeNumber);
  verb.add_flag("--attributes", options->attributes, "compare attributes as well");
  add_run_options(verb);
}

}  // namespace rankine::apps
