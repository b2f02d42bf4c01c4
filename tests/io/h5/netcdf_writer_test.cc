#include "io/h5/netcdf_writer.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <functional>

#include "io/h5/handles.h"
#include "io/h5/record_driver.h"
#include "runtime/base/error.h"
#include "tests/io/h5/sample_output.h"
#include "tests/support/small_disk.h"

namespace rankine::io {
namespace {

using namespace test;

// Without filters a chunk is stored as it is, so this room can be tested without the encoder.
Sample unfiltered(Sample sample) {
  for (OutputVariable& v : sample.file.variables) {
    v.codec = parse_codec("none");
    v.shuffle = false;
  }
  return sample;
}

// The bytes of an unfiltered chunk, padded and with NaN replaced, element by element.
Contents stored_chunk(const OutputVariable& v, const Contents& contents, const Box& box) {
  const std::size_t size = size_of(v.dtype);
  Contents chunk(static_cast<std::size_t>(volume(v.chunk)) * size);
  if (v.fill) {
    for (std::size_t i = 0; i < chunk.size(); ++i) chunk[i] = v.fill->bytes[i % size];
  }
  const Contents dense = cut(contents, v.shape, box, size);
  const Extents lengths = box.shape();
  Extents at(lengths.size(), 0);
  std::size_t from = 0;
  if (box.empty()) return chunk;
  do {
    std::memcpy(chunk.data() + static_cast<std::size_t>(position_of(at, v.chunk)) * size,
                dense.data() + from, size);
    from += size;
  } while (next_coordinate(at, lengths));
  if (needs_fill(v, chunk.data(), chunk.size() / size)) {
    replace_nan(v, chunk.data(), chunk.size() / size);
  }
  return chunk;
}

// Writes the chunks where they belong; returns their placements.
std::vector<Placement> write_data(const std::string& path, const Sample& sample) {
  std::ofstream stream(path, std::ios::binary);
  std::vector<Placement> placements;
  std::uint64_t address = kDataStart;
  for (std::uint32_t i = 0; i < sample.file.variables.size(); ++i) {
    const OutputVariable& v = sample.file.variables[i];
    if (!is_logged(v)) continue;
    const ChunkGrid grid = chunk_grid(v);
    for (std::int64_t chunk = 0; chunk < grid.chunk_count(); ++chunk) {
      const Box box = grid.chunk_box(coordinate_of(chunk, grid.counts()));
      const Contents bytes = stored_chunk(v, sample.contents[i], box);
      stream.seekp(std::streamoff(address));
      stream.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
      placements.push_back({i, 0, chunk, address, static_cast<std::uint32_t>(bytes.size())});
      address += bytes.size();
    }
  }
  return placements;
}

void write_sample(const std::string& path, const Sample& sample) {
  const std::vector<Placement> placements = write_data(path, sample);
  write_netcdf(path, sample.file, placements);
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.message + " | " + error.where;
  }
  return "no error";
}

#define EXPECT_RUNS(command)                                         \
  do {                                                               \
    const CommandResult result = run_command(command);               \
    EXPECT_EQ(result.status, 0) << (command) << "\n" << result.text; \
  } while (false)

class ClimateFile : public ::testing::Test {
 protected:
  void SetUp() override { write_sample(path, sample); }
  TempFolder folder;
  std::string path = folder / "out.nc";
  Sample sample = unfiltered(climate_sample(11));
};

TEST_F(ClimateFile, IsReadByH5pyWithTheSameContents) {
  const CommandResult result = compare_with_h5py(path, sample, folder);
  EXPECT_EQ(result.text, "same\n");
}

TEST_F(ClimateFile, IsShownByNcdumpAsAnOrdinaryNetcdf4File) {
  EXPECT_EQ(run_command("ncdump -k " + path).text, "netCDF-4\n");
  const std::string header = run_command("ncdump -hs " + path).text;
  for (const char* line :
       {"time = UNLIMITED ; // (7 currently)", "bnds = 2 ;", "double time(time) ;",
        "double time_bnds(time, bnds) ;", "float t2m(time, lat, lon) ;", "byte mask(lat, lon) ;",
        "mask:dtype = \"bool\" ;", "int64 counts(time, lon) ;", "double height ;",
        "t2m:_FillValue = 9.96921e+36f ;", "t2m:units = \"K\" ;", "t2m:empty = \"\" ;",
        "t2m:long_name = \"Température à 2 m\" ;", "string t2m:flags = \"good\", \"schlecht\" ;",
        "t2m:range = 1.f, 2.f, 3.f ;", "t2m:one = 42 ;", "t2m:_ChunkSizes = 2, 4, 5 ;",
        ":title = \"a sample\" ;", ":_NCProperties = \"version=2,rankine="}) {
    EXPECT_NE(header.find(line), std::string::npos) << line << " is missing in\n" << header;
  }
  EXPECT_LT(header.find("t2m("), header.find("mask("));
}

TEST_F(ClimateFile, IsReadByTheToolsOfTheTrade) {
  EXPECT_RUNS("ncdump " + path + " > /dev/null");
  EXPECT_RUNS("ncks -O " + path + " " + (folder / "copy.nc"));
  EXPECT_RUNS("nccopy -d 1 " + path + " " + (folder / "nccopy.nc"));
  EXPECT_RUNS("h5diff " + path + " " + path);
  EXPECT_RUNS("h5stat " + path);
  EXPECT_RUNS("h5repack -f GZIP=1 " + path + " " + (folder / "repacked.nc"));
  EXPECT_RUNS("h5diff " + path + " " + (folder / "repacked.nc"));
  const CommandResult info = run_command("cdo -s sinfon " + path);
  EXPECT_EQ(info.status, 0) << info.text;
  EXPECT_NE(info.text.find("t2m"), std::string::npos) << info.text;
  EXPECT_RUNS("cdo -s -outputf,%.0f,1 -fldmax -timmax -selname,t2m " + path);
}

TEST_F(ClimateFile, IsReadByXarrayWithBothEngines) {
  for (const std::string engine : {"netcdf4", "h5netcdf"}) {
    const CommandResult result = run_command(
        "/usr/bin/python3 -c \"\nimport xarray as xr, numpy as np\nd = xr.open_dataset('" + path +
        "', engine='" + engine +
        "')\nassert d.t2m.dims == ('time', 'lat', 'lon'), d\n"
        "assert set(d.coords) >= {'time', 'lat', 'lon'}, d\n"
        "assert d.t2m.attrs['units'] == 'K' and d.t2m.attrs['empty'] == '', d.t2m.attrs\n"
        "assert d.t2m.attrs['long_name'].startswith('Temp') and d.t2m.attrs['one'] == 42\n"
        "assert list(d.t2m.attrs['flags']) == ['good', 'schlecht']\n"
        "assert d.mask.dtype == bool and d.counts.dtype == np.int64\n"
        "assert np.datetime64('2001-01-01T12') == d.time.values[0]\n"
        "assert 0 < int(np.isnan(d.t2m).sum()) < d.t2m.size and float(d.t2m.max()) < 1e4\n"
        "assert float(d.height) == 2 and 'time' in d.encoding['unlimited_dims']\nprint('fine')\"");
    EXPECT_EQ(result.text, "fine\n") << engine;
  }
}

TEST_F(ClimateFile, IsEditedInPlaceByNco) {
  EXPECT_RUNS("ncatted -h -O -a units,t2m,o,c,celsius -a added,global,c,c,text " + path);
  EXPECT_RUNS("ncrename -h -O -v counts,numbers " + path);
  EXPECT_RUNS("ncrename -h -O -d lon,longitude -v lon,longitude " + path);
  EXPECT_RUNS("ncks -h -A -v height " + path + " " + path);
  const std::string header = run_command("ncdump -h " + path).text;
  EXPECT_NE(header.find("t2m:units = \"celsius\""), std::string::npos) << header;
  EXPECT_NE(header.find("int64 numbers(time, longitude)"), std::string::npos) << header;
}

TEST_F(ClimateFile, GrowsAlongItsUnlimitedDimension) {
  const CommandResult result = run_command(
      "/usr/bin/python3 -c \"\nimport netCDF4, numpy as np\nf = netCDF4.Dataset('" + path +
      "', 'r+')\nold = f['t2m'][:].copy()\nf['t2m'][7:9] = 1.5\nf['time'][7:9] = [7.5, 8.5]\n"
      "f.createVariable('more', 'f4', ('time', 'lat'))[:] = 3\nf.close()\n"
      "f = netCDF4.Dataset('" +
      path +
      "')\n"
      "assert f['t2m'].shape == (9, 10, 13) and (f['t2m'][7:] == 1.5).all()\n"
      "assert (f['t2m'][:7].filled(0) == old.filled(0)).all() and f['more'][8, 9] == 3\n"
      "print('fine')\"");
  EXPECT_EQ(result.text, "fine\n");
}

TEST(NetcdfWriter, WritesTheSameBytesWhateverMemoryHeld) {
  TempFolder folder;
  const Sample sample = unfiltered(climate_sample(12));
  write_sample(folder / "a.nc", sample);
  std::vector<Contents> dirt;
  for (int i = 0; i < 200; ++i) dirt.emplace_back(100 + 37 * i, std::byte{0xa5});
  dirt.clear();
  write_sample(folder / "other.nc", unfiltered(climate_sample(13, 30)));
  write_sample(folder / "b.nc", sample);
  EXPECT_EQ(read_file(folder / "a.nc"), read_file(folder / "b.nc"));
}

TEST(NetcdfWriter, LeavesNoAttributeOutWithMoreChunksThanTheMetadataCacheHolds) {
  TempFolder folder;
  constexpr std::int64_t kChunks = 75'000;
  std::mt19937_64 random(5);
  Sample sample;
  sample.file.dimensions = {{"x", kChunks * 2, false}, {"y", 3, false}};
  for (const char* name : {"first", "second"}) {
    OutputVariable v = variable(name, DType::kInt32, {"x", "y"}, {kChunks * 2, 3}, {2, 3});
    v.attributes = {{"labels", std::vector<std::string>{"one", "two", name}},
                    {"units", std::string("K")}};
    sample.file.variables.push_back(v);
    sample.contents.push_back(random_contents(DType::kInt32, volume(v.shape), random));
  }
  sample = unfiltered(sample);
  write_sample(folder / "many.nc", sample);
  EXPECT_EQ(compare_with_h5py(folder / "many.nc", sample, folder).text, "same\n");
  const std::string header = run_command("ncdump -h " + (folder / "many.nc")).text;
  EXPECT_NE(header.find("string first:labels = \"one\", \"two\", \"first\" ;"), std::string::npos);
  EXPECT_NE(header.find("string second:labels = \"one\", \"two\", \"second\" ;"),
            std::string::npos);
  EXPECT_NE(header.find("int second(x, y) ;"), std::string::npos) << header;
}

H5D_chunk_index_t kind_of_index(const std::string& path, const std::string& name) {
  const H5Lock lock;
  const H5File file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), "open", path);
  const H5Dataset data_set(H5Dopen2(file, name.c_str(), H5P_DEFAULT), "open", name);
  H5D_chunk_index_t kind = H5D_CHUNK_IDX_BTREE;
  h5_check(H5Dget_chunk_index_type(data_set, &kind), "ask for the index", name);
  return kind;
}

