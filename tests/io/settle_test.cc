#include "io/settle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <thread>

#include "io/encode.h"
#include "io/fixed_places.h"
#include "io/h5/netcdf_writer.h"
#include "io/publish.h"
#include "tests/io/h5/sample_output.h"
#include "tests/support/small_disk.h"

namespace rankine::io {
namespace {

using namespace test;

struct ChunkName {
  std::uint32_t variable;
  std::int64_t chunk;
};

std::vector<ChunkName> logged_chunks(const OutputFile& file) {
  std::vector<ChunkName> chunks;
  for (std::uint32_t v = 0; v < file.variables.size(); ++v) {
    if (!is_logged(file.variables[v])) continue;
    const std::int64_t count = chunk_grid(file.variables[v]).chunk_count();
    for (std::int64_t chunk = 0; chunk < count; ++chunk) chunks.push_back({v, chunk});
  }
  return chunks;
}

// Encodes and logs one rank's chunks with two threads, in whatever order they get to it.
std::vector<LogRecord> log_chunks(const Sample& sample, const std::vector<ChunkName>& chunks,
                                  const std::string& folder, int rank, const PartPlaces& part) {
  LogWriter log(folder, rank, {}, part);
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    EncodeScratch scratch;
    Contents out;
    for (std::size_t i = next++; i < chunks.size(); i = next++) {
      const OutputVariable& v = sample.file.variables[chunks[i].variable];
      const ChunkGrid grid = chunk_grid(v);
      const Box box = grid.chunk_box(coordinate_of(chunks[i].chunk, grid.counts()));
      const Contents dense =
          cut(sample.contents[chunks[i].variable], v.shape, box, size_of(v.dtype));
      encode_chunk(v, box, dense.data(), scratch, out);
      log.append(chunks[i].variable, chunks[i].chunk, out);
    }
  };
  std::thread other(work);
  work();
  other.join();
  log.close();
  return log.records();
}

// The whole way of an output, with `ranks` ranks that got their chunks by lot. straight: what has a
// place goes there at once.
void write_output(const Sample& sample, const std::string& path, int ranks, std::uint64_t seed,
                  bool straight = false) {
  const OutputPaths paths = check_output(path, {}, false);
  const OutputClaim claim(paths);
  PartPlaces part;
  if (straight) part = {paths.part, fixed_places(sample.file)};
  if (straight) prepare_part(part, false);
  if (part.places.empty()) part.part.clear();
  std::mt19937_64 random(seed);
  std::vector<ChunkName> chunks = logged_chunks(sample.file);
  if (seed != 0) std::shuffle(chunks.begin(), chunks.end(), random);
  std::vector<std::vector<LogRecord>> logs;
  for (int rank = 0; rank < ranks; ++rank) {
    std::vector<ChunkName> mine;
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      if (int(i % std::size_t(ranks)) == rank) mine.push_back(chunks[i]);
    }
    logs.push_back(log_chunks(sample, mine, paths.log_folder, rank, part));
    if (seed != 0) std::shuffle(logs.back().begin(), logs.back().end(), random);
  }
  const Settlement settlement = place_chunks(sample.file, logs);
  if (part.places.empty()) create_part(paths.part);
  std::vector<std::thread> copiers;
  for (const auto& list : plan_copies(settlement, ranks)) {
    copiers.emplace_back([&paths, list] { copy_segments(paths.log_folder, paths.part, list); });
  }
  for (std::thread& copier : copiers) copier.join();
  write_netcdf(paths.part, sample.file, settlement.placements);
  publish(paths.part, paths.final, false);
  EXPECT_TRUE(remove_working_files(paths));
}

std::string message_of(const OutputFile& file, const std::vector<std::vector<LogRecord>>& logs) {
  try {
    place_chunks(file, logs);
  } catch (const Error& error) {
    return error.message;
  }
  return "no error";
}

