// What tasks read next is on its way while they compute: what is told of is read later, and is
// never too much.
#include <gtest/gtest.h>

#include <map>

#include "io/reader.h"
#include "runtime/rankine.h"
#include "tests/io/h5/python_file.h"
#include "tests/support/cluster.h"
#include "tests/support/watched_reads.h"

namespace rankine {
namespace {

using testing::WatchedCall;
using testing::WatchedReads;

constexpr std::int64_t kChunk = std::int64_t{3} << 20;  // bytes
constexpr int kChunks = 60;
constexpr std::int64_t kBlock = 4096;

// Chunks of zeros that take no room on the disk.
std::string holey_file(const io::test::TempFolder& folder) {
  return io::test::python_file(folder, "a.h5", R"(
f = h5py.File(path, 'w')
c = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
c.set_chunk((1, 3 << 18)); c.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
c.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
h5py.h5d.create(f.id, b'x', h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((60, 3 << 18)), c))");
}

struct Counted {
  std::int64_t told = 0;    // bytes, from the file's chunks
  std::int64_t read = 0;    // likewise
  std::int64_t late = 0;    // told of when they were being read already
  std::int64_t coming = 0;  // at the most, told of and not read
};

// By chunk; what was told of twice counts once.
Counted count_calls() {
  Counted counted;
  std::map<std::int64_t, std::int64_t> coming;  // by block
  std::map<std::int64_t, bool> read;
  std::int64_t most = 0;
  for (const WatchedCall& call : WatchedReads::calls()) {
    if (call.size < kChunk / 4) continue;                         // not of a chunk
    const std::int64_t end = (call.offset + call.size) / kBlock;  // whole blocks
    for (std::int64_t block = (call.offset + kBlock - 1) / kBlock; block < end; ++block) {
      if (!call.told) {
        coming.erase(block);
        counted.read += read.emplace(block, true).second ? kBlock : 0;
      } else if (read.contains(block)) {
        counted.late += kBlock;
      } else {
        counted.told += coming.emplace(block, kBlock).second ? kBlock : 0;
      }
    }
    most = std::max(most, static_cast<std::int64_t>(coming.size()) * kBlock);
  }
  counted.coming = most;
  return counted;
}

TEST(ReadingAhead, TellsTheSystemOfWhatIsReadLaterAndNeverOfTooMuch) {
  const io::test::TempFolder folder;
  const std::string file = holey_file(folder);
  for (const int threads : {1, 2}) {
    const WatchedReads watched;  // as long as there are threads that close files
    testing::run_cluster(1, testing::threads(threads), [&](Session& session) {
      const Array x = open(file + ":/x");
      EXPECT_EQ(session.compute(x.max()).item<float>(), 0);
      const Counted counted = count_calls();
      EXPECT_GE(counted.read, kChunks * (kChunk - 2 * kBlock));
      // A thread tells of what it chose among what nobody reads yet, and is held up in between as
      // the system likes: another thread may have begun to read that by then, never itself.
      if (threads == 1) {
        EXPECT_EQ(counted.late, 0);
      }
      EXPECT_GT(counted.told + counted.late, kChunks * kChunk * 3 / 4);
      // The step that begins reads a chunk, which no longer counts.
      EXPECT_LE(counted.coming, threads * (io::kExpectedBytes + kChunk + kBlock));
    });
  }
}

}  // namespace
}  // namespace rankine
