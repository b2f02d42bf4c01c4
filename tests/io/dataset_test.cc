#include "io/dataset.h"

#include <gtest/gtest.h>

#include "io/h5/inspect.h"
#include "runtime/base/archive.h"
#include "runtime/base/config.h"
#include "tests/io/h5/python_file.h"

namespace rankine::io {
namespace {

using namespace test;

TEST(VirtualGrid, CutsWholeRowsOfAtMostFourMebibytes) {
  EXPECT_EQ(virtual_grid({}, 8).chunk_count(), 1);
  EXPECT_EQ(virtual_grid({0, 5}, 4).chunk_count(), 0);
  EXPECT_EQ(virtual_grid({10, 20}, 4).chunk_count(), 1);
  // Rows of 1 MiB: four to a chunk, the last one shorter.
  const auto rows = virtual_grid({10, 1 << 18}, 4);
  EXPECT_EQ(rows.counts(), (Extents{3, 1}));
  EXPECT_EQ(rows.chunk_box({2, 0}).shape(), (Extents{2, 1 << 18}));
  // An axis that is cut is the last one with more than one element per chunk.
  EXPECT_EQ(virtual_grid({6, 100, 1 << 17}, 4).chunk_box({0, 0, 0}).shape(),
            (Extents{1, 8, 1 << 17}));
  EXPECT_EQ(virtual_grid({3, 1 << 21}, 8).chunk_box({0, 0}).shape(), (Extents{1, 1 << 19}));
  for (const Extents& shape : {Extents{7, 333, 4567}, Extents{100000000}, Extents{1, 1, 9999999}}) {
    const auto grid = virtual_grid(shape, 8);
    EXPECT_EQ(grid.shape(), shape);
    EXPECT_LE(grid.largest_chunk() * 8, kVirtualChunkBytes);
    EXPECT_GT(grid.largest_chunk() * 8, kVirtualChunkBytes / 2);
  }
}

TEST(MakeDataset, SaysHowADataSetIsReadAndCut) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.h5", R"(
f = h5py.File(path, 'w')
f.create_dataset('c', data=np.zeros((10, 10), '>i2'), chunks=(4, 3), compression=1).attrs['_FillValue'] = np.int16(1)
f['g/p'] = np.zeros((10, 10), 'f4'))");
  const FileInfo info = inspect(path);
  const Dataset c = make_dataset(info, "c");
  EXPECT_EQ(c.path, "/c");
  EXPECT_EQ(c.stored, DType::kInt16);
  EXPECT_EQ(c.dtype, DType::kFloat32);
  EXPECT_TRUE(c.direct);
  EXPECT_EQ(c.grid.counts(), (Extents{3, 4}));
  EXPECT_EQ(make_dataset(info, "/g/p").grid.counts(), (Extents{1, 1}));
  // It travels to the ranks as bytes.
  const auto bytes = to_bytes(c);
  EXPECT_LT(bytes.size(), 700u);
  const auto copy = from_bytes<Dataset>(bytes);
  EXPECT_EQ(copy.grid, c.grid);
  EXPECT_EQ(copy.decode.missing.bytes, c.decode.missing.bytes);
  EXPECT_EQ(copy.filters.size(), 1u);
  EXPECT_EQ(copy.file_mtime_ns, info.mtime_ns);
}

TEST(MakeDataset, RefusesWhatCannotBeComputedWithAndSaysWhatToDo) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.h5", R"(
f = h5py.File(path, 'w')
f['temperature'] = np.zeros(3)
f['pressure'] = np.zeros(3)
f['group/humidity'] = np.zeros(3)
f['text'] = 'x'
f['record'] = np.zeros(2, 'i4,f8')
f['null'] = h5py.Empty('f4')
c = h5py.h5p.create(h5py.h5p.DATASET_CREATE); c.set_chunk((4,)); c.set_filter(32013, h5py.h5z.FLAG_OPTIONAL, (1, 2))
h5py.h5d.create(f.id, b'zfp', h5py.h5t.NATIVE_INT32, h5py.h5s.create_simple((4,)), c)
f.create_dataset('external', data=np.zeros(3), external=os.path.dirname(path) + '/x.raw')
f['elsewhere'] = h5py.ExternalLink('other.h5', '/x'))");
  const FileInfo info = inspect(path);
  const auto refusal = [&](const std::string& name) {
    const Error error = error_of([&] { make_dataset(info, name); });
    EXPECT_EQ(error.exit_code, ExitCode::kInput);
    EXPECT_TRUE(error.where.starts_with(path)) << error.where;
    return error;
  };
  EXPECT_EQ(refusal("temprature").remedy, "did you mean /temperature?");
  EXPECT_EQ(refusal("/humidity").remedy, "did you mean /group/humidity?");
  EXPECT_NE(refusal("zzzzzzzz").remedy.find("the file has /"), std::string::npos);
  EXPECT_NE(refusal("elsewhere").message.find("link into another file"), std::string::npos);
  EXPECT_NE(refusal("text").message.find("type string"), std::string::npos);
  EXPECT_NE(refusal("record").message.find("type compound"), std::string::npos);
  EXPECT_NE(refusal("null").message.find("no elements"), std::string::npos);
  EXPECT_NE(refusal("zfp").message.find("filter 32013 (zfp)"), std::string::npos);
  for (const char* remedy : {"HDF5_PLUGIN_PATH", "--allow-plugins", "h5repack"}) {
    EXPECT_NE(refusal("zfp").remedy.find(remedy), std::string::npos) << remedy;
  }
  EXPECT_EQ(refusal("external").remedy, "give --allow-external");
}

}  // namespace
}  // namespace rankine::io
