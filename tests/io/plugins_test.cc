// What the plugins of other people write is read here, through h5py. A plugin that is not installed
// is skipped by name.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "io/h5/access.h"
#include "io/h5/inspect.h"
#include "io/h5/record_driver.h"
#include "io/reader.h"
#include "tests/io/h5/python_file.h"

namespace rankine::io {
namespace {

using namespace test;

// Data sets by every plugin there is, on every kind of number and shape; names of those that are
// missing in folder/missing. rng.integers(0, 7) is noise that compresses, `noise` does not.
constexpr const char* kByPlugins = R"(
f = h5py.File(path, 'w')
missing, count = set(), 0
def make(name, data, chunks, code, options=None, shuffle=False, fletcher32=False):
  global count
  if isinstance(code, int) and not h5py.h5z.filter_avail(code):
    missing.add(name.split('_')[0]); return
  for t in ('u1', 'i2', 'f4', 'f8', '>i4'):
    d = f.create_dataset(f'{name}_{t[-2:]}', data=data.astype(t), chunks=chunks, compression=code,
                         compression_opts=options, shuffle=shuffle, fletcher32=fletcher32)
    raw(d.name[1:], data.astype(t).astype(t[-2:])); count += 1
x = np.cumsum(rng.integers(-2, 3, (37, 29)), 1) % 100
noise = rng.integers(0, 2**31, (37, 29))
for data, kind in ((x, ''), (noise, '_noise')):
  for chunks in ((37, 29), (8, 16), (5, 3), (1, 1)):
    at = kind + '_%d' % chunks[0]
    for code in range(6): make(f'blosc{code}' + at, data, chunks, 32001, (0, 0, 0, 0, 5, code % 3, code))
    make('blosc-sum' + at, data, chunks, 32001, (0, 0, 0, 0, 9, 1, 1), shuffle=True, fletcher32=True)
    make('lz4' + at, data, chunks, 32004)
    make('lz4-blocks' + at, data, chunks, 32004, (16,), shuffle=True)
    make('bzip2' + at, data, chunks, 307, (9,))
    make('lzf' + at, data, chunks, 'lzf', shuffle=True)
    make('bitshuffle' + at, data, chunks, 32008, (0, 0))
    make('bitshuffle-lz4' + at, data, chunks, 32008, (0, 2), fletcher32=True)
    make('bitshuffle-8' + at, data, chunks, 32008, (8, 2))
open(os.path.dirname(path) + '/missing', 'w').write(' '.join(sorted(missing)))
open(os.path.dirname(path) + '/count', 'w').write(str(count))
)";

// Everything of the file that has a raw file beside it. Returns how many data sets that were.
int expect_all(const TempFolder& folder, const std::string& path) {
  int checked = 0;
  const FileInfo info = inspect(path);
  for (const Variable& variable : info.variables) {
    SCOPED_TRACE(variable.path);
    EXPECT_EQ(variable.direct_problem, "");
    Dataset dataset = make_dataset(info, variable.path);
    const DatasetReader reader(dataset, record_index(path, variable.path));
    const Contents expected = read_file(folder / variable.path.substr(1));
    Contents out(expected.size());
    ReadScratch scratch;
    ReadStats stats;
    reader.read(Box::whole(dataset.shape), out.data(), scratch, stats);
    EXPECT_TRUE(out == expected);
    ++checked;
  }
  return checked;
}

TEST(Plugins, WriteWhatIsReadHereWithoutThem) {
  const TempFolder folder;
  const std::string path = python_file(folder, "a.h5", kByPlugins);
  std::string missing;
  std::getline(std::ifstream(folder / "missing"), missing);
  int count = 0;
  std::ifstream(folder / "count") >> count;
  EXPECT_FALSE(access().plugins);
  EXPECT_EQ(expect_all(folder, path), count);
  if (!missing.empty()) GTEST_SKIP() << "HDF5 has no plugins here for: " << missing;
}

// No package has a plugin for zstd: the chunks are compressed by Python.
TEST(Plugins, ZstdStreamsOfOthersAreRead) {
  const TempFolder folder;
  try {
    const std::string path = python_file(folder, "a.h5", R"(
import zstandard
f = h5py.File(path, 'w')
for level in (1, 3, 19):
  for t in ('i2', 'f4', 'f8'):
    x = (np.cumsum(rng.integers(-2, 3, 4000)) % 100).astype(t)
    c = h5py.h5p.create(h5py.h5p.DATASET_CREATE); c.set_chunk((1000,))
    name = 'zstd_%d_%s' % (level, t)
    c.set_filter(1, h5py.h5z.FLAG_OPTIONAL, (1,))  # its number is changed in the file
    h5py.h5d.create(f.id, name.encode(), h5py.h5t.py_create(np.dtype(t)), h5py.h5s.create_simple((4000,)), c)
    for i in range(4):
      # With and without the size in the header; a masked chunk is stored as it is.
      z = zstandard.ZstdCompressor(level=level, write_content_size=i % 2 == 0, write_checksum=i == 1)
      part = x[1000 * i:1000 * i + 1000].tobytes()
      f[name].id.write_direct_chunk((1000 * i,), part if i == 3 else z.compress(part), filter_mask=int(i == 3))
    raw(name, x)
f.close()
b = open(path, 'rb').read()
old = b'\x01\x00\x08\x00\x01\x00\x01\x00deflate\x00\x01\x00\x00\x00\x00\x00\x00\x00'
assert b.count(old) == 9, b.count(old)
open(path, 'wb').write(b.replace(old, b'\x0f\x7d' + old[2:])))");
    EXPECT_EQ(expect_all(folder, path), 9);
  } catch (const std::runtime_error& error) {
    if (std::string(error.what()).find("No module named") == std::string::npos) throw;
    GTEST_SKIP() << error.what();
  }
}

}  // namespace
}  // namespace rankine::io
