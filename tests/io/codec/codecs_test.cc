// Every codec there and back, and with streams that were cut, changed or made longer. Input and
// output lie against pages that nobody may touch.
#include <bzlib.h>
#include <gtest/gtest.h>
#include <lzf.h>

#include <functional>
#include <random>
#include <string>

#include "io/codec/table.h"
#include "tests/io/codec/guarded_bytes.h"

namespace rankine::io {
namespace {

using Contents = std::vector<std::byte>;
using Numbers32 = std::vector<std::uint32_t>;
using test::GuardedBytes;

constexpr std::size_t kMost = std::size_t{1} << 18;

struct Case {
  std::string name;
  std::uint32_t id;
  Numbers32 parameters;
};

std::vector<Case> cases(std::uint32_t size, std::uint32_t bytes) {
  std::vector<Case> all = {{"deflate", kDeflate, {4}}, {"shuffle", kShuffle, {size}},
                           {"zstd", kZstd, {3}},       {"zstd 19", kZstd, {19}},
                           {"lz4", kLz4, {0}},         {"lz4 in blocks", kLz4, {333}},
                           {"bzip2", kBzip2, {9}},     {"lzf", kLzf, {4, 261, bytes}}};
  for (std::uint32_t codec = 0; codec < 6; ++codec) {
    for (std::uint32_t shuffled = 0; shuffled < 3; ++shuffled) {
      all.push_back({"blosc " + std::to_string(codec) + " shuffle " + std::to_string(shuffled),
                     kBlosc,
                     {2, 2, size, bytes, 5, shuffled, codec}});
    }
  }
  for (const std::uint32_t block : {0u, 8u, 264u}) {
    all.push_back({"bitshuffle", kBitshuffle, {0, 4, size, block, 0}});
    all.push_back({"bitshuffle lz4", kBitshuffle, {0, 4, size, block, 2}});
    all.push_back({"bitshuffle zstd", kBitshuffle, {0, 4, size, block, 3, 2}});
  }
  return all;
}

// By the table, or for what is only read here by its library. Empty: it would not get smaller, so
// HDF5 would skip the filter.
Contents encoded(const Case& of, const Contents& in, CodecScratch& scratch) {
  const KnownFilter* filter = find_filter(of.id);
  Contents out(most_stored(of.id, of.parameters, in.size()) + 600);
  if (filter->encode != nullptr) {
    const std::size_t bound =
        filter->bound == nullptr ? in.size() : filter->bound(of.parameters, in.size());
    GuardedBytes room(bound);
    const std::size_t used = filter->encode(of.parameters, in, room.last(bound), scratch);
    EXPECT_LE(used, bound);
    const auto bytes = room.last(bound).first(used);
    return {bytes.begin(), bytes.end()};
  }
  auto used = static_cast<unsigned>(out.size());
  if (of.id == kLzf) {
    used = lzf_compress(in.data(), unsigned(in.size()), out.data(), unsigned(in.size()));
  } else {
    Contents copy = in;
    EXPECT_EQ(BZ2_bzBuffToBuffCompress(reinterpret_cast<char*>(out.data()), &used,
                                       reinterpret_cast<char*>(copy.data()), unsigned(in.size()), 9,
                                       0, 0),
              BZ_OK);
  }
  out.resize(used);
  return out;
}

// Noise, zeros, steps, or numbers that grow slowly.
Contents contents(std::size_t bytes, std::size_t size, std::mt19937_64& random) {
  Contents in(bytes);
  const auto kind = random() % 4;
  for (std::size_t i = 0; i < bytes; ++i) {
    if (kind == 0) in[i] = static_cast<std::byte>(random());
    if (kind == 2) in[i] = static_cast<std::byte>(i / 97);
    if (kind == 3 && i % size < 2)
      in[i] = static_cast<std::byte>((i / size + random() % 3) >> (8 * (i % size)));
  }
  return in;
}

// Empty if it was decoded, else the error, which must be one of the input.
std::string problem_of(const Case& of, ByteView stored, Room out, CodecScratch& scratch) {
  try {
    find_filter(of.id)->decode(of.parameters, stored, out, scratch);
    return {};
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code, ExitCode::kInput) << error.block();
    EXPECT_FALSE(error.message.empty());
    return error.message;
  }
}

TEST(Codecs, ComeBackForEveryElementSizeAndLength) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  CodecScratch scratch;
  GuardedBytes from(kMost);
  GuardedBytes to(kMost);
  for (const std::uint32_t size : {1u, 2u, 3u, 4u, 8u, 16u}) {
    for (std::size_t count : {std::size_t{0}, std::size_t{1}, 1 + random() % 7, 8 + random() % 300,
                              random() % 9000, std::size_t{8192}}) {
      const Contents in = contents(count * size, size, random);
      for (const Case& of : cases(size, static_cast<std::uint32_t>(in.size()))) {
        if (in.empty() && find_filter(of.id)->encode == nullptr) continue;
        const Contents stored = encoded(of, in, scratch);
        if (stored.empty() && of.id == kLzf) continue;
        ASSERT_LE(stored.size(), most_stored(of.id, of.parameters, in.size())) << of.name;
        const auto out = to.last(in.size());
        std::fill(out.begin(), out.end(), std::byte{0xee});
        ASSERT_EQ(problem_of(of, from.copy(stored), out, scratch), "")
            << of.name << ", " << count << " of " << size;
        ASSERT_TRUE(std::equal(in.begin(), in.end(), out.begin()))
            << of.name << ", " << count << " of " << size;
      }
    }
  }
}

