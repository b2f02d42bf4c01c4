#include "io/h5/index_code.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <random>

#include "runtime/base/error.h"

namespace rankine::io {
namespace {

bool same(const ChunkIndex& a, const ChunkIndex& b) {
  return std::ranges::equal(a, b, [](const ChunkExtent& x, const ChunkExtent& y) {
    return x.address == y.address && x.size == y.size && x.filter_mask == y.filter_mask;
  });
}

// Any mixture of runs, gaps, other sizes and masks, and chunks that were never written.
ChunkIndex random_index(std::mt19937_64& random, std::size_t count) {
  ChunkIndex index;
  std::uint64_t at = random() >> 8;
  ChunkExtent extent{at, 100, 0};
  while (index.size() < count) {
    switch (random() % 6) {
      case 0: at = random() >> (random() % 64); break;
      case 1: extent.size = static_cast<std::uint32_t>(random() >> (32 + random() % 32)); break;
      case 2: extent.filter_mask = static_cast<std::uint32_t>(random() % 4); break;
      default: break;
    }
    const bool missing = random() % 4 == 0;
    for (std::size_t run = random() % 20; run > 0 && index.size() < count; --run) {
      if (missing) {
        index.emplace_back();
        continue;
      }
      extent.address = at == ChunkExtent::kMissing ? 0 : at;
      index.push_back(extent);
      at = extent.address + extent.size;
    }
  }
  return index;
}

TEST(IndexCode, GivesBackEveryIndex) {
  const unsigned seed = std::random_device{}();
  std::printf("seed %u\n", seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 500; ++i) {
    const ChunkIndex index = random_index(random, random() % 300);
    EXPECT_TRUE(same(unpack_index(pack_index(index)), index)) << i;
  }
}

TEST(IndexCode, TakesLittleForWhatIsRegular) {
  const ChunkIndex unwritten(1'000'000);
  EXPECT_LT(pack_index(unwritten).size(), 16u);
  ChunkIndex regular(1'000'000);
  for (std::size_t i = 0; i < regular.size(); ++i) regular[i] = {4096 + i * 512, 512, 0};
  EXPECT_LT(pack_index(regular).size(), 16u);
  EXPECT_TRUE(same(unpack_index(pack_index(regular)), regular));
  for (std::size_t i = 0; i < regular.size(); ++i)
    regular[i].size = 400 + static_cast<std::uint32_t>(i % 100);
  EXPECT_LT(pack_index(regular).size(), 6u * regular.size());
}

TEST(IndexCode, RefusesWhatIsNoIndex) {
  const unsigned seed = std::random_device{}();
  std::printf("seed %u\n", seed);
  std::mt19937_64 random(seed);
  const auto expect_answer_or_error = [](const std::string& bytes) {
    try {
      EXPECT_LE(unpack_index(bytes).size(), 1u << 26);
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code, ExitCode::kInput);
    }
  };
  const std::string good = pack_index(random_index(random, 200));
  for (std::size_t length = 0; length < good.size(); ++length) {
    EXPECT_THROW(unpack_index(good.substr(0, length)), Error) << length;
  }
  EXPECT_THROW(unpack_index(good + '\0'), Error);
  EXPECT_THROW(unpack_index("\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), Error) << "too many chunks";
  for (int i = 0; i < 5000; ++i) {
    std::string bytes = good;
    bytes[1 + random() % (bytes.size() - 1)] = static_cast<char>(random());
    expect_answer_or_error(bytes);
  }
}

}  // namespace
}  // namespace rankine::io
