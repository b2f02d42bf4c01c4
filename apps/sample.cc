#include <fmt/format.h>
#include <fmt/ranges.h>
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstring>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

#include "apps/sample_field.h"
#include "apps/stop_signals.h"
#include "apps/text.h"
#include "apps/verbs.h"
#include "collectives/environment.h"
#include "io/encode.h"
#include "io/h5/netcdf_writer.h"
#include "io/log.h"
#include "io/output.h"
#include "io/probe.h"
#include "io/publish.h"
#include "io/settle.h"
#include "runtime/base/clock.h"

namespace rankine::apps {
namespace {

constexpr std::int64_t kLongestAxis = 100'000'000;  // its coordinates are held in memory
constexpr float kFill = 9.969209968386869e36f;      // netCDF's default
constexpr std::uint32_t kField = 3;                 // t2m among the variables
constexpr double kProgressSeconds = 0.2;

struct SampleOptions {
  std::string output;
  std::uint64_t seed = 1;
  std::string shape = "365,361,720";
  std::string chunks = "24,91,180";
  int deflate = 4;
  double missing = 0;
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

template <class T>
io::Numbers numbers(const std::vector<T>& values) {
  io::Numbers result{dtype_for<T>(), std::vector<std::byte>(values.size() * sizeof(T))};
  if (!values.empty()) std::memcpy(result.bytes.data(), values.data(), result.bytes.size());
  return result;
}

template <class T>
io::OutputVariable coordinate(const std::string& name, const std::vector<T>& values,
                              std::vector<io::Attribute> attributes) {
  io::OutputVariable variable;
  variable.name = name;
  variable.dtype = dtype_for<T>();
  variable.dims = {name};
  variable.shape = {static_cast<std::int64_t>(values.size())};
  variable.attributes = std::move(attributes);
  variable.inline_data = numbers(values).bytes;
  return variable;
}

io::Attribute text_attribute(std::string name, std::string value) {
  return {std::move(name), std::move(value)};
}

// What is to be written, and whether it is already there.
struct Sample {
  SampleOptions options;
  Extents shape;
  Extents chunk;
  std::string recipe;  // everything the bytes depend on, but for the versions of the libraries

  explicit Sample(const SampleOptions& asked)
      : options(asked), shape(parse_counts(asked.shape, "--shape", 0)),
        chunk(parse_counts(asked.chunks, "--chunks", 1)) {
    for (std::size_t axis = 0; axis < 3; ++axis) {
      chunk[axis] = std::min(chunk[axis], std::max<std::int64_t>(shape[axis], 1));
    }
    recipe = fmt::format("seed={} shape={} chunks={} deflate={} missing={} version={}",
                         options.seed, fmt::join(shape, ","), fmt::join(chunk, ","),
                         options.deflate, options.missing, RANKINE_VERSION);
  }
};

io::OutputVariable field_variable(const Sample& sample) {
  io::OutputVariable t2m;
  t2m.name = "t2m";
  t2m.dtype = DType::kFloat32;
  t2m.dims = {"time", "lat", "lon"};
  t2m.shape = sample.shape;
  t2m.chunk = sample.chunk;
  t2m.deflate = sample.options.deflate;
  if (sample.options.missing > 0) t2m.fill = numbers<float>({kFill});
  t2m.attributes = {text_attribute("standard_name", "air_temperature"),
                    text_attribute("long_name", "temperature at 2 m"),
                    text_attribute("units", "K"),
                    text_attribute("cell_methods", "time: point")};
  return t2m;
}

io::OutputFile output_file(const Sample& sample) {
  const SampleGrid grid = sample_grid(sample.shape);
  io::OutputFile file;
  file.dimensions = {{"time", sample.shape[0], true},
                     {"lat", sample.shape[1], false},
                     {"lon", sample.shape[2], false}};
  file.variables.push_back(
      coordinate("time", grid.hours,
                 {text_attribute("standard_name", "time"), text_attribute("axis", "T"),
                  text_attribute("units", "hours since 2000-01-01"),
                  text_attribute("calendar", "standard")}));
  file.variables.push_back(
      coordinate("lat", grid.lat,
                 {text_attribute("standard_name", "latitude"), text_attribute("axis", "Y"),
                  text_attribute("units", "degrees_north")}));
  file.variables.push_back(
      coordinate("lon", grid.lon,
                 {text_attribute("standard_name", "longitude"), text_attribute("axis", "X"),
                  text_attribute("units", "degrees_east")}));
  file.variables.push_back(field_variable(sample));
  file.attributes = {text_attribute("Conventions", "CF-1.8"),
                     text_attribute("title", "Synthetic temperature at 2 m, to try things on"),
                     text_attribute("rankine_sample", sample.recipe)};
  return file;
}

// A file that was derived from a sample may have its attributes, so the field is looked at too.
bool is_there(const Sample& sample) {
  std::error_code problem;
  if (!std::filesystem::is_regular_file(sample.options.output, problem)) return false;
  const auto probed = io::try_probe_files({sample.options.output});
  if (!probed.front().info) return false;
  const io::FileInfo& info = *probed.front().info;
  const auto same_recipe = [&](const io::Attribute& attribute) {
    const auto* text = std::get_if<std::string>(&attribute.value);
    return attribute.name == "rankine_sample" && text != nullptr && *text == sample.recipe;
  };
  const io::Variable* field = info.variable("/t2m");
  return std::ranges::any_of(info.attributes, same_recipe) && field != nullptr &&
         field->dtype == DType::kFloat32 && field->shape == sample.shape &&
         field->chunk == sample.chunk;
}

// One line on a terminal, rewritten in place; nothing elsewhere. One thread calls.
class ProgressLine {
 public:
  explicit ProgressLine(std::int64_t whole) : whole_(whole), shown_(stderr_is_terminal()) {}
  ~ProgressLine() {
    if (shown_) std::fputs("\r\x1b[K", stderr);
  }
  void update(std::int64_t done) {
    if (!shown_ || clock_.seconds() < next_) return;
    next_ = clock_.seconds() + kProgressSeconds;
    std::fprintf(stderr, "\rsample: %d %% ", static_cast<int>(100 * done / whole_));
    std::fflush(stderr);
  }

