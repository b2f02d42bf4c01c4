// Sealed bytes: whatever happens to them on the way is an Error, never another value.
#include "runtime/base/archive.h"

#include <gtest/gtest.h>

#include <limits>

#include "runtime/base/dtype.h"
#include "runtime/base/inline_vector.h"
#include "runtime/base/shape.h"
#include "runtime/base/varint.h"

namespace rankine {
namespace {

struct Sample {
  std::string text = "anomaly";
  std::vector<std::int64_t> numbers{1, -2, std::int64_t{1} << 50};
  Extents shape{3, 0, 7};
  std::optional<double> maybe = 2.5;
  bool operator==(const Sample&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(text, numbers, shape, maybe);
  }
};

TEST(Archive, GivesBackWhatWasPutIn) {
  EXPECT_EQ(from_bytes<Sample>(to_bytes(Sample())), Sample());
}

TEST(Archive, EverySingleFlippedBitIsAnError) {
  const Bytes good = to_bytes(Sample());
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_THROW(from_bytes<Sample>(bad), Error) << "bit " << bit;
  }
}

TEST(Archive, EveryShortenedOrLengthenedOneIsAnError) {
  const Bytes good = to_bytes(Sample());
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_THROW(from_bytes<Sample>(std::span(good).first(size)), Error) << size << " bytes";
  }
  Bytes longer = good;
  longer.push_back(std::byte{0});
  EXPECT_THROW(from_bytes<Sample>(longer), Error);
}

TEST(Archive, ARightChecksumOverTooFewBytesIsAnError) {
  EXPECT_THROW(from_bytes<Sample>(seal("")), Error);
  EXPECT_THROW(from_bytes<Sample>(seal("abc")), Error);
  // A string that says it is 2^63 bytes long must not be believed.
  EXPECT_THROW(from_bytes<std::string>(seal(std::string("\1\0\0\0\0\0\0\0\x40", 9))), Error);
}

TEST(Archive, TooManyAxesAreAnError) {
  std::ostringstream stream;
  {
    cereal::PortableBinaryOutputArchive archive(stream);
    archive(Varint{kMaxAxes + 1});
  }
  EXPECT_THROW(from_bytes<Extents>(seal(stream.str())), Error);
  std::ostringstream negative;
  {
    cereal::PortableBinaryOutputArchive archive(negative);
    archive(Varint{-1});
  }
  EXPECT_THROW(from_bytes<Extents>(seal(negative.str())), Error);
}

std::size_t payload_size(std::int64_t value) { return unseal(to_bytes(Varint{value})).size(); }

TEST(Varint, EdgesComeBack) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  for (int shift = 0; shift < 63; ++shift) {
    for (const std::int64_t near : {-1, 0, 1}) {
      for (const std::int64_t sign : {-1, 1}) {
        const std::int64_t value = sign * ((std::int64_t{1} << shift) + near);
        EXPECT_EQ(from_bytes<Varint>(to_bytes(Varint{value})).value, value);
      }
    }
  }
  for (const std::int64_t value : {kMost, kMost - 1, -kMost, -kMost - 1}) {
    EXPECT_EQ(from_bytes<Varint>(to_bytes(Varint{value})).value, value);
  }
}

TEST(Varint, SmallNumbersTakeOneByte) {
  const std::size_t one = payload_size(0);
  EXPECT_EQ(payload_size(63), one);
  EXPECT_EQ(payload_size(-64), one);
  EXPECT_EQ(payload_size(64), one + 1);
  EXPECT_EQ(payload_size(-65), one + 1);
  EXPECT_EQ(payload_size(std::numeric_limits<std::int64_t>::min()), one + 9);
}

// Each would be a wrong value, or memory that nobody has: 8 GiB here.
TEST(Archive, WhatHasNoMeaningIsAnError) {
  const auto little_endian = [](std::string bytes) { return seal("\1" + bytes); };
  EXPECT_TRUE(from_bytes<bool>(little_endian("\1")));
  EXPECT_THROW(from_bytes<bool>(little_endian("\2")), Error);
  EXPECT_EQ(from_bytes<DType>(little_endian("\1")), DType::kInt8);
  EXPECT_THROW(from_bytes<DType>(little_endian("\x63")), Error);
  const std::string two_to_the_30("\0\0\0\x40\0\0\0\0", 8);
  EXPECT_THROW(from_bytes<std::vector<std::uint64_t>>(little_endian(two_to_the_30)), Error);
  EXPECT_THROW(from_bytes<std::vector<std::string>>(little_endian(two_to_the_30)), Error);
  EXPECT_THROW(from_bytes<bool>(seal(std::string("\0\1", 2))), Error) << "another byte order";
}

TEST(Varint, ANumberThatNeverEndsIsAnError) {
  std::ostringstream stream;
  {
    cereal::PortableBinaryOutputArchive archive(stream);
    for (int i = 0; i < 20; ++i) archive(std::uint8_t{0xff});
  }
  EXPECT_THROW(from_bytes<Varint>(seal(stream.str())), Error);
  std::ostringstream cut;
  {
    cereal::PortableBinaryOutputArchive archive(cut);
    archive(std::uint8_t{0x80});
  }
  EXPECT_THROW(from_bytes<Varint>(seal(cut.str())), Error);
}

}  // namespace
}  // namespace rankine
