// Files of other people: climate models, satellites, telescopes, detectors, and the corpora of HDF5
// libraries. Every one is inspected; every data set of numbers is read twice, by us and by HDF5.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>

#include "io/h5/access.h"
#include "io/h5/slow_read.h"
#include "io/probe.h"
#include "io/reader.h"
#include "tests/support/data_files.h"
#include "tests/support/sanitized.h"

namespace rankine::io {
namespace {

using testing::data_files;

// Larger ones are read in part.
constexpr std::int64_t kMostElements = std::int64_t{1} << (testing::kSanitized ? 16 : 25);

// Of the data sets of one file; if there are more, some of them from all over the file. The library
// opens the file for each.
constexpr std::size_t kMostDatasets = testing::kSanitized ? 40 : SIZE_MAX;

// The first part of the shape, as much as memory should hold.
Box readable_part(const Extents& shape) {
  Box box = Box::whole(shape);
  for (std::size_t axis = 0; axis < box.rank(); ++axis) {
    const std::int64_t elements = saturated_volume(box.shape());
    if (elements <= kMostElements) break;
    const std::int64_t rest = elements / box.hi[axis];
    box.hi[axis] =
        std::clamp<std::int64_t>(kMostElements / std::max<std::int64_t>(rest, 1), 1, box.hi[axis]);
  }
  return box;
}

struct Counts {
  std::map<std::string, int> data_sets;  // by what became of them
  std::int64_t bytes = 0;
};

// One child for all data sets of a file; if one of them is refused, one for each.
std::map<std::string, ChunkMap> maps_of(const FileInfo& info,
                                        const std::vector<std::string>& paths) {
  std::vector<Dataset> datasets;
  for (const auto& path : paths) datasets.push_back(make_dataset(info, path));
  std::vector<const Dataset*> wanted;
  for (const Dataset& dataset : datasets) wanted.push_back(&dataset);
  std::map<std::string, ChunkMap> maps;
  try {
    auto all = probe_maps(wanted);
    for (std::size_t i = 0; i < paths.size(); ++i) maps[paths[i]] = std::move(all[i]);
  } catch (const Error&) {
    for (const Dataset* dataset : wanted) {
      try {
        maps[dataset->path] = std::move(probe_maps({dataset}).front());
      } catch (const Error& error) {
        EXPECT_EQ(error.exit_code, ExitCode::kInput) << error.block();
        std::printf("not indexed: %s", error.block().c_str());
      }
    }
  }
  return maps;
}

// The library keeps no bits of a NaN that it converts.
void make_nans_equal(std::vector<std::byte>& bytes) {
  for (std::size_t i = 0; i + sizeof(float) <= bytes.size(); i += sizeof(float)) {
    float value = 0;
    std::memcpy(&value, bytes.data() + i, sizeof(value));
    if (std::isnan(value)) std::memset(bytes.data() + i, 0xff, sizeof(value));
  }
}

// Without conventions, as the library returns the data.
void compare(const Dataset& dataset, ChunkMap map, Counts& counts) {
  SCOPED_TRACE(dataset.file + ":" + dataset.path);
  const Box box = readable_part(dataset.shape);
  const auto bytes = static_cast<std::size_t>(box.size()) * size_of(dataset.stored);
  std::vector<std::byte> ours(bytes + 1);
  std::vector<std::byte> theirs(bytes + 1);
  std::string our_error;
  try {
    ReadScratch scratch;
    ReadStats stats;
    DatasetReader(without_decoding(dataset), std::move(map)).read(box, ours.data(), scratch, stats);
  } catch (const Error& error) {
    our_error = error.block();
  }
  std::string their_error;
  try {
    SlowReader(dataset.file, dataset.path).read(box, theirs.data());
  } catch (const Error& error) {
    their_error = error.block();
  }
  if (dataset.direct && our_error.empty() && their_error.find("filter") != std::string::npos) {
    ++counts.data_sets["decoded here alone"];
    return;
  }
  EXPECT_EQ(our_error.empty(), their_error.empty()) << our_error << their_error;
  if (our_error.empty()) {
    if (dataset.element.half) make_nans_equal(ours);
    if (dataset.element.half) make_nans_equal(theirs);
    EXPECT_TRUE(ours == theirs);
  }
  for (const Filter& filter : dataset.filters) ++counts.data_sets["behind " + filter.name];
  ++counts.data_sets[dataset.direct ? "decoded here" : "read through the library"];
  counts.bytes += static_cast<std::int64_t>(bytes);
}

std::vector<std::string> some_of(const std::vector<std::string>& paths, std::size_t most) {
  if (paths.size() <= most) return paths;
  std::vector<std::string> some;
  for (std::size_t i = 0; i < most; ++i) some.push_back(paths[i * paths.size() / most]);
  return some;
}

void compare_all(const FileInfo& info, Counts& counts) {
  std::vector<std::string> paths;
  for (const auto& variable : info.variables) {
    try {
      const Dataset dataset = make_dataset(info, variable.path);
      // Paths are unique; a data set with several names is read under each.
      paths.push_back(dataset.path);
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code, ExitCode::kInput) << error.block();
      ++counts.data_sets[variable.dtype && !variable.null_space ? "refused" : "not numbers"];
    }
  }
  paths = some_of(paths, kMostDatasets);
  auto maps = maps_of(info, paths);
  counts.data_sets["refused"] += static_cast<int>(paths.size() - maps.size());
  for (auto& [path, map] : maps) {
    compare(make_dataset(info, path), std::move(map), counts);
  }
}

// The library lacks zstd; the makers stored the same numbers without it too.
TEST(RealFiles, BehindZstdHoldWhatTheirTwinsHold) {
  const std::string folder = RANKINE_DATA_DIR "/coverage/kerchunk/hdf5_";
  if (!std::filesystem::exists(folder + "mini_zstd.h5")) {
    GTEST_SKIP() << "the collection of real files is not at " RANKINE_DATA_DIR;
  }
  const auto contents = [&](const std::string& name) {
    const FileInfo info = probe_files({folder + name + ".h5"}).at(0);
    const Dataset dataset = make_dataset(info, "/data");
    EXPECT_TRUE(dataset.direct);
    std::vector<std::byte> out(static_cast<std::size_t>(volume(dataset.shape)) *
                               size_of(dataset.dtype));
    ReadScratch scratch;
    ReadStats stats;
    DatasetReader(dataset, std::move(probe_indexes(info.path, {"/data"}).front()))
        .read(Box::whole(dataset.shape), out.data(), scratch, stats);
    return out;
  };
  EXPECT_TRUE(contents("compression_zstd") == contents("compression_lz4"));
  EXPECT_TRUE(contents("mini_zstd") == contents("mini_lz4"));
  EXPECT_TRUE(contents("mini_shuffle_zstd") == contents("mini_blosc"));
}

TEST(RealFiles, AreInspectedAndReadAsTheLibraryReadsThem) {
  const auto files = data_files();
  if (files.empty()) GTEST_SKIP() << "the collection of real files is not at " RANKINE_DATA_DIR;
  const Access before = access();
  // What is decoded here needs no plugin; the library as the oracle does.
  set_access({.plugins = true, .external = true});
  Counts counts;
  int unreadable = 0;
  for (const auto& probed : try_probe_files(files)) {
    if (!probed.info) {
      ++unreadable;
      std::printf("not opened: %s", probed.error.block().c_str());
      continue;
    }
    compare_all(*probed.info, counts);
  }
  set_access(before);
  std::printf("%zu files, %d not opened, %.1f MB\n", files.size(), unreadable,
              static_cast<double>(counts.bytes) / 1e6);
  for (const auto& [what, count] : counts.data_sets) std::printf("  %5d %s\n", count, what.c_str());
  EXPECT_GT(counts.data_sets["decoded here"], testing::kSanitized ? 500 : 1000);
}

}  // namespace
}  // namespace rankine::io
