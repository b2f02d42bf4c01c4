#include "io/h5/record_driver.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <random>

#include "io/h5/input_file.h"
#include "io/h5/inspect.h"
#include "runtime/base/chunk_grid.h"
#include "runtime/base/error.h"
#include "tests/io/h5/python_file.h"

namespace rankine::io {
namespace {

using namespace test;

// The stored bytes of one chunk by the library itself; empty if it was never written. The library's
// own answer for the address forgets the user block, so bytes are compared.
struct Stored {
  std::vector<std::byte> bytes;
  std::uint32_t mask = 0;
  bool found = false;
};

Stored read_stored(hid_t dataset, const Extents& offset) {
  const hsize_t at[3] = {static_cast<hsize_t>(offset[0]),
                         offset.size() > 1 ? static_cast<hsize_t>(offset[1]) : 0,
                         offset.size() > 2 ? static_cast<hsize_t>(offset[2]) : 0};
  Stored stored;
  hsize_t size = 0;
  if (H5Dget_chunk_storage_size(dataset, at, &size) < 0 || size == 0) return stored;
  stored.bytes.resize(size);
  stored.found = H5Dread_chunk(dataset, H5P_DEFAULT, at, &stored.mask, stored.bytes.data()) >= 0;
  return stored;
}

// Returns how many chunks were there.
std::int64_t expect_index_is_right(const std::string& path, const std::string& name) {
  SCOPED_TRACE(path + ":" + name);
  const Variable variable = inspect_dataset(path, name);
  const ChunkIndex index = record_index(path, name);
  const ChunkGrid grid = ChunkGrid::regular(variable.shape, variable.chunk);
  EXPECT_EQ(static_cast<std::int64_t>(index.size()), grid.chunk_count());
  const auto file_bytes = read_file(path);
  const H5Lock lock;
  const H5File file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT));
  const H5Dataset dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT));
  std::int64_t found = 0;
  for (std::int64_t i = 0; i < grid.chunk_count(); ++i) {
    const auto stored = read_stored(dataset, grid.chunk_box(coordinate_of(i, grid.counts())).lo);
    const auto& extent = index[static_cast<std::size_t>(i)];
    EXPECT_EQ(stored.found, extent.address != ChunkExtent::kMissing) << i;
    if (!stored.found || extent.address == ChunkExtent::kMissing) continue;
    ++found;
    EXPECT_EQ(stored.mask, extent.filter_mask) << i;
    EXPECT_EQ(stored.bytes.size(), extent.size) << i;
    if (stored.bytes.size() != extent.size) continue;
    EXPECT_TRUE(std::equal(stored.bytes.begin(), stored.bytes.end(),
                           file_bytes.begin() + static_cast<std::ptrdiff_t>(extent.address)))
        << i;
  }
  return found;
}

TEST(RecordIndex, IsRightForEveryKindOfIndexLibraryVersionAndUserBlock) {
  const TempFolder folder;
  for (const char* version : {"'earliest'", "('v108', 'v108')", "('v110', 'v110')", "'latest'"}) {
    for (const int userblock : {0, 512, 4096}) {
      const auto path = python_file(folder, "a.h5",
                                    R"(
f = h5py.File(path, 'w', libver=)" + std::string(version) +
                                        ", userblock_size=" + std::to_string(userblock) + R"()
x = rng.integers(0, 9, (14, 9)).astype('i4')
k = dict(data=x, chunks=(4, 3))
f.create_dataset('fixed', **k)
f.create_dataset('single', data=x, chunks=(14, 9))
f.create_dataset('single_deflate', data=x, chunks=(14, 9), compression=1)
f.create_dataset('extensible', maxshape=(None, 9), **k)
f.create_dataset('extensible_last', maxshape=(20, None), **k)
f.create_dataset('btree', maxshape=(None, None), **k)
f.create_dataset('roomy', maxshape=(40, 50), **k)
f.create_dataset('deflate', compression=4, shuffle=True, **k)
f.create_dataset('deflate_extensible', maxshape=(None, 9), compression=4, **k)
f.create_dataset('deflate_btree', maxshape=(None, None), compression=4, fletcher32=True, **k)
f.create_dataset('lazy', (14, 9), 'i4', chunks=(4, 3))
d = f.create_dataset('sparse', (1400, 9), 'f4', chunks=(4, 3), maxshape=(None, 9))
d[40:48] = 1; d[1000, 8] = 2
d = f.create_dataset('many', (3000,), 'i2', chunks=(1,), maxshape=(None,)); d[...] = 5
for name, shape, most in (('implicit', (14, 9), (14, 9)), ('implicit_roomy', (14, 9), (30, 30))):
  c = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
  c.set_chunk((4, 3)); c.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
  s = h5py.h5s.create_simple(shape, most)
  d = h5py.h5d.create(f.id, name.encode(), h5py.h5t.NATIVE_INT32, s, c)
  d.write(h5py.h5s.ALL, h5py.h5s.ALL, x)
d = f.create_dataset('shrunk', maxshape=(None, None), **k); d.resize((5, 9))
d = f.create_dataset('grown', maxshape=(None, None), **k); d.resize((50, 20))
d = f.create_dataset('masked', (8, 3), 'i4', chunks=(4, 3), compression=4, shuffle=True)
d.id.write_direct_chunk((4, 0), x[:4, :3].tobytes(), 3)
f.create_dataset('none', (0, 9), 'i4', chunks=(4, 3), maxshape=(None, 9))
f.close())");
      for (const char* name :
           {"fixed", "extensible", "extensible_last", "btree", "roomy", "deflate",
            "deflate_extensible", "deflate_btree", "implicit", "implicit_roomy"}) {
        EXPECT_EQ(expect_index_is_right(path, name), 12) << version << userblock;
      }
      EXPECT_EQ(expect_index_is_right(path, "single"), 1);
      EXPECT_EQ(expect_index_is_right(path, "single_deflate"), 1);
      EXPECT_EQ(expect_index_is_right(path, "lazy"), 0);
      EXPECT_EQ(expect_index_is_right(path, "sparse"), 7);
      EXPECT_EQ(expect_index_is_right(path, "many"), 3000);
      EXPECT_EQ(expect_index_is_right(path, "shrunk"), 6);
      EXPECT_EQ(expect_index_is_right(path, "grown"), 12);
      EXPECT_EQ(expect_index_is_right(path, "masked"), 1);
      EXPECT_EQ(expect_index_is_right(path, "none"), 0);
    }
  }
}

