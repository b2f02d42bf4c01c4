// Input that is cut, flipped or lies about itself: always an error that names the place, never a
// crash, a hang or a wrong number that a checksum could have told.
#include <gtest/gtest.h>

#include <cstdio>
#include <random>

#include "io/h5/inspect.h"
#include "io/h5/record_driver.h"
#include "io/probe.h"
#include "io/reader.h"
#include "tests/io/h5/python_file.h"
#include "tests/support/sanitized.h"

namespace rankine::io {
namespace {

using namespace test;

// Two data sets behind checksums (deflate has its own), attributes in the global heap, groups.
constexpr const char* kFile = R"(
f = h5py.File(path, 'w')
x = rng.integers(0, 40, (6, 9, 10)).astype('f4')
f.create_dataset('zip', data=x, chunks=(2, 4, 5), compression=4, shuffle=True)
f.create_dataset('sum', data=x, chunks=(2, 4, 5), fletcher32=True)
f['plain'] = x
for i in range(6): f['zip'].attrs[f'text{i}'] = 'some text ' * i
f['g/h/scalar'] = 1.0
f['zip'].dims[0].label = 'time'
f['t'] = np.arange(6); f['t'].make_scale('t'); f['zip'].dims[0].attach_scale(f['t'])
f.close())";

Contents read_whole(const FileInfo& info, const std::string& path, ChunkIndex index) {
  const DatasetReader reader(make_dataset(info, path), std::move(index));
  const auto& dataset = reader.dataset();
  Contents out(static_cast<std::size_t>(volume(dataset.shape)) * size_of(dataset.dtype));
  ReadScratch scratch;
  ReadStats stats;
  reader.read(Box::whole(dataset.shape), out.data(), scratch, stats);
  return out;
}

FileInfo retouched(FileInfo info, const std::string& path) {
  const FileInfo now = inspect(path);
  info.path = path;
  info.size = now.size;
  info.mtime_ns = now.mtime_ns;
  return info;
}

TEST(DamagedInput, AFlippedBitOfAChunkBehindAChecksumIsAnErrorThatNamesTheChunk) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.h5", kFile);
  const Contents good = read_file(path);
  const FileInfo info = inspect(path);
  const std::string bad = folder / "bad.h5";
  std::mt19937_64 random(5);
  for (const auto& [name, message] :
       {std::pair{"/zip", "corrupt deflate stream"}, {"/sum", "wrong fletcher32 checksum"}}) {
    const ChunkIndex index = record_index(path, name);
    ASSERT_EQ(index.size(), 18u);
    const Contents expected = read_whole(info, name, index);
    int harmless = 0;
    for (int i = 0; i < 150; ++i) {
      const std::size_t chunk = random() % index.size();
      Contents bytes = good;
      const std::size_t at = index[chunk].address + random() % index[chunk].size;
      bytes[at] ^= static_cast<std::byte>(1u << (random() % 8));
      write_file(bad, bytes);
      Error error;
      try {
        // The last byte of a deflate stream has bits that nothing uses.
        EXPECT_TRUE(read_whole(retouched(info, bad), name, index) == expected) << "wrong numbers";
        ++harmless;
        continue;
      } catch (const Error& thrown) {
        error = thrown;
      }
      EXPECT_EQ(error.exit_code, ExitCode::kInput);
      EXPECT_EQ(error.message, message);
      EXPECT_EQ(error.where,
                bad + ":" + name + ", chunk " +
                    to_string(coordinate_of(static_cast<std::int64_t>(chunk), {3, 3, 2})));
    }
    EXPECT_LT(harmless, 15) << name;
  }
}