struct Indexed {
  std::string name;
  std::vector<std::string> dims;
  Extents chunk;
  H5D_chunk_index_t kind;  // from 1.10 on
};

// Enough chunks for pages and blocks of every index. Never the implicit one: of that HDF5 would
// allocate all chunks together.
TEST(NetcdfWriter, WritesEveryIndexOfHdf5110) {
  const std::vector<Indexed> all = {
      {"single", {"a", "b"}, {70, 40}, H5D_CHUNK_IDX_SINGLE},
      {"fixed", {"a", "b"}, {1, 1}, H5D_CHUNK_IDX_FARRAY},
      {"few", {"a", "b"}, {30, 40}, H5D_CHUNK_IDX_FARRAY},
      {"extensible", {"t", "b"}, {1, 1}, H5D_CHUNK_IDX_EARRAY},
      {"tree", {"t", "u"}, {1, 1}, H5D_CHUNK_IDX_BT2},
      {"one_of_many", {"t", "u"}, {70, 40}, H5D_CHUNK_IDX_BT2},
  };
  TempFolder folder;
  std::mt19937_64 random(6);
  Sample sample;
  sample.file.dimensions = {{"a", 70, false}, {"b", 40, false}, {"t", 70, true}, {"u", 40, true}};
  for (const Indexed& one : all) {
    sample.file.variables.push_back(
        variable(one.name, DType::kInt16, one.dims, {70, 40}, one.chunk));
    sample.contents.push_back(random_contents(DType::kInt16, 2800, random));
  }
  sample = unfiltered(sample);
  for (const Libver libver : {Libver::kV18, Libver::kV110}) {
    sample.file.libver = libver;
    const bool newer = libver == Libver::kV110;
    const std::string path = folder / (newer ? "v110.nc" : "v18.nc");
    const std::vector<Placement> placements = write_data(path, sample);
    write_netcdf(path, sample.file, placements);
    auto placement = placements.begin();
    for (const Indexed& one : all) {
      EXPECT_EQ(kind_of_index(path, one.name), newer ? one.kind : H5D_CHUNK_IDX_BTREE) << one.name;
      for (const ChunkExtent& extent : record_index(path, "/" + one.name, [] {})) {
        ASSERT_EQ(extent.address, placement->address) << one.name;
        ASSERT_EQ(extent.size, placement++->size) << one.name;
      }
    }
    EXPECT_EQ(placement, placements.end());
    EXPECT_EQ(compare_with_h5py(path, sample, folder).text, "same\n");
    EXPECT_RUNS("ncdump " + path + " | sed 1d > " + path + ".cdl");
    EXPECT_RUNS("h5stat " + path);
  }
  EXPECT_RUNS("cmp " + (folder / "v18.nc.cdl") + " " + (folder / "v110.nc.cdl"));
  EXPECT_LT(read_file(folder / "v110.nc").size(), read_file(folder / "v18.nc").size());
}

