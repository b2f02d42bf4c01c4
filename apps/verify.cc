// verify: whether files can be read, chunk by chunk, alone or on many ranks.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

#include "apps/check_file.h"
#include "apps/program.h"
#include "apps/text.h"
#include "apps/verbs.h"
#include "io/probe.h"
#include "runtime/api/open.h"

namespace rankine::apps {
namespace {

using Json = nlohmann::ordered_json;

struct VerifyOptions {
  std::vector<std::string> files;
  bool json = false;
};

std::string finding_text(const char* label, const Finding& finding) {
  const std::string place = printable(finding.place) + (finding.place.empty() ? "" : ": ");
  return fmt::format("  {}: {}{}\n", label, place, printable(finding.what));
}

std::string figures_text(const FileCheck& check) {
  const double rate = check.seconds > 0 ? double(check.raw_bytes) / check.seconds / 1e6 : 0;
  return fmt::format("{}, {}, {} stored, {} raw, {:.0f} MB/s", counted(check.data_sets, "data set"),
                     counted(check.chunks, "chunk"), byte_size(check.stored_bytes),
                     byte_size(check.raw_bytes), rate);
}

std::string without_checksum_text(const std::vector<std::string>& data_sets) {
  constexpr std::size_t kMostNames = 8;
  const auto shown = std::span(data_sets).first(std::min(kMostNames, data_sets.size()));
  return fmt::format(
      "  no checksum, so changed values would go unnoticed: {}{}\n",
      printable(fmt::format("{}", fmt::join(shown, ", "))),
      shown.size() < data_sets.size() ? fmt::format(", ... ({} data sets)", data_sets.size()) : "");
}

std::string check_text(const FileCheck& check) {
  const std::string verdict = check.bad.empty() ? "whole" : fmt::format("{} bad", check.bad.size());
  std::string text =
      fmt::format("{}: {}, {}\n", printable(check.path), verdict, figures_text(check));
  for (const Finding& finding : check.bad) text += finding_text("bad", finding);
  if (!check.without_checksum.empty()) text += without_checksum_text(check.without_checksum);
  for (const Finding& finding : check.unchecked) text += finding_text("not checked", finding);
  return text;
}

Json findings_json(const std::vector<Finding>& findings) {
  Json list = Json::array();
  for (const Finding& finding : findings) {
    list.push_back({{"place", finding.place}, {"what", finding.what}});
  }
  return list;
}

Json check_json(const FileCheck& check) {
  return {{"path", check.path},
          {"whole", check.bad.empty()},
          {"data_sets", check.data_sets},
          {"chunks", check.chunks},
          {"stored_bytes", check.stored_bytes},
          {"raw_bytes", check.raw_bytes},
          {"seconds", check.seconds},
          {"bad", findings_json(check.bad)},
          {"without_checksum", check.without_checksum},
          {"not_checked", findings_json(check.unchecked)}};
}

// Each file is printed when it is done: a run over many may take hours.
void verify_files(Session& session, const VerifyOptions& options) {
  std::int64_t bad_files = 0;
  std::string remedy;
  Json list = Json::array();
  const io::KeptProbe kept;
  const std::vector<std::string> paths = api::files_named(options.files);
  for (const std::string& path : paths) {
    const FileCheck check = check_file(session, path);
    if (!check.bad.empty() && bad_files++ == 0) remedy = check.bad.front().remedy;
    if (options.json) list.push_back(check_json(check));
    else print_result(check_text(check));
  }
  if (options.json) {
    const Json& all = paths.size() == 1 ? list.front() : list;
    print_result(all.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  }
  if (bad_files == 0) return;
  throw input_error(fmt::format("{} of the files given cannot be read whole", bad_files), "",
                    remedy);
}

}  // namespace

void add_verify(Cli& cli) {
  const auto options = std::make_shared<VerifyOptions>();
  CLI::App& verb =
      cli.add_verb({"verify", "FILE... [--json] [options]",
                    "Decodes every chunk and checks checksums; exit code 3 if one is bad.",
                    "mpirun -n 4 rankine verify era5.nc"},
                   Ranks::kAll, [&cli, options] {
                     return run_with(run_settings(cli), [&](Session& session) {
                       show_progress(session);
                       verify_files(session, *options);
                     });
                   });
  verb.add_option("FILE", options->files, "HDF5 and netCDF-4 files, or a pattern as 'data/t_*.nc'")
      ->required();
  verb.add_flag("--json", options->json, "as JSON; several files give an array");
  add_run_options(verb, Runs::kOnlyReads);
}

}  // namespace rankine::apps
