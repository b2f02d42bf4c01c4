#include "io/read_ahead.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <random>
#include <set>

#include "io/h5/inspect.h"
#include "io/h5/record_driver.h"
#include "tests/io/h5/python_file.h"
#include "tests/support/watched_reads.h"

namespace rankine::io {
namespace {

using namespace test;
using rankine::testing::WatchedCall;
using rankine::testing::WatchedReads;

std::set<std::int64_t> bytes_of(bool told) {
  std::set<std::int64_t> bytes;
  for (const WatchedCall& call : WatchedReads::calls()) {
    for (std::int64_t i = 0; call.told == told && i < call.size; ++i) bytes.insert(call.offset + i);
  }
  return bytes;
}

// Chunks one behind the other or apart, some of them missing, read in any order.
TEST(ReadAhead, TellsOfEveryPieceOnceBeforeItIsReadAndNeverOfTooMuch) {
  const unsigned seed = std::random_device{}();
  std::printf("seed %u\n", seed);
  std::mt19937_64 random(seed);
  const TempFolder folder;
  const PosixFile file = PosixFile::create_new(folder / "f");
  for (int round = 0; round < 200; ++round) {
    ChunkIndex index(1 + random() % 60);
    std::map<std::int64_t, std::size_t> chunk_at;
    std::uint64_t at = 100;
    for (std::size_t i = 0; i < index.size(); ++i) {
      if (random() % 8 == 0) continue;
      index[i] = {at, static_cast<std::uint32_t>(1 + random() % 40), 0};
      chunk_at[static_cast<std::int64_t>(at)] = i;
      at += index[i].size + (random() % 3 == 0 ? random() % 50 : 0);
    }
    std::vector<std::int64_t> pieces(index.size());
    for (std::size_t i = 0; i < pieces.size(); ++i) pieces[i] = static_cast<std::int64_t>(i);
    if (random() % 2 == 0) std::shuffle(pieces.begin(), pieces.end(), random);
    const auto most = static_cast<std::int64_t>(1 + random() % 120);

    const WatchedReads watched;
    PiecesAhead ahead(file, index, pieces, most);
    ReadStats stats;
    std::vector<std::int64_t> told(index.size());  // bytes of each chunk
    std::size_t seen = 0;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      ahead.go_on(i, stats);
      for (; seen < WatchedReads::calls().size(); ++seen) {
        const WatchedCall& call = WatchedReads::calls()[seen];
        for (std::int64_t byte = call.offset; byte < call.offset + call.size; ++byte) {
          const auto chunk = std::prev(chunk_at.upper_bound(byte))->second;
          ASSERT_LT(byte, static_cast<std::int64_t>(index[chunk].address + index[chunk].size));
          ++told[chunk];
        }
      }
      std::int64_t coming = 0;
      for (std::size_t k = 0; k < pieces.size(); ++k) {
        const auto chunk = static_cast<std::size_t>(pieces[k]);
        const bool missing = index[chunk].address == ChunkExtent::kMissing;
        const std::int64_t whole = missing ? 0 : std::min<std::int64_t>(index[chunk].size, most);
        if (k == 0) EXPECT_EQ(told[chunk], 0) << "it is being read";
        else if (k <= i) EXPECT_EQ(told[chunk], whole) << k;
        else coming += told[chunk];
      }
      EXPECT_LE(coming, most);
    }
    std::int64_t all = 0;
    for (const std::int64_t bytes : told) all += bytes;
    EXPECT_EQ(stats.bytes_ahead, all);
  }
}

TEST(ReadAhead, TellsOfWhatABoxReads) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.h5", R"(
f = h5py.File(path, 'w')
x = rng.integers(0, 99, (15, 20, 50)).astype('f4')
f.create_dataset('chunked', data=x, chunks=(2, 3, 50), compression=1)
f.create_dataset('raw', data=x, chunks=(5, 20, 50))
f['contiguous'] = x)");
  const FileInfo info = inspect(path);
  for (const char* name : {"/chunked", "/raw", "/contiguous"}) {
    SCOPED_TRACE(name);
    Dataset dataset = make_dataset(info, name);
    ChunkIndex index = dataset.chunk.empty() ? ChunkIndex{} : record_index(path, name);
    const DatasetReader reader(std::move(dataset), std::move(index));
    for (const Box& box : {Box{{0, 0, 0}, {15, 20, 50}}, Box{{3, 5, 0}, {9, 9, 50}},
                           Box{{14, 19, 0}, {15, 20, 50}}}) {
      const WatchedReads watched;
      ReadStats stats;
      reader.expect(box, 1 << 30, stats);
      const auto expected = bytes_of(true);
      EXPECT_EQ(stats.bytes_ahead, static_cast<std::int64_t>(expected.size()));
      if (!reader.dataset().chunk.empty()) {
        EXPECT_EQ(reader.stored_bytes(box, 1 << 30), stats.bytes_ahead);
      }
      EXPECT_EQ(reader.stored_bytes(box, 10), 10);
      ReadScratch scratch;
      Contents out(static_cast<std::size_t>(box.size()) * 4);
      reader.read(box, out.data(), scratch, stats);
      EXPECT_EQ(bytes_of(false), expected);
      WatchedReads::calls().clear();
      reader.expect(box, 1000, stats);
      EXPECT_LE(bytes_of(true).size(), 1000u);
    }
  }
}

TEST(ReadAhead, IsQuietAboutWhatIsInMemory) {
  const TempFolder folder;
  PosixFile file = PosixFile::create_new(folder / "f");
  file.write_full(Contents(100'000));
  Contents bytes(100'000);
  file.pread_full(bytes, 0);
  std::byte one{};
  const iovec place{&one, 1};
  if (::preadv2(file.descriptor(), &place, 1, 0, RWF_NOWAIT) != 1) {
    GTEST_SKIP() << "this file system does not say what is in memory";
  }
  EXPECT_FALSE(file.will_need(0, 100'000));
  const WatchedReads watched;
  EXPECT_TRUE(file.will_need(10, 500));
  EXPECT_FALSE(file.will_need(10, 0));
  ASSERT_EQ(WatchedReads::calls().size(), 1u);
  EXPECT_EQ(WatchedReads::calls()[0].offset, 10);
  EXPECT_EQ(WatchedReads::calls()[0].size, 500);
}

}  // namespace
}  // namespace rankine::io
