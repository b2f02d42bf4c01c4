#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>

#include "apps/program.h"
#include "apps/sample_file.h"
#include "apps/text.h"
#include "apps/verbs.h"
#include "collectives/environment.h"
#include "io/publish.h"
#include "runtime/base/stop_signals.h"
#include "runtime/worker/team.h"

namespace rankine::apps {
namespace {

constexpr std::int64_t kLongestAxis = 100'000'000;  // its coordinates are held in memory

struct SampleOptions {
  std::string output;
  Sample sample;  // but for shape and chunk
  std::string shape = "365,361,720";
  std::string chunks = "24,91,180";
  int deflate = 4;
  std::string codec;
  bool overwrite = false;
  int threads = 0;
};

// Three counts: "365,361,720".
Extents parse_counts(const std::string& text, const std::string& option, std::int64_t least) {
  Extents counts;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (int i = 0; i < 3; ++i) {
    std::int64_t count = -1;
    const auto [next, failure] = std::from_chars(at, end, count);
    const bool separated = i < 2 ? next != end && *next == ',' : next == end;
    if (failure != std::errc() || !separated || count < least || count > kLongestAxis) {
      throw usage_error(fmt::format("{} wants three counts from {} to {}, not '{}'", option, least,
                                    kLongestAxis, text),
                        option + " 365,361,720");
    }
    counts.push_back(count);
    at = next + 1;
  }
  return counts;
}

Sample wanted_sample(const SampleOptions& options) {
  Sample sample = options.sample;
  const std::string level = "deflate-" + std::to_string(options.deflate);
  const std::string other = options.deflate == 0 ? "none" : level;
  sample.codec = io::parse_codec(options.codec.empty() ? other : options.codec);
  if (std::isnan(sample.missing)) throw usage_error("--missing wants a number from 0 to 1");
  sample.shape = parse_counts(options.shape, "--shape", 0);
  sample.chunk = parse_counts(options.chunks, "--chunks", 1);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::int64_t length = std::max<std::int64_t>(sample.shape[axis], 1);
    sample.chunk[axis] = std::min(sample.chunk[axis], length);
  }
  return sample;
}

int write_sample(const SampleOptions& options) {
  const Sample sample = wanted_sample(options);
  if (!options.overwrite && is_there(sample, options.output)) {
    fmt::print(stderr, "{}: already there, with {}\n", printable(options.output), sample.recipe());
    return 0;
  }
  const StopSignals signals;
  const io::OutputPaths paths = io::check_output(options.output, {}, options.overwrite);
  const io::OutputClaim claim(paths);
  if (claim.discarded()) {
    fmt::print(stderr, "{}: discarded what a dead run left\n", printable(options.output));
  }
  constexpr int kMostThreads = 4096;  // as --threads takes
  const int wanted = options.threads > 0 ? options.threads : collectives::default_threads();
  const int threads = std::min({wanted, kMostThreads, worker::most_threads()});
  bool written = false;
  try {
    written = write_sample(sample, paths, options.overwrite, threads);
  } catch (...) {
    io::remove_working_files(paths);
    throw;
  }
  io::remove_working_files(paths);
  return written ? 0 : 128 + StopSignals::received();
}

}  // namespace

void add_sample(Cli& cli) {
  const auto options = std::make_shared<SampleOptions>();
  CLI::App& verb =
      cli.add_verb({"sample", "-o FILE [options]", "Writes a temperature field to try things on.",
                    "rankine sample -o sample.nc --seed 1 --shape 365,361,720"},
                   Ranks::kFirstOnly, [options] { return write_sample(*options); });
  verb.add_option("-o,--output", options->output, "the file to write")
      ->required()
      ->type_name("FILE");
  verb.add_option("--seed", options->sample.seed, "of the noise")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->type_name("N");
  verb.add_option("--shape", options->shape, "days, latitudes, longitudes")
      ->capture_default_str()
      ->type_name("T,Y,X");
  verb.add_option("--chunks", options->chunks, "elements of a chunk")
      ->capture_default_str()
      ->type_name("T,Y,X");
  CLI::Option* deflate =
      verb.add_option("--deflate", options->deflate, "level of compression, 0 to 9")
          ->check(CLI::Range(0, 9))
          ->capture_default_str()
          ->type_name("N");
  verb.add_option("--codec", options->codec, "instead of deflate: as for eval")
      ->check([](const std::string& text) { return codec_problem(text); })
      ->excludes(deflate)
      ->type_name("CODEC");
  add_libver_option(verb, [options](io::Libver libver) { options->sample.libver = libver; });
  verb.add_option("--missing", options->sample.missing, "fraction of missing values, 0 to 1")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->type_name("FRACTION");
  verb.add_option("--threads", options->threads, "instead of OMP_NUM_THREADS, or of all cores")
      ->check(CLI::Range(1, 4096))
      ->type_name("N");
  verb.add_flag("--overwrite", options->overwrite, "replace a file that is there");
}

}  // namespace rankine::apps
