#include "io/filters.h"

#include <gtest/gtest.h>
#include <libdeflate.h>

#include <random>

#include "io/codec/fletcher32.h"
#include "io/codec/shuffle.h"
#include "io/codec/table.h"
#include "tests/io/h5/python_file.h"

namespace rankine::io {
namespace {

using namespace test;

Contents random_bytes(std::size_t size, std::mt19937_64& random) {
  Contents bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random() % 7);
  return bytes;
}

// Straight from the format specification, byte by byte.
Contents shuffled(const Contents& in, std::size_t element) {
  Contents out;
  const std::size_t count = in.size() / element;
  for (std::size_t byte = 0; byte < element; ++byte) {
    for (std::size_t i = 0; i < count; ++i) out.push_back(in[i * element + byte]);
  }
  out.insert(out.end(), in.begin() + static_cast<std::ptrdiff_t>(count * element), in.end());
  return out;
}

Contents deflated(const Contents& in) {
  auto* compressor = libdeflate_alloc_compressor(6);
  Contents out(libdeflate_zlib_compress_bound(compressor, in.size()));
  out.resize(libdeflate_zlib_compress(compressor, in.data(), in.size(), out.data(), out.size()));
  libdeflate_free_compressor(compressor);
  return out;
}

Contents summed(Contents in) {
  const std::uint32_t sum = fletcher32(in);
  for (int i = 0; i < 4; ++i) in.push_back(static_cast<std::byte>(sum >> (8 * i)));
  return in;
}

Filter filter(std::uint32_t id, std::vector<std::uint32_t> parameters = {}) {
  return {id, "", std::move(parameters), true};
}

std::string problem_of(std::vector<Filter> filters, const Contents& stored, std::size_t size) {
  Contents out(size);
  FilterScratch scratch;
  return error_of([&] { undo_filters(filters, 0, stored, out, scratch); }).message;
}

TEST(Unshuffle, IsTheInverseForEverySizeOfElementAndLength) {
  std::mt19937_64 random(1);
  for (const std::size_t element : {1u, 2u, 3u, 4u, 5u, 7u, 8u, 12u, 16u}) {
    for (std::size_t size = 0; size < 300; size += 1 + size / 16) {
      const Contents in = random_bytes(size, random);
      Contents out(size);
      unshuffle(shuffled(in, element).data(), size, element, out.data());
      EXPECT_TRUE(out == in) << element << " " << size;
    }
  }
}

TEST(Fletcher32, IsTheLibrarysForAnyLength) {
  // h5py stores the checksum behind each chunk.
  const TempFolder folder;
  const auto path = python_file(folder, "a.h5", R"(
f = h5py.File(path, 'w')
out = b''
for n in list(range(1, 40)) + [719, 720, 721, 5000, 123457]:
  d = f.create_dataset(str(n), data=rng.integers(0, 256, n).astype('u1'), chunks=(n,), fletcher32=True)
  out += np.uint32(n).tobytes() + d.id.read_direct_chunk((0,))[1]
open(os.path.dirname(path) + '/chunks', 'wb').write(out))");
  const Contents all = read_file(folder / "chunks");
  int checked = 0;
  for (std::size_t at = 0; at < all.size(); ++checked) {
    std::uint32_t size = 0;
    std::memcpy(&size, all.data() + at, 4);
    std::uint32_t stored = 0;
    std::memcpy(&stored, all.data() + at + 4 + size, 4);
    EXPECT_EQ(fletcher32(std::span(all).subspan(at + 4, size)), stored) << size;
    at += 4 + size + 4;
  }
  EXPECT_EQ(checked, 44);
}

TEST(UndoFilters, UndoesAnyOrderAndAnyMask) {
  std::mt19937_64 random(2);
  FilterScratch scratch;
  const std::uint32_t orders[][3] = {{1, 2, 3}, {1, 3, 2}, {2, 1, 3},
                                     {2, 3, 1}, {3, 1, 2}, {3, 2, 1}};
  for (const auto& order : orders) {
    for (std::uint32_t mask = 0; mask < 8; ++mask) {
      const Contents in = random_bytes(4 * 250, random);
      Contents stored = in;
      std::vector<Filter> filters;
      for (std::size_t i = 0; i < 3; ++i) {
        filters.push_back(order[i] == 2 ? filter(2, {4}) : filter(order[i]));
        if ((mask >> i & 1u) != 0) continue;
        if (order[i] == 1) stored = deflated(stored);
        if (order[i] == 2) stored = shuffled(stored, 4);
        if (order[i] == 3) stored = summed(stored);
      }
      Contents out(in.size());
      undo_filters(filters, mask, stored, out, scratch);
      EXPECT_TRUE(out == in) << order[0] << order[1] << order[2] << " mask " << mask;
    }
  }
}

// The size that a filter must give back follows from those before it and from the mask.
TEST(UndoFilters, UndoesEveryCodecBetweenTheOthersWithEveryMask) {
  std::mt19937_64 random(5);
  FilterScratch scratch;
  CodecScratch codec;
  const std::vector<Filter> codecs = {filter(kDeflate, {4}),
                                      filter(kZstd, {3}),
                                      filter(kLz4),
                                      filter(kBlosc, {2, 2, 4, 1000, 5, 1, 1}),
                                      filter(kBitshuffle, {0, 4, 4, 0, 0}),
                                      filter(kBitshuffle, {0, 4, 4, 0, 2}),
                                      filter(kBitshuffle, {0, 4, 4, 0, 3, 3})};
  for (const Filter& compression : codecs) {
    const std::vector<Filter> orders[] = {
        {filter(kShuffle, {4}), compression, filter(kFletcher32)},
        {filter(kShuffle, {4}), filter(kShuffle, {2}), compression},
        {compression, filter(kFletcher32), filter(kShuffle, {4})}};
    for (const auto& filters : orders) {
      for (std::uint32_t mask = 0; mask < 8; ++mask) {
        const Contents in = random_bytes(4 * 250, random);
        Contents stored = in;
        for (std::size_t i = 0; i < filters.size(); ++i) {
          if ((mask >> i & 1u) != 0) continue;
          if (filters[i].id == kFletcher32) {
            stored = summed(stored);
            continue;
          }
          Contents out(4096);
          out.resize(find_filter(filters[i].id)->encode(filters[i].parameters, stored, out, codec));
          stored = out;
        }
        Contents out(in.size());
        undo_filters(filters, mask, stored, out, scratch);
        EXPECT_TRUE(out == in) << compression.id << " mask " << mask;
      }
    }
  }
}

TEST(UndoFilters, AcceptsChecksumsOfOldBigEndianMachines) {
  std::mt19937_64 random(3);
  const Contents in = random_bytes(64, random);
  Contents stored = summed(in);
  std::swap(stored[64], stored[65]);
  std::swap(stored[66], stored[67]);
  Contents out(64);
  FilterScratch scratch;
  undo_filters(std::vector{filter(3)}, 0, stored, out, scratch);
  EXPECT_TRUE(out == in);
}

TEST(UndoFilters, SaysWhatIsWrong) {
  std::mt19937_64 random(4);
  const Contents in = random_bytes(400, random);
  Contents cut = deflated(in);
  cut.resize(cut.size() - 9);
  EXPECT_EQ(problem_of({filter(1)}, cut, 400), "corrupt deflate stream");
  EXPECT_EQ(problem_of({filter(1)}, deflated(in), 399), "corrupt deflate stream");
  EXPECT_EQ(problem_of({filter(1)}, deflated(in), 401), "corrupt deflate stream");
  EXPECT_EQ(problem_of({filter(1)}, {}, 400), "corrupt deflate stream");
  Contents flipped = summed(in);
  flipped[17] ^= std::byte{4};
  EXPECT_EQ(problem_of({filter(3)}, flipped, 400), "wrong fletcher32 checksum");
  EXPECT_EQ(problem_of({filter(3)}, Contents(3), 400), "a chunk is shorter than its checksum");
  EXPECT_EQ(problem_of({}, in, 300), "a chunk holds 400 bytes instead of 300");
  EXPECT_EQ(problem_of({filter(2, {4})}, in, 300), "a chunk holds 400 bytes instead of 300");
  EXPECT_EQ(problem_of({{1, "deflate", {}, true}, {32015, "zstd", {}, true}}, in, 400),
            "cannot undo zstd after deflate");
  EXPECT_EQ(problem_of({filter(2)}, in, 400), "the shuffle filter has no element size");
  EXPECT_EQ(problem_of({filter(32013)}, in, 400), "unknown filter 32013");
}

}  // namespace
}  // namespace rankine::io
