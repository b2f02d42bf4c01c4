#include "io/codec/codec.h"

#include <gtest/gtest.h>

#include <vector>

#include "io/codec/table.h"

namespace rankine::io {
namespace {

using Numbers32 = std::vector<std::uint32_t>;

TEST(Codec, IsReadAndWritten) {
  for (const char* text :
       {"none", "deflate-1", "deflate-9", "zstd-1", "zstd-22", "lz4", "blosc-lz4-5", "blosc-zstd-9",
        "blosc-blosclz-1", "blosc-lz4hc-2", "blosc-snappy-5", "blosc-zlib-3", "bitshuffle",
        "bitshuffle-lz4", "bitshuffle-zstd-7"}) {
    EXPECT_EQ(to_string(parse_codec(text)), text);
    EXPECT_NO_THROW(check(parse_codec(text))) << text;
  }
  for (const std::string& name : codec_names()) EXPECT_NO_THROW(parse_codec(name)) << name;
  EXPECT_EQ(to_string(parse_codec("deflate")), "deflate-4");
  EXPECT_EQ(to_string(parse_codec("zstd")), "zstd-3");
  EXPECT_EQ(to_string(parse_codec("blosc")), "blosc-lz4-5");
  EXPECT_EQ(to_string(parse_codec("blosc-7")), "blosc-lz4-7");
  EXPECT_EQ(to_string(parse_codec("blosc-zstd")), "blosc-zstd-5");
  EXPECT_EQ(to_string(parse_codec("bitshuffle-zstd")), "bitshuffle-zstd-3");
  EXPECT_EQ(parse_codec("deflate-4"), Codec());
}

TEST(Codec, IsFoundAgainFromItsFilter) {
  for (const char* text : {"deflate-3", "zstd-7", "lz4", "blosc-lz4-5", "blosc-zstd-9",
                           "blosc-snappy-2", "bitshuffle", "bitshuffle-lz4", "bitshuffle-zstd-7"}) {
    const FilterSteps steps = filter_steps(parse_codec(text), false, false, 4, 4000);
    const Codec found = codec_of(steps.begin()->id, steps.begin()->parameters());
    EXPECT_EQ(to_string(found), text);
  }
  EXPECT_EQ(codec_of(kFletcher32, {}).kind, Codec::Kind::kNone);
}

TEST(Codec, RefusesOthersAndListsWhatThereIs) {
  for (const char* text : {"",
                           "-",
                           "gzip",
                           "deflate-0",
                           "deflate-10",
                           "deflate-",
                           "deflate-4x",
                           "deflate--4",
                           "zstd-23",
                           "zstd-3-4",
                           "lz4-1",
                           "none-1",
                           "blosc-lzma",
                           "blosc-10",
                           "bitshuffle-zlib",
                           "bitshuffle-3",
                           "Zstd",
                           "zstd ",
                           "zstd:3",
                           "zstd-99999999999999999999"}) {
    try {
      parse_codec(text);
      ADD_FAILURE() << text << " was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code, ExitCode::kUsage) << text;
      EXPECT_NE(error.message.find(text), std::string::npos) << error.message;
      EXPECT_NE(error.remedy.find("zstd-1"), std::string::npos) << error.remedy;
    }
  }
  for (const Codec& codec :
       {Codec{Codec::Kind::kDeflate, 10, 0}, Codec{Codec::Kind::kDeflate, 0, 0},
        Codec{Codec::Kind::kLz4, 1, 0}, Codec{Codec::Kind::kBlosc, 5, 77}}) {
    EXPECT_THROW(check(codec), Error) << to_string(codec);
  }
}

// The numbers that the plugins of Debian and hdf5plugin write.
TEST(Codec, HasTheParametersOfThePlugins) {
  const auto steps = [](const char* codec, bool shuffled, bool sum, std::size_t size) {
    std::vector<std::pair<std::uint32_t, Numbers32>> result;
    for (const FilterStep& step : filter_steps(parse_codec(codec), shuffled, sum, size, 4000)) {
      const Parameters numbers = step.parameters();
      result.emplace_back(step.id, Numbers32(numbers.begin(), numbers.end()));
    }
    return result;
  };
  using Steps = std::vector<std::pair<std::uint32_t, Numbers32>>;
  EXPECT_EQ(steps("none", true, false, 4), Steps{});
  EXPECT_EQ(steps("deflate-7", true, true, 4), (Steps{{2, {4}}, {1, {7}}, {3, {}}}));
  EXPECT_EQ(steps("zstd-9", true, false, 2), (Steps{{2, {2}}, {32015, {9}}}));
  EXPECT_EQ(steps("zstd-9", true, false, 1), (Steps{{32015, {9}}}));
  EXPECT_EQ(steps("lz4", false, true, 4), (Steps{{32004, {0}}, {3, {}}}));
  EXPECT_EQ(steps("blosc", true, false, 4), (Steps{{32001, {2, 2, 4, 4000, 5, 1, 1}}}));
  EXPECT_EQ(steps("blosc-zstd-1", false, false, 8), (Steps{{32001, {2, 2, 8, 4000, 1, 0, 5}}}));
  EXPECT_EQ(steps("bitshuffle", true, false, 4), (Steps{{32008, {0, 4, 4, 0, 0}}}));
  EXPECT_EQ(steps("bitshuffle-lz4", true, false, 4), (Steps{{32008, {0, 4, 4, 0, 2}}}));
  EXPECT_EQ(steps("bitshuffle-zstd-5", false, false, 4), (Steps{{32008, {0, 4, 4, 0, 3, 5}}}));
}

}  // namespace
}  // namespace rankine::io
