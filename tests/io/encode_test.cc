#include "io/encode.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "io/filters.h"
#include "tests/io/h5/sample_output.h"

namespace rankine::io {
namespace {

using namespace test;

Contents decode(const OutputVariable& v, const Contents& encoded) {
  std::vector<Filter> filters;
  for (const FilterStep& step : filters_of(v)) {
    const Parameters numbers = step.parameters();
    filters.push_back({step.id, "", {numbers.begin(), numbers.end()}, true});
  }
  Contents plain(static_cast<std::size_t>(volume(v.chunk)) * size_of(v.dtype));
  FilterScratch scratch;
  undo_filters(filters, 0, encoded, plain, scratch);
  return plain;
}

constexpr const char* kCodecs[] = {"none",       "deflate-1",      "deflate-9",
                                   "zstd",       "zstd-19",        "lz4",
                                   "blosc-lz4",  "blosc-zstd-3",   "blosc-blosclz",
                                   "bitshuffle", "bitshuffle-lz4", "bitshuffle-zstd"};

Contents encode(const OutputVariable& v, const Box& box, const Contents& dense) {
  EncodeScratch scratch;
  Contents out;
  encode_chunk(v, box, dense.data(), scratch, out);
  return out;
}

TEST(Encode, ComesBackWithPaddingAndFillForEveryTypeFilterAndEdge) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  EncodeScratch scratch;
  Contents out;
  for (int round = 0; round < 400; ++round) {
    OutputVariable v = variable("v", static_cast<DType>(random() % kDTypeCount), {}, {}, {});
    Extents counts;
    for (std::size_t axes = 1 + random() % 4; axes > 0; --axes) {
      v.shape.push_back(1 + static_cast<std::int64_t>(random() % 12));
      v.chunk.push_back(1 + static_cast<std::int64_t>(random() % 12));
    }
    v.codec = parse_codec(kCodecs[random() % std::size(kCodecs)]);
    v.shuffle = random() % 2 == 0;
    v.fletcher32 = random() % 2 == 0;
    if (random() % 2 == 0) v.fill = Numbers{v.dtype, random_contents(v.dtype, 1, random)};
    const Contents contents = random_contents(v.dtype, volume(v.shape), random, true);
    const ChunkGrid grid = chunk_grid(v);
    const std::int64_t chunk = static_cast<std::int64_t>(random()) & 0x7fffffff;
    const Box box = grid.chunk_box(coordinate_of(chunk % grid.chunk_count(), grid.counts()));
    const std::size_t size = size_of(v.dtype);
    const Contents dense = cut(contents, v.shape, box, size);
    encode_chunk(v, box, dense.data(), scratch, out);
    const Contents decoded = decode(v, out);

    Extents at(v.chunk.size(), 0);
    for (std::size_t i = 0; i < decoded.size(); i += size) {
      Extents element = at;
      for (std::size_t axis = 0; axis < at.size(); ++axis) element[axis] += box.lo[axis];
      bool inside = true;
      for (std::size_t axis = 0; axis < at.size(); ++axis) {
        inside = inside && element[axis] < v.shape[axis];
      }
      Contents want = v.fill ? v.fill->bytes : Contents(size);
      if (inside) {
        const auto from = contents.begin() + position_of(element, v.shape) * std::int64_t(size);
        const Contents value(from, from + std::int64_t(size));
        const double number = Numbers{v.dtype, value}.as_double(0);
        if (!(v.fill && std::isnan(number))) want = value;
      }
      ASSERT_TRUE(std::equal(want.begin(), want.end(), decoded.begin() + std::int64_t(i)))
          << name_of(v.dtype) << to_string(v.shape) << to_string(v.chunk) << to_string(element);
      next_coordinate(at, v.chunk);
    }
    EXPECT_EQ(out, encode(v, box, dense)) << "the bytes depend on what was encoded before";
  }
}

TEST(Encode, StoresTheBytesThatHdf5StoresItself) {
  TempFolder folder;
  std::mt19937_64 random(3);
  OutputVariable v = variable("v", DType::kFloat64, {"x", "y"}, {5, 7}, {3, 4});
  v.codec = parse_codec("none");
  v.fletcher32 = true;
  v.fill = numbers<double>({-1.5});
  const Contents contents = random_contents(v.dtype, 35, random);
  write_file(folder / "raw", contents);
  const ChunkGrid grid = chunk_grid(v);
  Contents ours;
  for (std::int64_t chunk = 0; chunk < grid.chunk_count(); ++chunk) {
    const Box box = grid.chunk_box(coordinate_of(chunk, grid.counts()));
    const Contents encoded = encode(v, box, cut(contents, v.shape, box, 8));
    ours.insert(ours.end(), encoded.begin(), encoded.end());
  }
  write_file(folder / "ours", ours);
  const CommandResult result = run_command(
      "/usr/bin/python3 -c \"\nimport h5py, numpy as np\nf = h5py.File('" + (folder / "f.h5") +
      "', 'w')\nd = f.create_dataset('v', (5, 7), 'f8', chunks=(3, 4), fletcher32=True, "
      "fillvalue=-1.5)\nd[:] = np.fromfile('" +
      (folder / "raw") +
      "', 'f8').reshape(5, 7)\n"
      "f.flush()\nat = [(i, j) for i in (0, 3) for j in (0, 4)]\n"
      "raw = b''.join(d.id.read_direct_chunk(a)[1] for a in at)\n"
      "assert raw == open('" +
      (folder / "ours") + "', 'rb').read()\nprint('same')\"");
  EXPECT_EQ(result.text, "same\n");
}

TEST(Encode, LeavesItsInputAlone) {
  OutputVariable v = variable("v", DType::kFloat32, {"x"}, {4}, {4});
  v.fill = numbers<float>({-9});
  const Contents dense = bytes_of<float>({1, NAN, 3, NAN});
  const Contents before = dense;
  const Contents decoded = decode(v, encode(v, Box::whole(v.shape), dense));
  EXPECT_EQ(dense, before);
  EXPECT_EQ(decoded, bytes_of<float>({1, -9, 3, -9}));
}

TEST(Encode, AcceptsABoxThatReachesBeyondTheShape) {
  const OutputVariable v = variable("v", DType::kInt16, {"x"}, {5}, {4});
  const Contents dense = bytes_of<std::int16_t>({7});
  EXPECT_EQ(encode(v, {{4}, {8}}, dense), encode(v, {{4}, {5}}, dense));
  EXPECT_EQ(decode(v, encode(v, {{4}, {8}}, dense)), bytes_of<std::int16_t>({7, 0, 0, 0}));
}

TEST(Encode, KeepsNanWhereThereIsNoFillValue) {
  const OutputVariable v = variable("v", DType::kFloat64, {"x"}, {2}, {2});
  const Contents dense = bytes_of<double>({NAN, 1});
  EXPECT_EQ(decode(v, encode(v, Box::whole(v.shape), dense)), dense);
}

}  // namespace
}  // namespace rankine::io