TEST(Codecs, GiveTheSameBytesWhateverWasEncodedBefore) {
  std::mt19937_64 random(5);
  CodecScratch used;
  for (int round = 0; round < 3; ++round) {
    const Contents in = contents(20000, 4, random);
    for (const Case& of : cases(4, 20000)) {
      CodecScratch fresh;
      EXPECT_TRUE(encoded(of, in, used) == encoded(of, in, fresh)) << of.name;
    }
  }
}

// A stream that was cut or made longer is an error, whatever the codec, but for those that cannot
// know: planes and shuffled bytes have no lengths, zlib streams may be followed by anything.
TEST(Codecs, RefuseEveryTruncationAndWrongLengths) {
  std::mt19937_64 random(6);
  CodecScratch scratch;
  GuardedBytes from(kMost);
  GuardedBytes to(kMost);
  Contents in = contents(3000, 4, random);
  for (std::size_t i = 0; i < in.size(); ++i) in[i] = static_cast<std::byte>(i / 8 % 50);
  for (const Case& of : cases(4, 3000)) {
    if (!compresses(of.id, of.parameters)) continue;
    const Contents stored = encoded(of, in, scratch);
    for (std::size_t size = 0; size < stored.size(); ++size) {
      const std::string problem =
          problem_of(of, from.copy(ByteView(stored).first(size)), to.last(in.size()), scratch);
      ASSERT_NE(problem, "") << of.name << " cut to " << size;
    }
    for (const std::size_t wrong : {0u, 4u, 2996u, 3004u, 200000u}) {
      EXPECT_NE(problem_of(of, from.copy(stored), to.last(wrong), scratch), "")
          << of.name << " as " << wrong;
    }
    if (of.id == kDeflate || of.id == kBzip2) continue;
    Contents longer = stored;
    longer.push_back(std::byte{0});
    EXPECT_NE(problem_of(of, from.copy(longer), to.last(in.size()), scratch), "") << of.name;
  }
}

TEST(Codecs, SurviveFlippedBytes) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  CodecScratch scratch;
  GuardedBytes from(kMost);
  GuardedBytes to(kMost);
  for (const Case& of : cases(4, 4000)) {
    const Contents in = contents(4000, 4, random);
    const Contents stored = encoded(of, in, scratch);
    if (stored.empty()) continue;
    for (int round = 0; round < 2000; ++round) {
      Contents flipped = stored;
      for (auto flips = 1 + random() % 3; flips > 0; --flips) {
        // Half of them in the headers.
        const std::size_t range =
            random() % 2 == 0 ? std::min<std::size_t>(32, flipped.size()) : flipped.size();
        flipped[random() % range] ^= static_cast<std::byte>(1 + random() % 255);
      }
      problem_of(of, from.copy(flipped), to.last(in.size()), scratch);
    }
    EXPECT_LE(scratch.capacity(), in.size() + (std::size_t{4} << 20)) << of.name;
  }
}