TEST(RecordIndex, HoldsForRandomShapes) {
  const TempFolder folder;
  const unsigned seed = std::random_device{}();
  std::printf("seed %u\n", seed);
  const auto path = python_file(folder, "a.h5",
                                R"(
rng = np.random.default_rng()" + std::to_string(seed) +
                                    R"()
for v in ('earliest', 'latest'):
  with h5py.File(path, 'a', libver=v) as f:
    for i in range(40):
      n = rng.integers(1, 4)
      shape = tuple(int(s) for s in rng.integers(1, 30, n))
      chunk = tuple(int(min(c, s)) for c, s in zip(rng.integers(1, 12, n), shape))
      most = tuple(None if rng.random() < .4 else s for s in shape)
      d = f.create_dataset(f'{v}{i}', shape, 'u2', chunks=chunk, maxshape=most,
                           compression=1 if rng.random() < .5 else None)
      box = tuple(slice(*sorted(rng.integers(0, s + 1, 2))) for s in shape)
      d[box] = 3)");
  const FileInfo info = inspect(path);
  ASSERT_EQ(info.variables.size(), 80u);
  for (const auto& variable : info.variables) expect_index_is_right(path, variable.path);
}

TEST(RecordIndex, TellsADamagedIndexFromMissingChunks) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.h5", R"(
f = h5py.File(path, 'w')
f.create_dataset('d', data=np.zeros((600, 2), 'u1'), chunks=(1, 2)))");
  auto bytes = read_file(path);
  // The leaves of the version 1 B-tree begin with TREE, type 1 (chunks), level 0.
  const std::string leaf("TREE\x01\x00", 6);
  int damaged = 0;
  int refused = 0;
  for (std::size_t at = 0; at + 200 < bytes.size(); ++at) {
    if (std::memcmp(bytes.data() + at, leaf.data(), leaf.size()) != 0) continue;
    for (const std::size_t key : {24u, 24u + 16u, 24u + 24u + 8u + 8u}) {
      auto copy = bytes;
      copy[at + key + 8] = static_cast<std::byte>(std::to_integer<int>(copy[at + key + 8]) ^ 0x55);
      write_file(folder / "bad.h5", copy);
      ++damaged;
      try {
        record_index(folder / "bad.h5", "/d");
      } catch (const Error& error) {
        EXPECT_EQ(error.exit_code, ExitCode::kInput);
        ++refused;
      }
    }
  }
  EXPECT_GT(damaged, 3);
  EXPECT_GT(refused, 0);
}

TEST(RecordIndex, NamesTheReasonWhenThereIsNone) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.h5", R"(
f = h5py.File(path, 'w')
f['contiguous'] = np.zeros(3)
c = h5py.h5p.create(h5py.h5p.DATASET_CREATE); c.set_chunk((1,))
s = h5py.h5s.create_simple((1 << 40,))
h5py.h5d.create(f.id, b'huge', h5py.h5t.NATIVE_INT8, s, c))");
  EXPECT_NE(error_of([&] { record_index(path, "/contiguous"); }).message.find("no chunks"),
            std::string::npos);
  const Error huge = error_of([&] { record_index(path, "/huge"); });
  EXPECT_EQ(huge.exit_code, ExitCode::kInput);
  EXPECT_NE(huge.message.find("1099511627776 chunks"), std::string::npos);
  EXPECT_EQ(error_of([&] { record_index(path, "/none"); }).exit_code, ExitCode::kInput);
}

TEST(RecordIndex, IgnoresFilesThatAreOpenElsewhere) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.h5",
                                "h5py.File(path, 'w').create_dataset('d', data=np.arange(9), "
                                "chunks=(2,))");
  const H5Lock lock;
  const H5File open = open_input(path);  // shares the library's file object with the recorder
  EXPECT_EQ(record_index(path, "/d").size(), 5u);
  const H5Dataset dataset = open_dataset(open, path, "/d");
  std::int64_t values[9] = {};
  ASSERT_GE(H5Dread(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
  EXPECT_EQ(values[8], 8) << "the recorder must be disarmed again";
}

}  // namespace
}  // namespace rankine::io