TEST(NetcdfWriter, WritesArraysWithoutElements) {
  TempFolder folder;
  Sample sample;
  sample.file.dimensions = {{"none", 0, false}, {"x", 3, false}, {"t", 0, true}};
  sample.file.variables = {variable("a", DType::kFloat32, {"none", "x"}, {0, 3}, {1, 3}),
                           variable("b", DType::kFloat64, {"t", "x"}, {0, 3}, {4, 3}),
                           inline_variable("t", DType::kFloat64, {"t"}, {0}, {}),
                           inline_variable("c", DType::kInt16, {"x", "none"}, {3, 0}, {})};
  sample.contents.resize(4);
  write_sample(folder / "empty.nc", sample);
  EXPECT_EQ(compare_with_h5py(folder / "empty.nc", sample, folder).text, "same\n");
  EXPECT_RUNS("ncdump " + (folder / "empty.nc"));
  EXPECT_RUNS("/usr/bin/python3 -c \"import xarray; print(xarray.open_dataset('" +
              (folder / "empty.nc") + "'))\"");
}

TEST(NetcdfWriter, WritesAFileWithoutAnyVariable) {
  TempFolder folder;
  Sample sample;
  sample.file.attributes = {{"title", std::string("nothing")}};
  write_sample(folder / "bare.nc", sample);
  EXPECT_NE(run_command("ncdump " + (folder / "bare.nc")).text.find(":title = \"nothing\""),
            std::string::npos);
}