TEST(DamagedInput, AnIndexThatLiesIsAnError) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.h5", kFile);
  const FileInfo info = inspect(path);
  const ChunkIndex good = record_index(path, "/zip");
  const auto refusal = [&](std::size_t chunk, const ChunkExtent& extent) {
    ChunkIndex index = good;
    index[chunk] = extent;
    return error_of([&] { read_whole(info, "/zip", index); });
  };
  EXPECT_EQ(refusal(3, {good[3].address, good[3].size - 1, 0}).message, "corrupt deflate stream");
  EXPECT_EQ(refusal(3, {good[3].address + 1, good[3].size, 0}).message, "corrupt deflate stream");
  EXPECT_EQ(refusal(3, {good[3].address, 0, 0}).message, "corrupt deflate stream");
  EXPECT_NE(refusal(3, {good[3].address, good[3].size, 2}).message.find("bytes instead of"),
            std::string::npos);
  EXPECT_NE(refusal(3, {info.size - 5, 100, 0}).message.find("the file ends at"),
            std::string::npos);
  EXPECT_NE(refusal(3, {good[3].address, 4'000'000'000u, 0}).message.find("larger than it can be"),
            std::string::npos);
  EXPECT_EQ(refusal(3, {~std::uint64_t{0} - 5, 100, 0}).exit_code, ExitCode::kInput);
  EXPECT_EQ(refusal(3, {good[3].address, good[3].size - 1, 0}).where,
            path + ":/zip, chunk (0, 1, 1)");
  ChunkIndex shorter = good;
  shorter.pop_back();
  EXPECT_NE(error_of([&] { read_whole(info, "/zip", shorter); }).message.find("17 entries"),
            std::string::npos);
}

// What a whole run would do with one file. Returns what came of it.
enum class Outcome { kSame, kDifferent, kRefused };

Outcome run_on(const Probed& probed, const std::string& name, const Contents& expected) {
  if (!probed.info) {
    EXPECT_EQ(probed.error.exit_code, ExitCode::kInput) << probed.error.block();
    EXPECT_NE(probed.error.where, "");
    return Outcome::kRefused;
  }
  try {
    auto index = probe_indexes(probed.info->path, {name}).at(0);
    const Dataset dataset = make_dataset(*probed.info, name);
    if (!dataset.direct || volume(dataset.shape) > 1'000'000) return Outcome::kDifferent;
    const bool same = read_whole(*probed.info, name, std::move(index)) == expected;
    return same ? Outcome::kSame : Outcome::kDifferent;
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code, ExitCode::kInput) << error.block();
    return Outcome::kRefused;
  }
}

TEST(DamagedInput, ACutFileIsAnError) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.h5", kFile);
  const Contents good = read_file(path);
  std::vector<std::string> paths;
  for (std::size_t length = 0; length < good.size(); length += 211) {
    paths.push_back(folder / ("cut." + std::to_string(length)));
    write_file(paths.back(), std::span(good).first(length));
  }
  for (const auto& probed : try_probe_files(paths)) {
    EXPECT_FALSE(probed.info.has_value());
    EXPECT_EQ(probed.error.exit_code, ExitCode::kInput);
  }
}

TEST(DamagedInput, FlippedBytesAnywhereNeverCrashThisProcess) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.h5", kFile);
  const Contents good = read_file(path);
  const Contents expected = read_whole(inspect(path), "/zip", record_index(path, "/zip"));
  const unsigned seed = std::random_device{}();
  std::printf("seed %u, %zu bytes\n", seed, good.size());
  std::mt19937_64 random(seed);
  constexpr int kFiles = testing::repeats(400);
  std::vector<std::string> paths;
  for (int i = 0; i < kFiles; ++i) {
    Contents bytes = good;
    for (std::uint64_t flips = 1 + random() % 3; flips > 0; --flips) {
      bytes[random() % bytes.size()] ^= static_cast<std::byte>(1 + random() % 255);
    }
    paths.push_back(folder / ("flipped." + std::to_string(i)));
    write_file(paths.back(), bytes);
  }
  int counts[3] = {};
  int crashes = 0;
  for (const auto& probed : try_probe_files(paths, {.timeout_ms = 5000})) {
    crashes += !probed.info && probed.error.message.starts_with("the HDF5 library");
    ++counts[static_cast<int>(run_on(probed, "/zip", expected))];
  }
  std::printf("same %d, different %d, refused %d, of these crashed or hung %d\n", counts[0],
              counts[1], counts[2], crashes);
  EXPECT_GT(counts[0], kFiles / 4) << "most bytes are none of this data set's";
  EXPECT_GT(counts[2], kFiles / 40);
}

}  // namespace
}  // namespace rankine::io