TEST(Settle, GivesTheSameFileForAnyNumberOfRanksAndAnyOrder) {
  TempFolder folder;
  const Sample sample = climate_sample(21, 40);
  write_output(sample, folder / "one.nc", 1, 0);
  const Contents one = read_file(folder / "one.nc");
  for (const int ranks : {1, 2, 3, 7}) {
    const std::string path = folder / ("out" + std::to_string(ranks) + ".nc");
    write_output(sample, path, ranks, 100 + std::uint64_t(ranks));
    EXPECT_EQ(read_file(path), one) << ranks;
    EXPECT_EQ(run_command("cmp " + path + " " + (folder / "one.nc")).status, 0);
  }
  EXPECT_EQ(compare_with_h5py(folder / "one.nc", sample, folder).text, "same\n");
  std::size_t left = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    left += entry.path().string().find(".rankine") != std::string::npos ||
            entry.path().extension() == ".part";
  }
  EXPECT_EQ(left, 0u);
}

TEST(Settle, WritesCompressedFilesThatAllReadersUnderstand) {
  TempFolder folder;
  const Sample sample = climate_sample(22, 30);
  const std::string path = folder / "out.nc";
  write_output(sample, path, 2, 5);
  for (const std::string& command :
       {"ncdump " + path + " > /dev/null", "ncks -O " + path + " " + (folder / "copy.nc"),
        "cdo -s sinfo " + path, "cdo -s timmean -selname,t2m " + path + " " + (folder / "tm.nc"),
        "h5repack -f NONE " + path + " " + (folder / "plain.nc"),
        "h5diff " + path + " " + (folder / "plain.nc"), "h5stat " + path,
        "ncatted -h -O -a units,t2m,o,c,degC " + path,
        "ncrename -h -O -v t2m,temperature " + path}) {
    const CommandResult result = run_command(command);
    EXPECT_EQ(result.status, 0) << command << "\n" << result.text;
  }
  const std::string header = run_command("ncdump -hs " + path).text;
  EXPECT_NE(header.find("temperature:_DeflateLevel = 4"), std::string::npos) << header;
  EXPECT_NE(header.find("temperature:_Shuffle = \"true\""), std::string::npos) << header;
  EXPECT_EQ(header.find("mask:_Shuffle"), std::string::npos) << header;
  for (const std::string engine : {"netcdf4", "h5netcdf"}) {
    const CommandResult result =
        run_command("/usr/bin/python3 -c \"import xarray\nd = xarray.open_dataset('" + path +
                    "', engine='" + engine + "').load()\nprint(d.temperature.attrs['units'])\"");
    EXPECT_EQ(result.text, "degC\n") << engine;
  }
}

// Filters change the sizes that the indexes of HDF5 1.10 keep.
TEST(Settle, WritesCompressedFilesOfHdf5110) {
  TempFolder folder;
  Sample sample = climate_sample(23, 30);
  sample.file.libver = Libver::kV110;
  write_output(sample, folder / "a.nc", 2, 5);
  write_output(sample, folder / "b.nc", 3, 6);
  EXPECT_EQ(read_file(folder / "a.nc"), read_file(folder / "b.nc"));
  EXPECT_EQ(compare_with_h5py(folder / "a.nc", sample, folder).text, "same\n");
  for (const std::string command : {"ncdump ", "h5stat ", "ncatted -h -O -a units,t2m,o,c,degC "}) {
    const CommandResult result = run_command(command + (folder / "a.nc") + " > /dev/null");
    EXPECT_EQ(result.status, 0) << command << "\n" << result.text;
  }
}