TEST(NetcdfWriter, KeepsManyAndLargeAttributes) {
  TempFolder folder;
  Sample sample;
  sample.file.dimensions = {{"x", 2, false}};
  OutputVariable v = inline_variable("v", DType::kInt8, {"x"}, {2}, Contents(2));
  for (int i = 0; i < 40; ++i) {
    v.attributes.push_back({"a" + std::to_string(i), numbers<std::int32_t>({i})});
  }
  v.attributes.push_back({"CLASS", std::string("copied from another file")});
  v.attributes.push_back({"nothing", AttributeValue{}});
  sample.file.variables = {v};
  sample.contents = {Contents(2)};
  sample.file.attributes = {{"history", std::string(200'000, 'h')},
                            {"empty_list", std::vector<std::string>{}},
                            {"no_numbers", numbers<float>({})}};
  write_sample(folder / "large.nc", sample);
  const CommandResult result = run_command(
      "/usr/bin/python3 -c \"\nimport netCDF4\nf = netCDF4.Dataset('" + (folder / "large.nc") +
      "')\nassert f.history == 'h' * 200000\nv = f['v']\n"
      "assert v.ncattrs() == ['a%d' % i for i in range(40)], v.ncattrs()\n"
      "assert all(v.getncattr('a%d' % i) == i for i in range(40))\nprint('fine')\"");
  EXPECT_EQ(result.text, "fine\n");
}

TEST(NetcdfWriter, StoresAVariableThatOnlySharesADimensionsNameAsNetcdfDoes) {
  TempFolder folder;
  Sample sample;
  sample.file.dimensions = {{"lat", 2, false}, {"lon", 3, false}};
  sample.file.variables = {inline_variable("lat", DType::kFloat64, {"lat", "lon"}, {2, 3},
                                           bytes_of<double>({1, 2, 3, 4, 5, 6})),
                           inline_variable("lon", DType::kFloat64, {}, {}, bytes_of<double>({7}))};
  write_netcdf((std::ofstream(folder / "named.nc"), folder / "named.nc"), sample.file, {});
  const std::string dump = run_command("ncdump " + (folder / "named.nc")).text;
  EXPECT_NE(dump.find("double lat(lat, lon) ;"), std::string::npos) << dump;
  EXPECT_NE(dump.find("4, 5, 6 ;"), std::string::npos) << dump;
  EXPECT_NE(dump.find("lon = 7 ;"), std::string::npos) << dump;
}

TEST(NetcdfWriter, KeepsInlineDataOfEveryTypeChunkedOrNot) {
  TempFolder folder;
  std::mt19937_64 random(17);
  Sample sample;
  sample.file.dimensions = {{"t", 5, true}, {"x", 4, false}};
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    for (const bool chunked : {false, true}) {
      OutputVariable v =
          inline_variable(std::string(name_of(dtype)) + (chunked ? "_c" : "_g"), dtype,
                          {chunked ? "x" : "t", "x"}, {chunked ? 4 : 5, 4}, {});
      if (chunked) v.chunk = {3, 2};
      v.inline_data = random_contents(dtype, volume(v.shape), random, true);
      if (is_float(dtype)) v.fill = Numbers{dtype, random_contents(dtype, 1, random)};
      sample.file.variables.push_back(v);
      sample.contents.push_back(*v.inline_data);
    }
  }
  write_sample(folder / "inline.nc", sample);
  EXPECT_EQ(compare_with_h5py(folder / "inline.nc", sample, folder).text, "same\n");
}

TEST(NetcdfWriter, WritesRandomFilesThatAreReadBackEqual) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  TempFolder folder;
  for (int round = 0; round < 12; ++round) {
    Sample sample;
    for (int d = 0; d < 5; ++d) {
      const auto length = static_cast<std::int64_t>(random() % 9);
      sample.file.dimensions.push_back({"d" + std::to_string(d), length, random() % 4 == 0});
    }
    for (int n = 0; n < 5; ++n) {
      OutputVariable v =
          variable("v" + std::to_string(n), static_cast<DType>(random() % kDTypeCount), {}, {}, {});
      for (std::size_t axes = 1 + random() % 4; axes > 0; --axes) {
        const OutputDimension& d = sample.file.dimensions[random() % 5];
        v.dims.push_back(d.name);
        v.shape.push_back(d.length);
        v.chunk.push_back(
            1 + static_cast<std::int64_t>(random() % std::max<std::uint64_t>(d.length, 1)));
      }
      sample.contents.push_back(random_contents(v.dtype, volume(v.shape), random, true));
      if (is_float(v.dtype)) v.fill = Numbers{v.dtype, random_contents(v.dtype, 1, random)};
      sample.file.variables.push_back(v);
    }
    sample = unfiltered(sample);
    sample.file.libver = random() % 2 == 0 ? Libver::kV18 : Libver::kV110;
    write_sample(folder / "random.nc", sample);
    ASSERT_EQ(compare_with_h5py(folder / "random.nc", sample, folder).text, "same\n");
    EXPECT_RUNS("ncdump " + (folder / "random.nc") + " > /dev/null");
  }
}

