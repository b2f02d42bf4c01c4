// Outputs to be written in tests, with the data they must be read back with.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "io/h5/output_spec.h"

namespace rankine::io::test {

using Contents = std::vector<std::byte>;  // of one variable, row-major

class TempFolder {
 public:
  explicit TempFolder(const std::string& parent = "/tmp") {
    std::string pattern = parent + "/rankine-test-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = pattern;
  }
  TempFolder(const TempFolder&) = delete;
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct CommandResult {
  int status;        // exit code, or 128 + signal
  std::string text;  // stdout and stderr
};

inline CommandResult run_command(const std::string& command) {
  FILE* pipe = ::popen(("{ " + command + "\n} 2>&1").c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("popen failed");
  CommandResult result{0, {}};
  char block[4096];
  while (const std::size_t got = std::fread(block, 1, sizeof block, pipe)) {
    result.text.append(block, got);
  }
  const int status = ::pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

inline Contents read_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary | std::ios::ate);
  if (!stream) throw std::runtime_error("cannot read " + path);
  Contents bytes(static_cast<std::size_t>(stream.tellg()));
  stream.seekg(0);
  stream.read(reinterpret_cast<char*>(bytes.data()), std::streamsize(bytes.size()));
  if (!stream) throw std::runtime_error("cannot read " + path);
  return bytes;
}

inline void write_file(const std::string& path, std::span<const std::byte> bytes) {
  std::ofstream stream(path, std::ios::binary);
  stream.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
  if (!stream.flush()) throw std::runtime_error("cannot write " + path);
}

template <class T>
Numbers numbers(std::vector<T> values) {
  Numbers result{dtype_for<T>(), Contents(values.size() * sizeof(T))};
  const auto* bytes = reinterpret_cast<const std::byte*>(values.data());
  std::copy_n(bytes, result.bytes.size(), result.bytes.begin());
  return result;
}

template <class T>
Contents bytes_of(const std::vector<T>& values) {
  return numbers(values).bytes;
}

inline Contents random_contents(DType dtype, std::int64_t count, std::mt19937_64& random,
                                bool with_nan = false) {
  Contents bytes(static_cast<std::size_t>(count) * size_of(dtype));
  visit_dtype(dtype, [&]<class T>(TypeTag<T>) {
    for (std::int64_t i = 0; i < count; ++i) {
      T value;
      if constexpr (std::is_floating_point_v<T>) {
        value = static_cast<T>(static_cast<double>(random() % 10000) / 8 - 300);
        if (with_nan && random() % 5 == 0) value = std::numeric_limits<T>::quiet_NaN();
      } else if constexpr (std::is_same_v<T, bool>) {
        value = random() % 2 == 0;
      } else {
        value = static_cast<T>(random());
      }
      std::memcpy(bytes.data() + static_cast<std::size_t>(i) * sizeof(T), &value, sizeof value);
    }
  });
  return bytes;
}

// The elements of a box of `contents`, element by element: slow and plainly right.
inline Contents cut(const Contents& contents, const Extents& shape, const Box& box,
                    std::size_t size) {
  Contents out;
  if (box.empty()) return out;
  const Extents lengths = box.shape();
  out.resize(static_cast<std::size_t>(volume(lengths)) * size);
  std::byte* to = out.data();
  Extents at(shape.size(), 0);
  do {
    Extents element = at;
    for (std::size_t axis = 0; axis < at.size(); ++axis) element[axis] += box.lo[axis];
    const auto from = static_cast<std::size_t>(position_of(element, shape)) * size;
    std::memcpy(to, contents.data() + from, size);
    to += size;
  } while (next_coordinate(at, lengths));
  return out;
}

inline OutputVariable variable(std::string name, DType dtype, std::vector<std::string> dims,
                               Extents shape, Extents chunk) {
  OutputVariable result;
  result.name = std::move(name);
  result.dtype = dtype;
  result.dims = std::move(dims);
  result.shape = shape;
  result.chunk = chunk;
  return result;
}

inline OutputVariable inline_variable(std::string name, DType dtype, std::vector<std::string> dims,
                                      Extents shape, Contents data) {
  OutputVariable result = variable(std::move(name), dtype, std::move(dims), shape, {});
  result.inline_data = std::move(data);
  return result;
}

struct Sample {
  OutputFile file;
  std::vector<Contents> contents;  // by variable, before NaN is replaced
};

// A climate file as users have them: an unlimited time axis with bounds, coordinates, a field with
// missing values and ragged chunks, a mask, counts and a scalar.
inline Sample climate_sample(std::uint64_t seed, std::int64_t times = 7) {
  std::mt19937_64 random(seed);
  constexpr std::int64_t kLat = 10, kLon = 13;
  Sample sample;
  sample.file.dimensions = {
      {"time", times, true}, {"bnds", 2, false}, {"lat", kLat, false}, {"lon", kLon, false}};
  std::vector<double> time, bounds, lat, lon;
  for (std::int64_t i = 0; i < times; ++i) {
    time.push_back(double(i) + 0.5);
    bounds.insert(bounds.end(), {double(i), double(i) + 1});
  }
  for (std::int64_t i = 0; i < kLat; ++i) lat.push_back(-45 + 10 * double(i));
  for (std::int64_t i = 0; i < kLon; ++i) lon.push_back(25 * double(i));
  const auto add = [&](OutputVariable v, Contents contents) {
    sample.file.variables.push_back(std::move(v));
    sample.contents.push_back(std::move(contents));
  };
  const auto add_inline = [&](const std::string& name, std::vector<std::string> dims, Extents shape,
                              const std::vector<double>& values,
                              std::vector<Attribute> attributes) {
    OutputVariable v = inline_variable(name, DType::kFloat64, dims, shape, bytes_of(values));
    v.attributes = std::move(attributes);
    add(v, *v.inline_data);
  };
  add_inline("time", {"time"}, {times}, time,
             {{"standard_name", std::string("time")},
              {"units", std::string("days since 2001-01-01")},
              {"calendar", std::string("standard")},
              {"bounds", std::string("time_bnds")}});
  add_inline("time_bnds", {"time", "bnds"}, {times, 2}, bounds, {});
  add_inline("lat", {"lat"}, {kLat}, lat, {{"units", std::string("degrees_north")}});
  add_inline("lon", {"lon"}, {kLon}, lon, {{"units", std::string("degrees_east")}});

  OutputVariable t2m = variable("t2m", DType::kFloat32, {"time", "lat", "lon"}, {times, kLat, kLon},
                                {std::min<std::int64_t>(times, 2), 4, 5});
  t2m.fill = numbers<float>({9.96921e36f});
  t2m.attributes = {{"units", std::string("K")},
                    {"long_name", std::string("Température à 2 m")},
                    {"flags", std::vector<std::string>{"good", "schlecht"}},
                    {"empty", std::string()},
                    {"range", numbers<float>({1, 2, 3})},
                    {"one", numbers<std::int32_t>({42})}};
  add(t2m, random_contents(DType::kFloat32, volume(t2m.shape), random, true));
  OutputVariable mask = variable("mask", DType::kBool, {"lat", "lon"}, {kLat, kLon}, {kLat, kLon});
  add(mask, random_contents(DType::kBool, volume(mask.shape), random));
  OutputVariable counts =
      variable("counts", DType::kInt64, {"time", "lon"}, {times, kLon}, {1, kLon});
  add(counts, random_contents(DType::kInt64, volume(counts.shape), random));
  add_inline("height", {}, {}, {2.0}, {{"units", std::string("m")}});
  sample.file.attributes = {{"title", std::string("a sample")},
                            {"history", std::string("Mon Jan 1: rankine eval\nolder line")}};
  return sample;
}

// A NumPy program that compares the file with the contents, written beside it as raw bytes.
inline CommandResult compare_with_h5py(const std::string& path, const Sample& sample,
                                       const TempFolder& folder) {
  std::ofstream script(folder / "compare.py");
  script << "import h5py, numpy as np, sys\nf = h5py.File('" << path << "')\n"
         << "def same(name, dtype, shape, raw, fill):\n"
         << "  want = np.fromfile(raw, dtype).reshape(shape)\n"
         << "  if fill is not None: want = np.where(np.isnan(want), np.array(fill, dtype), want)\n"
         << "  got = f[name]\n"
         << "  assert got.dtype == want.dtype, (name, got.dtype)\n"
         << "  assert got.shape == want.shape, (name, got.shape)\n"
         << "  assert got[()].tobytes() == want.tobytes(), name\n";
  for (std::size_t i = 0; i < sample.file.variables.size(); ++i) {
    const OutputVariable& v = sample.file.variables[i];
    const std::string raw = folder / ("raw." + std::to_string(i));
    write_file(raw, sample.contents[i]);
    const DType stored = v.dtype == DType::kBool ? DType::kInt8 : v.dtype;
    script << "same('" << v.name << "', '" << name_of(stored) << "', " << to_string(v.shape)
           << ", '" << raw << "', "
           << (v.fill && is_float(v.dtype) ? "f['" + v.name + "'].attrs['_FillValue'][0]" : "None")
           << ")\n";
  }
  script << "print('same')\n";
  script.close();
  return run_command("/usr/bin/python3 " + (folder / "compare.py"));
}

}  // namespace rankine::io::test