TEST(Settle, WritesChunksOfEverySize) {
  TempFolder folder;
  std::mt19937_64 random(9);
  Sample sample;
  sample.file.dimensions = {{"x", 700'000, false}, {"y", 9, false}};
  for (const std::int64_t chunk : {std::int64_t{300'000}, std::int64_t{50'000}}) {
    sample.file.variables.push_back(
        variable("v" + std::to_string(chunk), DType::kInt32, {"x"}, {700'000}, {chunk}));
    sample.contents.push_back(random_contents(DType::kInt32, 700'000, random));
  }
  sample.file.variables.push_back(variable("small", DType::kInt8, {"y"}, {9}, {1}));
  sample.contents.push_back(random_contents(DType::kInt8, 9, random));
  write_output(sample, folder / "a.nc", 3, 1);
  write_output(sample, folder / "b.nc", 2, 2);
  EXPECT_EQ(read_file(folder / "a.nc"), read_file(folder / "b.nc"));
  EXPECT_EQ(compare_with_h5py(folder / "a.nc", sample, folder).text, "same\n");
}

// The log is the oracle. Behind a variable with filters no place is known.
TEST(Settle, GivesTheSameFileIfChunksGoStraightToTheirPlaces) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  TempFolder folder;
  for (int round = 0; round < 6; ++round) {
    Sample sample;
    sample.file.dimensions = {{"x", 70, false}, {"t", 50, true}};
    for (int i = 0; i < 4; ++i) {
      OutputVariable v =
          variable("v" + std::to_string(i), static_cast<DType>(random() % kDTypeCount), {"t", "x"},
                   {50, 70}, {1 + int(random() % 50), 1 + int(random() % 70)});
      v.shuffle = false;
      v.codec = parse_codec(i < round % 5 ? "none" : "deflate-1");
      if (i == 3) v.codec = parse_codec("none");
      sample.contents.push_back(random_contents(v.dtype, volume(v.shape), random));
      sample.file.variables.push_back(std::move(v));
    }
    const std::string name = folder / std::to_string(round);
    write_output(sample, name + "log.nc", 1, 0);
    for (const int ranks : {1, 2, 3}) {
      const std::string path = name + "straight" + std::to_string(ranks) + ".nc";
      write_output(sample, path, ranks, random(), true);
      ASSERT_EQ(read_file(path), read_file(name + "log.nc")) << round << " " << ranks;
    }
  }
}

TEST(Settle, CopiesBetweenFileSystemsToo) {
  if (!std::filesystem::is_directory("/dev/shm")) GTEST_SKIP() << "there is no /dev/shm";
  TempFolder logs("/dev/shm"), folder;
  std::mt19937_64 random(10);
  LogWriter log(logs / "logs", 0);
  const Contents large = random_contents(DType::kUInt8, 9'000'000, random);
  const Contents small = random_contents(DType::kUInt8, 100, random);
  log.append(0, 0, large);
  log.append(0, 1, small);
  log.close();
  create_part(folder / "part");
  const auto& r = log.records();
  const std::vector<CopySegment> segments = {{0, r[0].offset, 4096, r[0].size},
                                             {0, r[1].offset, 4096 + r[0].size, r[1].size}};
  copy_segments(logs / "logs", folder / "part", segments);
  Contents want(4096);
  want.insert(want.end(), large.begin(), large.end());
  want.insert(want.end(), small.begin(), small.end());
  EXPECT_EQ(read_file(folder / "part"), want);
}

TEST(Settle, RefusesChunksThatAreMissingTwiceThereOrUnknown) {
  OutputFile file;
  file.dimensions = {{"x", 10, false}};
  file.variables = {inline_variable("x", DType::kInt8, {"x"}, {10}, Contents(10)),
                    variable("a", DType::kInt8, {"x"}, {10}, {4}),
                    variable("b", DType::kInt8, {"x"}, {10}, {10})};
  const auto record = [](std::uint32_t v, std::int64_t chunk) {
    return LogRecord{v, 0, chunk, 0, 48, 5, 0};
  };
  const std::vector<std::vector<LogRecord>> whole = {{record(2, 0), record(1, 1)},
                                                     {record(1, 2), record(1, 0)}};
  EXPECT_EQ(message_of(file, whole), "no error");
  auto logs = whole;
  logs[0].pop_back();
  EXPECT_EQ(message_of(file, logs), "chunk 1 of a was not written");
  logs = whole;
  logs[0].erase(logs[0].begin());
  EXPECT_EQ(message_of(file, logs), "chunk 0 of b was not written");
  logs = whole;
  logs[1].push_back(record(1, 1));
  EXPECT_EQ(message_of(file, logs), "no error");
  logs[1].back().checksum = 1;
  EXPECT_EQ(message_of(file, logs), "chunk 1 of a was written twice, with other bytes");
  logs[1].back().graph = 1;  // a state
  EXPECT_EQ(message_of(file, logs), "no error");
  for (const LogRecord& stray : {record(1, 3), record(1, -1), record(3, 0), record(0, 0)}) {
    logs = whole;
    logs[1].push_back(stray);
    EXPECT_EQ(message_of(file, logs), "log 1 holds a chunk that the output does not have");
  }
  const Settlement settlement = place_chunks(file, whole);
  ASSERT_EQ(settlement.placements.size(), 4u);
  EXPECT_EQ(settlement.placements[0], (Placement{1, 0, 0, 4096, 5}));
  EXPECT_EQ(settlement.placements[3], (Placement{2, 0, 0, 4111, 5}));
  EXPECT_EQ(settlement.data_end, 4116u);
}

TEST(Settle, CopiesEveryByteOnceAndNoPageByTwoRanks) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    const int ranks = 1 + int(random() % 5);
    const int first_log = int(random() % 4);  // those before it are of earlier runs
    const int log_count = first_log + ranks;
    const std::uint64_t largest = std::uint64_t{1} << (1 + random() % 19);
    Settlement settlement;
    std::vector<std::uint64_t> log_end(std::size_t(log_count), 0);
    for (std::size_t chunks = random() % 60; chunks > 0; --chunks) {
      const auto log = static_cast<std::int32_t>(random() % std::uint64_t(log_count));
      const auto size = static_cast<std::uint32_t>(1 + random() % largest);
      settlement.placements.push_back({0, 0, 0, settlement.data_end, size});
      settlement.sources.push_back({log, log_end[std::size_t(log)] + 40});
      log_end[std::size_t(log)] += 40 + size;
      settlement.data_end += size;
    }
    std::map<std::uint64_t, CopySegment> by_address;
    std::map<std::uint64_t, std::size_t> page_rank;
    const auto lists = plan_copies(settlement, ranks, first_log);
    ASSERT_EQ(lists.size(), std::size_t(ranks));
    for (std::size_t rank = 0; rank < lists.size(); ++rank) {
      for (const CopySegment& s : lists[rank]) {
        by_address[s.address] = s;
        for (std::uint64_t page = s.address / kSettlePage;
             page <= (s.address + s.size - 1) / kSettlePage; ++page) {
          ASSERT_EQ(page_rank.emplace(page, rank).first->second, rank);
        }
      }
    }
    std::uint64_t at = kDataStart;
    for (const auto& [address, s] : by_address) {
      ASSERT_EQ(address, at);
      at += s.size;
      for (const std::uint64_t byte : {s.address, s.address + s.size - 1}) {
        std::size_t i = 0;
        while (settlement.placements[i].address + settlement.placements[i].size <= byte) ++i;
        ASSERT_EQ(s.log, settlement.sources[i].log);
        ASSERT_EQ(s.offset + (byte - s.address),
                  settlement.sources[i].offset + (byte - settlement.placements[i].address));
      }
    }
    ASSERT_EQ(at, settlement.data_end);
  }
}

TEST(Settle, ReportsAFullDiskAndALogThatIsTooShort) {
  TempFolder folder, disk;
  const testing::SmallDisk small(disk.path(), "1m");
  if (!small.missing().empty()) GTEST_SKIP() << small.missing();
  std::mt19937_64 random(11);
  LogWriter log(folder / "logs", 0);
  log.append(0, 0, random_contents(DType::kUInt8, 3'000'000, random));
  log.close();
  const auto copy = [&](std::uint64_t size, const TempFolder& to) -> std::string {
    try {
      const std::vector<CopySegment> segments = {{0, log.records()[0].offset, 4096, size}};
      copy_segments(folder / "logs", to / "part", segments);
    } catch (const Error& error) {
      return error.message + (error.remedy.empty() ? "" : " (remedy)");
    }
    return "no error";
  };
  create_part(disk / "part");
  EXPECT_EQ(copy(3'000'000, disk), "cannot write: No space left on device (remedy)");
  EXPECT_EQ(copy(100, disk), "no error");
  create_part(folder / "part");
  EXPECT_NE(copy(3'000'001, folder).find("the file ends at byte"), std::string::npos);
}

}  // namespace
}  // namespace rankine::io