TEST(NetcdfWriter, RefusesPlacementsThatAreNotAllChunksInOrder) {
  TempFolder folder;
  const Sample sample = unfiltered(climate_sample(14));
  std::vector<Placement> placements = write_data(folder / "x.nc", sample);
  const auto write = [&] { write_netcdf(folder / "x.nc", sample.file, placements); };
  std::swap(placements[2], placements[3]);
  EXPECT_NE(message_of(write).find("chunk 2 has no place"), std::string::npos) << message_of(write);
  std::swap(placements[2], placements[3]);
  placements.pop_back();
  EXPECT_NE(message_of(write).find("chunk 6 has no place"), std::string::npos) << message_of(write);
}

TEST(NetcdfWriter, RefusesWhatNetcdfCannotHold) {
  const auto refused = [](const std::function<void(OutputFile&)>& spoil) {
    OutputFile file = climate_sample(1).file;
    spoil(file);
    return message_of([&] { check(file); });
  };
  const auto t2m = [](OutputFile& file) -> OutputVariable& { return file.variables[4]; };
  EXPECT_EQ(refused([](OutputFile&) {}), "no error");
  using F = OutputFile&;
  EXPECT_NE(refused([&](F f) { t2m(f).name = "a//b"; }).find("cannot hold the name"),
            std::string::npos);
  EXPECT_NE(refused([&](F f) { t2m(f).name = "mask"; }).find("one name"), std::string::npos);
  EXPECT_NE(refused([&](F f) { t2m(f).dims[1] = "lev"; }).find("not declared"), std::string::npos);
  EXPECT_NE(refused([&](F f) { t2m(f).shape[1] = 11; }).find("has length 10"), std::string::npos);
  EXPECT_NE(refused([&](F f) { t2m(f).chunk[1] = 11; }).find("does not fit"), std::string::npos);
  EXPECT_NE(refused([&](F f) { t2m(f).chunk = {}; }).find("has no data"), std::string::npos);
  EXPECT_NE(refused([&](F f) { t2m(f).fill = numbers<double>({1}); }).find("type float32"),
            std::string::npos);
  EXPECT_NE(refused([&](F f) { t2m(f).fill = numbers<float>({NAN}); }).find("not finite"),
            std::string::npos);
  EXPECT_NE(refused([&](F f) { t2m(f).codec.level = 10; }).find("deflate-10"), std::string::npos);
  EXPECT_NE(refused([&](F f) { f.variables[0].inline_data->pop_back(); }).find("bytes for shape"),
            std::string::npos);
  EXPECT_NE(refused([&](F f) { f.attributes.push_back(f.attributes[0]); }).find("twice"),
            std::string::npos);
}

