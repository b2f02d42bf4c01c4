#include "apps/info.h"

#include <algorithm>
#include <memory>

#include "apps/verbs.h"
#include "io/calendar.h"
#include "io/h5/access.h"
#include "io/probe.h"
#include "runtime/api/coordinates.h"
#include "runtime/api/open.h"
#include "runtime/base/error.h"

namespace rankine::apps {
namespace {

struct InfoOptions {
  std::vector<std::string> files;
  bool json = false;
  io::Access access;
};

int info(const InfoOptions& options) {
  io::set_access(options.access);
  const io::KeptProbe kept;
  const std::vector<std::string> paths = api::files_named(options.files);
  const auto infos = io::probe_files(paths);
  if (options.json) {
    print_result(info_json(infos));
    return 0;
  }
  std::string text;
  for (const auto& file : infos) {
    text += (text.empty() ? "" : "\n") + info_text(file, time_ranges(file), text_samples(file));
  }
  print_result(text);
  return 0;
}

// Texts may be whole documents.
std::string shortened(const std::string& text) {
  constexpr std::size_t kMost = 60;
  if (text.size() <= kMost) return text;
  std::size_t end = kMost;  // not inside a UTF-8 sequence
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

}  // namespace

void add_info(Cli& cli) {
  const auto options = std::make_shared<InfoOptions>();
  CLI::App& verb = cli.add_verb(
      {"info", "FILE... [--json]", "Shows what is in a file: dimensions, variables, chunks, sizes.",
       "rankine info era5.nc"},
      Ranks::kFirstOnly, [options] { return info(*options); });
  verb.add_option("FILE", options->files, "HDF5 and netCDF-4 files, or a pattern as 'data/t_*.nc'")
      ->required();
  verb.add_flag("--json", options->json, "as JSON; several files give an array");
  verb.add_flag("--allow-plugins", options->access.plugins,
                "let HDF5 load filters from HDF5_PLUGIN_PATH");
  verb.add_flag("--allow-external", options->access.external,
                "let data sets and links refer to other files");
  verb.add_flag("--allow-missing", options->access.missing,
                "sources of virtual data sets that are missing read as fill value");
}

TimeRanges time_ranges(const io::FileInfo& info) {
  TimeRanges ranges;
  for (const io::Variable& variable : info.variables) {
    if (!variable.dtype || variable.shape.size() != 1 || variable.shape[0] == 0) continue;
    if (!variable.is_scale || variable.is_pure_dimension) continue;
    const auto units = io::TimeUnits::parse(variable.text("units"), variable.text("calendar"));
    if (!units) continue;
    try {
      const std::vector<double> values = api::coordinate_values(info, variable.path);
      const auto first = units->date_at(values.front());
      const auto last = units->date_at(values.back());
      if (!first || !last) continue;
      ranges[variable.path] = io::iso_text(*first) + " to " + io::iso_text(*last);
    } catch (const Error&) {
      continue;  // whoever reads it will hear of it
    }
  }
  return ranges;
}

TextSamples text_samples(const io::FileInfo& info) {
  constexpr std::size_t kMostDataSets = 16;
  constexpr std::int64_t kLongest = 1 << 16;  // elements
  constexpr std::size_t kShown = 6;
  std::vector<io::Place> places;
  for (const io::Variable& variable : info.variables) {
    const bool wanted = io::holds_text(variable) && !io::is_characters(variable) &&
                        variable.shape.size() < 2 && volume(variable.shape) <= kLongest;
    if (wanted && places.size() < kMostDataSets) places.push_back({info.path, variable.path});
  }
  TextSamples samples;
  if (places.empty()) return samples;
  try {
    const std::vector<io::Texts> found = io::probe_texts(places);
    for (std::size_t i = 0; i < places.size(); ++i) {
      const auto& texts = found[i].values;
      std::string& sample = samples[places[i].dataset];
      for (std::size_t k = 0; k < std::min(kShown, texts.size()); ++k) {
        sample += (k > 0 ? ", " : "") + shortened(texts[k]);
      }
      if (texts.size() > kShown) sample += ", ...";
    }
  } catch (const Error&) {
    return {};  // whoever reads them will hear of it
  }
  return samples;
}

std::optional<std::uint64_t> raw_bytes(const io::Variable& variable) {
  if (variable.null_space) return 0;
  std::uint64_t bytes = variable.element_size;
  bool fits = true;
  for (const std::int64_t length : variable.shape) {
    if (length == 0) return 0;
    fits &= !__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(length), &bytes);
  }
  return fits ? std::optional(bytes) : std::nullopt;
}

bool is_listed(const io::Variable& variable) { return !variable.is_pure_dimension; }

std::string dimension_name(const io::Dimension& dimension) {
  return dimension.path.starts_with('/') ? dimension.path.substr(1) : dimension.name;
}

std::string dimension_name(const io::Variable& variable, std::size_t axis) {
  const std::string name = axis < variable.dims.size() ? variable.dims[axis] : "";
  const std::string path = axis < variable.dim_paths.size() ? variable.dim_paths[axis] : "";
  const bool same = path.starts_with('/') && path.substr(path.rfind('/') + 1) == name;
  return same ? path.substr(1) : name;
}

std::string filter_name(const io::Filter& filter) {
  const std::string name = filter.name.substr(0, filter.name.find(';'));
  return name.empty() ? "filter " + std::to_string(filter.id) : name;
}

}  // namespace rankine::apps