 private:
  std::int64_t whole_;
  bool shown_;
  Stopwatch clock_;
  double next_ = 0;
};

// Computes, encodes and logs every chunk of the field with a team of threads. Stops early at the
// first failure, which is thrown, and at a signal.
class ChunkWriter {
 public:
  ChunkWriter(const Sample& sample, const io::OutputVariable& variable, io::LogWriter& log)
      : variable_(variable), grid_(io::chunk_grid(variable)), log_(log),
        field_(sample.options.seed, sample.shape, sample.options.missing) {}

  void run(int threads) {
    ProgressLine progress(std::max<std::int64_t>(grid_.chunk_count(), 1));
#pragma omp parallel num_threads(threads)
    work(omp_get_thread_num() == 0 ? &progress : nullptr);
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void work(ProgressLine* progress) {
    try {
      io::EncodeScratch scratch;
      std::vector<float> elements(static_cast<std::size_t>(grid_.largest_chunk()));
      std::vector<std::byte> encoded;
      const std::int64_t chunks = grid_.chunk_count();
      for (std::int64_t chunk = next_++; chunk < chunks && !stopped(); chunk = next_++) {
        const Box box = grid_.chunk_box(coordinate_of(chunk, grid_.counts()));
        field_.fill(box, elements.data());
        io::encode_chunk(variable_, box, reinterpret_cast<const std::byte*>(elements.data()),
                         scratch, encoded);
        log_.append(kField, chunk, encoded);
        if (progress != nullptr) progress->update(chunk);
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      failed_ = true;
    }
  }
  bool stopped() const { return failed_ || StopSignals::received() != 0; }

  const io::OutputVariable& variable_;
  const ChunkGrid grid_;
  io::LogWriter& log_;
  const SampleField field_;
  std::atomic<std::int64_t> next_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;  // protects failure_
  std::exception_ptr failure_;
};

// The way every result takes, with one rank: log, part file, output. False if a signal came.
bool write(const Sample& sample, const io::OutputPaths& paths, int threads) {
  const io::OutputFile file = output_file(sample);
  io::check(file);
  io::LogWriter log(paths.log_folder, 0);
  ChunkWriter(sample, file.variables[kField], log).run(threads);
  log.close();
  if (StopSignals::received() != 0) return false;
  const auto settlement = io::place_chunks(file, {{log.records()}});
  io::create_part(paths.part);
  io::copy_segments(paths.log_folder, paths.part, io::plan_copies(settlement, 1).front());
  io::write_netcdf(paths.part, file, settlement.placements);
  if (StopSignals::received() != 0) return false;
  io::publish(paths.part, paths.final, sample.options.overwrite);
  return true;
}

int sample(const SampleOptions& options) {
  const Sample wanted(options);
  if (!options.overwrite && is_there(wanted)) {
    fmt::print(stderr, "{}: already there, with {}\n", printable(options.output), wanted.recipe);
    return 0;
  }
  const StopSignals signals;
  const io::OutputPaths paths = io::check_output(options.output, {}, options.overwrite);
  const io::OutputClaim claim(paths);
  const int threads = options.threads > 0 ? options.threads : collectives::default_threads();
  bool written = false;
  try {
    written = write(wanted, paths, threads);
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
  CLI::App& verb = cli.add_verb(
      {"sample", "-o FILE [options]",
       "Writes a synthetic temperature field, unless the same one is already there.",
       "rankine sample -o sample.nc --seed 1 --shape 365,361,720"},
      Ranks::kFirstOnly, [options] { return sample(*options); });
  verb.add_option("-o,--output", options->output, "the file to write")
      ->required()
      ->type_name("FILE");
  verb.add_option("--seed", options->seed, "of the noise")->capture_default_str()->type_name("N");
  verb.add_option("--shape", options->shape, "days, latitudes, longitudes")
      ->capture_default_str()
      ->type_name("T,Y,X");
  verb.add_option("--chunks", options->chunks, "elements of a chunk")
      ->capture_default_str()
      ->type_name("T,Y,X");
  verb.add_option("--deflate", options->deflate, "level of compression, 0 to 9")
      ->check(CLI::Range(0, 9))
      ->capture_default_str()
      ->type_name("N");
  verb.add_option("--missing", options->missing, "fraction of missing values, 0 to 1")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->type_name("FRACTION");
  verb.add_option("--threads", options->threads, "instead of those of OMP_NUM_THREADS, or all cores")
      ->check(CLI::Range(1, 4096))
      ->type_name("N");
  verb.add_flag("--overwrite", options->overwrite, "replace a file that is there");
}

}  // namespace rankine::apps