// Writes the sample again and again with a lower limit to the length of files; returns how often
// that was not reported, or 1000 if there was nothing to report.
int unreported_limits(const Sample& sample, const std::string& path) {
  const std::vector<Placement> placements = write_data(path, sample);
  const Contents data = read_file(path);
  write_netcdf(path, sample.file, placements);
  const auto length = std::filesystem::file_size(path);
  std::signal(SIGXFSZ, SIG_IGN);
  int unreported = 0, runs = 0;
  for (std::uint64_t limit = data.size(); limit < length; limit += 509, ++runs) {
    write_file(path, data);
    rlimit old{};
    ::getrlimit(RLIMIT_FSIZE, &old);
    const rlimit lower{limit, old.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &lower);
    const std::string message = message_of([&] { write_netcdf(path, sample.file, placements); });
    ::setrlimit(RLIMIT_FSIZE, &old);
    unreported += message.find("File too large") == std::string::npos;
  }
  return runs == 0 ? 1000 : unreported;
}

// HDF5's own cleaning up at the end of the program is part of the test: it crashes over files that
// it could not close.
TEST(NetcdfWriterDeathTest, ReportsAFileThatCannotGrowWhereverThatHappensAndEndsCleanly) {
  TempFolder folder;
  Sample sample = unfiltered(climate_sample(15, 400));
  EXPECT_EXIT(std::exit(unreported_limits(sample, folder / "x.nc")), ::testing::ExitedWithCode(0),
              "");
}

TEST(NetcdfWriter, ReportsAFullDiskAndDoesNotCrash) {
  TempFolder folder;
  const testing::SmallDisk small(folder.path(), "1m");
  if (!small.missing().empty()) GTEST_SKIP() << small.missing();
  OutputFile file;
  file.dimensions = {{"x", 2'000'000, false}};
  file.variables = {inline_variable("x", DType::kInt8, {"x"}, {2'000'000}, Contents(2'000'000))};
  write_file(folder / "full.nc", {});
  const std::string message = message_of([&] { write_netcdf(folder / "full.nc", file, {}); });
  EXPECT_NE(message.find("cannot write: No space left on device"), std::string::npos) << message;
}

TEST(NetcdfWriter, ReportsAFullDiskDuringTheIndexToo) {
  TempFolder folder;
  const testing::SmallDisk small(folder.path(), "1m");
  if (!small.missing().empty()) GTEST_SKIP() << small.missing();
  OutputFile file;
  file.dimensions = {{"x", 100'000, false}};
  file.variables = {variable("x", DType::kInt8, {"x"}, {100'000}, {1})};
  file.variables[0].codec = parse_codec("none");
  std::vector<Placement> placements;
  for (std::int64_t i = 0; i < 100'000; ++i) {
    placements.push_back({0, 0, i, kDataStart + static_cast<std::uint64_t>(i), 1});
  }
  write_file(folder / "full.nc", Contents(kDataStart + 100'000));
  const std::string message =
      message_of([&] { write_netcdf(folder / "full.nc", file, placements); });
  EXPECT_NE(message.find("No space left on device"), std::string::npos) << message;
}

}  // namespace
}  // namespace rankine::io
