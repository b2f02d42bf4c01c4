// How this executable was built and what it takes from its surroundings.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <omp.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "apps/text.h"
#include "apps/verbs.h"
#include "collectives/environment.h"
#include "collectives/mpi/version.h"
#include "io/codec/table.h"
#include "io/codec/version.h"
#include "io/h5/version.h"
#include "runtime/kernels/simd.h"

namespace rankine::apps {
namespace {

using Json = nlohmann::ordered_json;
using collectives::Surroundings;

const char* simd_name() {
  switch (kernels::simd_level()) {
    case kernels::Simd::kAvx2: return "AVX2";
    case kernels::Simd::kAvx512: return "AVX-512";
    case kernels::Simd::kBaseline: break;
  }
  return "baseline";
}

// The surroundings without the variables and files whose name begins with `prefix`.
Surroundings without(const std::string& prefix) {
  const Surroundings& all = Surroundings::of_process();
  const auto hiding = [prefix](const auto& read) {
    return [prefix, read](const std::string& name) {
      return name.starts_with(prefix) ? std::nullopt : read(name);
    };
  };
  return {hiding(all.variable), hiding(all.file), all.cores};
}

// A default comes from the source without which it would be another.
const char* threads_source() {
  return collectives::wished_threads() ? "OMP_NUM_THREADS"
                                       : "the affinity mask, divided by the ranks of the node";
}

std::string memory_source() {
  constexpr std::pair<const char*, const char*> kSources[] = {
      {"/sys/fs/cgroup", "the control group's limit"},
      {"SLURM_MEM", "Slurm's limit"},
      {"/proc/meminfo", "the memory available now"}};
  const std::int64_t memory = collectives::default_memory_bytes();
  std::string source = "a guess, for nothing is known";
  for (const auto& [prefix, name] : kSources) {
    if (collectives::default_memory_bytes(without(prefix)) != memory) source = name;
  }
  return "80 % of " + source + ", divided by the ranks of the node";
}

template <class Has>
Json filters_that(const Has& has) {
  Json names = Json::array();
  for (const io::KnownFilter& filter : io::known_filters()) {
    if (has(filter)) names.push_back(filter.name);
  }
  return names;
}

Json configuration() {
  const auto hdf5 = io::hdf5_version();
  Json codec_versions;
  for (const auto& [name, version] : io::codec_versions()) codec_versions[name] = version;
  // clang-format off
  return {{"version", RANKINE_VERSION},
          {"compiler", RANKINE_COMPILER},
          {"build_type", RANKINE_BUILD_TYPE},
          {"hdf5", {{"version", hdf5.library},
                    {"headers", hdf5.headers},
                    {"thread_safe", hdf5.thread_safe},
                    {"parallel", hdf5.parallel}}},
          {"mpi", {{"library", collectives::mpi_library()},
                   {"standard", collectives::mpi_standard()}}},
          {"openmp", _OPENMP},
          {"simd", simd_name()},
          {"codecs", codec_versions},
          {"features", {{"filters_decoded", filters_that([](const io::KnownFilter& filter) {
                           return io::decoded_here(filter.id);
                         })},
                        {"filters_through_hdf5", hdf5.filters},
                        {"filters_encoded", filters_that([](const io::KnownFilter& filter) {
                           return filter.label != nullptr;
                         })},
                        {"sanitizers", RANKINE_SANITIZERS}}},
          {"threads", {{"default", collectives::default_threads()}, {"from", threads_source()}}},
          {"memory", {{"default_bytes", collectives::default_memory_bytes()},
                      {"from", memory_source()}}}};
  // clang-format on
}

std::string text_of(const Json& config) {
  const auto text = [&](const char* pointer) {
    return config.at(Json::json_pointer(pointer)).get<std::string>();
  };
  const auto list = [&](const char* name) {
    return fmt::format("{}",
                       fmt::join(config["features"][name].get<std::vector<std::string>>(), " "));
  };
  std::string result;
  const auto line = [&](const char* label, const std::string& value) {
    result += fmt::format("{:<14} {}\n", label, value);
  };
  line("rankine", text("/version"));
  line("compiler", text("/compiler") + ", " + text("/build_type"));
  line("HDF5", fmt::format("{}, built with {}, {}, {}thread-safe", text("/hdf5/version"),
                           text("/hdf5/headers"),
                           config["hdf5"]["parallel"].get<bool>() ? "parallel" : "serial",
                           config["hdf5"]["thread_safe"].get<bool>() ? "" : "not "));
  const std::string mpi = text("/mpi/library");  // Open MPI adds its package and dates
  line("MPI", fmt::format("{}, standard {}", mpi.substr(0, mpi.find(", ")), text("/mpi/standard")));
  line("OpenMP", config["openmp"].dump());
  std::string codecs;
  for (const auto& [name, version] : config["codecs"].items()) {
    codecs += (codecs.empty() ? "" : ", ") + name + " " + version.get<std::string>();
  }
  line("codecs", codecs);
  line("vectors", text("/simd"));
  line("reads", list("filters_decoded"));
  line("through HDF5", list("filters_through_hdf5"));
  line("writes", list("filters_encoded"));
  if (!text("/features/sanitizers").empty()) line("sanitizers", text("/features/sanitizers"));
  line("threads", config["threads"]["default"].dump() + ", from " + text("/threads/from"));
  line("memory", byte_size(config["memory"]["default_bytes"].get<std::uint64_t>()) + ", " +
                     text("/memory/from"));
  return result;
}

}  // namespace

void add_config(Cli& cli) {
  const auto json = std::make_shared<bool>(false);
  CLI::App& verb =
      cli.add_verb({"config", "[--json]", "Shows how this executable was built and its defaults.",
                    "rankine config --json"},
                   Ranks::kFirstOnly, [json] {
                     const Json config = configuration();
                     print_result(*json ? config.dump(2) + "\n" : text_of(config));
                     return 0;
                   });
  verb.add_flag("--json", *json, "as JSON");
}

}  // namespace rankine::apps