TEST(Codecs, SayWhatIsWrong) {
  CodecScratch scratch;
  const auto problem = [&](std::uint32_t id, Numbers32 parameters, Contents in, std::size_t size) {
    Contents out(size);
    return problem_of({"", id, std::move(parameters)}, in, out, scratch);
  };
  const auto header = [](std::uint64_t total, std::uint32_t block) {
    Contents bytes;
    for (int i = 7; i >= 0; --i) bytes.push_back(static_cast<std::byte>(total >> (8 * i)));
    for (int i = 3; i >= 0; --i) bytes.push_back(static_cast<std::byte>(block >> (8 * i)));
    return bytes;
  };
  EXPECT_EQ(problem(kLz4, {}, Contents(11), 8), "an lz4 stream is shorter than its header");
  EXPECT_EQ(problem(kLz4, {}, header(9, 8), 8), "an lz4 stream holds 9 bytes instead of 8");
  EXPECT_EQ(problem(kLz4, {}, header(8, 0), 8), "an lz4 stream has blocks of no bytes");
  EXPECT_EQ(problem(kLz4, {}, header(8, 8), 8), "an lz4 stream is cut short");
  EXPECT_EQ(problem(kBlosc, {}, Contents(16), 8), "corrupt blosc header");
  EXPECT_EQ(problem(kLzf, {}, {}, 8), "an lzf stream is empty");
  EXPECT_EQ(problem(kBzip2, {}, {}, 8), "a bzip2 stream is cut short");
  EXPECT_EQ(problem(kBzip2, {}, Contents(8), 8), "corrupt bzip2 stream");
  EXPECT_TRUE(problem(kZstd, {}, Contents(8), 8).starts_with("corrupt zstd stream ("));
  EXPECT_EQ(problem(kZstd, {}, {}, 8), "a zstd stream is too short");
  EXPECT_EQ(problem(kBitshuffle, {0, 4, 0}, Contents(8), 8),
            "the bitshuffle filter has no element size");
  EXPECT_EQ(problem(kBitshuffle, {0, 4, 3}, Contents(8), 8),
            "bitshuffled data of 8 bytes are no elements of 3");
  EXPECT_EQ(problem(kBitshuffle, {0, 4, 1, 9}, Contents(8), 8),
            "a bitshuffle block of 9 elements, not of eights");
  EXPECT_EQ(problem(kBitshuffle, {0, 4, 1, 0, 7}, Contents(8), 8),
            "bitshuffle with an unknown compression 7");
  EXPECT_EQ(problem(kBitshuffle, {0, 4, 1, 0, 2}, header(9, 8), 8),
            "a bitshuffle stream holds 9 bytes instead of 8");
  // The largest length that a block can claim.
  Contents block = header(8, 8);
  block.resize(16, std::byte{0xff});
  EXPECT_EQ(problem(kBitshuffle, {0, 4, 1, 0, 2}, block, 8), "a bitshuffle stream is cut short");
  EXPECT_EQ(problem(kLz4, {}, block, 8), "an lz4 stream is cut short");
}

TEST(Codecs, OfOldBitshufflePluginsDidNotCompressWithZstd) {
  EXPECT_FALSE(bitshuffle_compresses(Numbers32{0, 3, 4, 0, 3}));
  EXPECT_TRUE(bitshuffle_compresses(Numbers32{0, 3, 4, 0, 2}));
  EXPECT_TRUE(bitshuffle_compresses(Numbers32{0, 4, 4, 0, 3}));
}

}  // namespace
}  // namespace rankine::io
