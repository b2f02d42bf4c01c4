#include "io/reader.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <random>
#include <thread>

#include "io/h5/access.h"
#include "io/h5/inspect.h"
#include "io/h5/record_driver.h"
#include "io/h5/slow_read.h"
#include "io/probe.h"
#include "tests/io/h5/python_file.h"

namespace rankine::io {
namespace {

using namespace test;

// In this process: the files here are sound.
DatasetReader open_reader(const FileInfo& info, const std::string& path) {
  Dataset dataset = make_dataset(info, path);
  if (dataset.is_put_together()) {
    ChunkMap map = std::move(probe_maps({&dataset}).front());
    return DatasetReader(std::move(dataset), std::move(map));
  }
  const bool indexed = dataset.direct && dataset.layout == Layout::kChunked;
  ChunkIndex index = indexed ? record_index(info.path, path) : ChunkIndex{};
  return DatasetReader(std::move(dataset), std::move(index));
}

Contents read_box(const DatasetReader& reader, const Box& box, ReadScratch& scratch) {
  const auto bytes = static_cast<std::size_t>(box.size()) * size_of(reader.dataset().dtype);
  Contents out(bytes + 8, std::byte{0xa5});
  ReadStats stats;
  reader.read(box, out.data(), scratch, stats);
  for (std::size_t i = bytes; i < out.size(); ++i) {
    EXPECT_EQ(out[i], std::byte{0xa5}) << "wrote past the end";
  }
  out.resize(bytes);
  return out;
}

Box random_box(const Extents& shape, std::mt19937_64& random) {
  Box box{Extents(shape.size()), Extents(shape.size())};
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const auto a =
        static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(shape[axis] + 1));
    const auto b =
        static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(shape[axis] + 1));
    box.lo[axis] = std::min(a, b);
    box.hi[axis] = std::max(a, b);
  }
  return box;
}

// Whole, chunk by chunk and in random boxes, against the contents.
void expect_reads(const DatasetReader& reader, const Contents& expected, std::mt19937_64& random) {
  const auto& dataset = reader.dataset();
  SCOPED_TRACE(dataset.file + ":" + dataset.path);
  const std::size_t size = size_of(dataset.dtype);
  ReadScratch scratch;
  ASSERT_EQ(static_cast<std::size_t>(volume(dataset.shape)) * size, expected.size());
  EXPECT_TRUE(read_box(reader, Box::whole(dataset.shape), scratch) == expected) << "whole";
  for (std::int64_t i = 0; i < std::min<std::int64_t>(dataset.grid.chunk_count(), 40); ++i) {
    const Box box = dataset.grid.chunk_box(coordinate_of(i, dataset.grid.counts()));
    EXPECT_TRUE(read_box(reader, box, scratch) == cut(expected, dataset.shape, box, size)) << i;
  }
  for (int i = 0; i < 20; ++i) {
    const Box box = random_box(dataset.shape, random);
    EXPECT_TRUE(read_box(reader, box, scratch) == cut(expected, dataset.shape, box, size))
        << to_string(box.lo) << to_string(box.hi);
  }
}

// One data set per way of storing; raw files hold what NumPy says is in them.
constexpr const char* kManyWays = R"(
names = []
def keep(d, name):
  a = d[()]
  raw('raw.' + name, a.astype(a.dtype.newbyteorder('<')))
def make(f, name, data, **k):
  d = f.create_dataset(name, data=data, **k)
  keep(d, name)
x3 = rng.integers(0, 40, (7, 11, 13))
small = dict(chunks=(3, 4, 5))
for t in ('i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'u8', 'f4', 'f8', '>i2', '>i4', '>i8', '>f4', '>f8'):
  make(f, 'plain_' + t, x3.astype(t))
  make(f, 'chunked_' + t, x3.astype(t), **small)
  make(f, 'zip_' + t, x3.astype(t), compression=4, shuffle=True, **small)
  make(f, 'sum_' + t, x3.astype(t), fletcher32=True, shuffle=True, **small)
make(f, 'bool', x3 % 3 == 0, compression=1, **small)
make(f, 'bool_plain', x3 % 3 == 0)
make(f, 'shuffle', x3.astype('f4'), shuffle=True, **small)
make(f, 'deflate', x3.astype('f4'), compression=9, **small)
make(f, 'all', x3.astype('f8'), compression=2, shuffle=True, fletcher32=True, **small)
make(f, 'noise', rng.random((9, 9)), compression=2, shuffle=True, chunks=(4, 4))
make(f, 'whole', x3.astype('f4'), chunks=(7, 11, 13), compression=1)
make(f, 'rows', x3.astype('f4'), chunks=(1, 11, 13))
make(f, 'unlimited', x3.astype('i2'), maxshape=(None, None, None), compression=1, **small)
make(f, 'scaleoffset', x3.astype('i4'), scaleoffset=0, **small)
make(f, 'szipped', x3.astype('i4'), compression='szip', **small) if 'szip' in h5py.filters.encode else None
make(f, 'scalar', np.float64(3.25))
make(f, 'scalar_big', np.array(7, '>i4'))
make(f, 'empty', np.zeros((0, 4), 'f4'))
make(f, 'empty_chunked', np.zeros((3, 0), 'i4'), chunks=(2, 2), maxshape=(None, None))
make(f, 'one', np.array([5], 'u8'))
for fill in (None, 7):
  for name, k in (('c', dict(chunks=(3, 4), compression=1)), ('p', {}), ('m', dict(maxshape=(None, None)))):
    d = f.create_dataset(f'partly_{name}_{fill}', (10, 10), 'f4', fillvalue=fill, **k)
    d[2:5, 3:9] = 1
    keep(d, f'partly_{name}_{fill}')
    d = f.create_dataset(f'never_{name}_{fill}', (10, 10), '>i2', fillvalue=fill, **k)
    keep(d, f'never_{name}_{fill}')
d = f.create_dataset('bool_fill', (5, 5), '?', fillvalue=True, chunks=(2, 2)); d[0, 0] = False
keep(d, 'bool_fill')
d = f.create_dataset('masked', (8, 3), 'i4', chunks=(4, 3), compression=4, shuffle=True)
d.id.write_direct_chunk((4, 0), x3[:4, :3, 0].astype('i4').tobytes(), 3)
a = np.zeros((8, 3), 'i4'); a[4:] = x3[:4, :3, 0]; raw('raw.masked', a)
wide = np.arange(40 * 5000).reshape(40, 5000)
make(f, 'wide', wide.astype('f4'))
make(f, 'wide_big', wide.astype('>f8'))
make(f, 'long', np.arange(700000, dtype='>i4'))
def edge(name, shape, chunk, extra):
  c = h5py.h5p.create(h5py.h5p.DATASET_CREATE); c.set_chunk(chunk); extra(c)
  d = h5py.h5d.create(f.id, name.encode(), h5py.h5t.NATIVE_INT32, h5py.h5s.create_simple(shape), c)
  d.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ascontiguousarray(x3[:shape[0], :shape[1], 0].astype('i4')))
  keep(f[name], name)
edge('compact', (4, 5), (4, 5), lambda c: c.set_layout(h5py.h5d.COMPACT))
def order(*filters):
  def extra(c):
    for g in filters: g(c)
  return extra
z, s, l = (lambda c: c.set_deflate(3)), (lambda c: c.set_shuffle()), (lambda c: c.set_fletcher32())
import itertools
for i, filters in enumerate(itertools.permutations((z, s, l))):
  edge(f'order{i}', (7, 11), (3, 4), order(*filters))
edge('twice', (7, 11), (3, 4), order(z, z))
edge('twice_sum', (7, 11), (3, 4), order(l, s, l, z))
f.close())";

void check_every_dataset(const TempFolder& folder, const std::string& path,
                         std::mt19937_64& random) {
  const FileInfo info = inspect(path);
  EXPECT_GT(info.variables.size(), 90u);
  EXPECT_TRUE(info.notes.empty());
  for (const auto& variable : info.variables) {
    const Contents expected = read_file(folder / ("raw." + variable.path.substr(1)));
    expect_reads(open_reader(info, variable.path), expected, random);
    Contents slow(expected.size());
    SlowReader(path, variable.path).read(Box::whole(variable.shape), slow.data());
    EXPECT_TRUE(slow == expected) << variable.path << " through the library";
  }
}

TEST(Reader, ReadsWhatH5pyWroteInEveryWayOfStoring) {
  const unsigned seed = std::random_device{}();
  std::printf("seed %u\n", seed);
  std::mt19937_64 random(seed);
  for (const char* version : {"'earliest'", "('v108', 'v108')", "'latest'"}) {
    const TempFolder folder;
    const std::string open = std::string("f = h5py.File(path, 'w', libver=") + version +
                             ", userblock_size=" + (version[1] == 'l' ? "1024" : "0") + ")";
    check_every_dataset(folder, python_file(folder, "a.h5", open + kManyWays), random);
  }
}

TEST(Reader, DecodesOnlyThoseFiltersItselfThatItKnows) {
  const TempFolder folder;
  const auto path =
      python_file(folder, "a.h5", "f = h5py.File(path, 'w')" + std::string(kManyWays));
  const FileInfo info = inspect(path);
  for (const char* name : {"zip_f4", "all", "order0", "order5", "twice_sum", "plain_>i2", "bool"}) {
    EXPECT_TRUE(make_dataset(info, name).direct) << name;
  }
  for (const char* name : {"twice", "scaleoffset", "compact"}) {
    EXPECT_FALSE(make_dataset(info, name).direct) << name;
  }
}

TEST(Reader, KnowsThatEdgeChunksMayBeStoredRaw) {
  const TempFolder folder;
  // h5py has no call for H5Pset_chunk_opts; the library itself has.
  const auto path = python_file(folder, "a.h5", R"(
import ctypes
lib = ctypes.CDLL('libhdf5_serial.so.103')
f = h5py.File(path, 'w', libver='latest')
c = h5py.h5p.create(h5py.h5p.DATASET_CREATE); c.set_chunk((4, 4)); c.set_deflate(3); c.set_shuffle()
assert lib.H5Pset_chunk_opts(ctypes.c_int64(c.id), ctypes.c_uint(2)) >= 0
x = np.arange(90, dtype='i4').reshape(10, 9)
d = h5py.h5d.create(f.id, b'd', h5py.h5t.NATIVE_INT32, h5py.h5s.create_simple((10, 9)), c)
d.write(h5py.h5s.ALL, h5py.h5s.ALL, x)
raw('raw.d', x)
f.close())");
  const FileInfo info = inspect(path);
  EXPECT_TRUE(info.variables.at(0).raw_edge_chunks);
  std::mt19937_64 random(1);
  expect_reads(open_reader(info, "/d"), read_file(folder / "raw.d"), random);
}

TEST(Reader, ReadsVirtualAndExternalData) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.h5", R"(
x = np.arange(60, dtype='f4').reshape(6, 10)
with h5py.File(os.path.dirname(path) + '/source.h5', 'w') as s: s['x'] = x
f = h5py.File(path, 'w')
l = h5py.VirtualLayout((12, 10), 'f4')
l[:6] = h5py.VirtualSource('source.h5', 'x', (6, 10))
f.create_virtual_dataset('virtual', l, fillvalue=-2)
raw('raw.virtual', np.concatenate([x, np.full_like(x, -2)]))
os.chdir(os.path.dirname(path))
f.create_dataset('external', data=x, external='x.raw')
raw('raw.external', x)
f.close())");
  set_access({.plugins = false, .external = true});
  const FileInfo info = inspect(path);
  std::mt19937_64 random(1);
  for (const char* name : {"virtual", "external"}) {
    expect_reads(open_reader(info, std::string("/") + name),
                 read_file(folder / (std::string("raw.") + name)), random);
  }
  set_access({});
}

TEST(Reader, DecodesMissingAndPackedValuesOnTheWay) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.nc", R"(
import xarray as xr
f = h5py.File(path, 'w')
x = rng.integers(-50, 50, (9, 12)).astype('i2')
for name, k in (('c', dict(chunks=(4, 5), compression=1)), ('p', {}), ('s', dict(chunks=(4, 5), scaleoffset=0))):
  d = f.create_dataset('packed_' + name, data=x, **k)
  d.attrs.update(scale_factor=0.5, add_offset=100.0, _FillValue=np.int16(7))
  d = f.create_dataset('floats_' + name, data=x.astype('f4'), **(k if name != 's' else {}))
  d.attrs['_FillValue'] = np.float32(7)
  d = f.create_dataset('big_' + name, data=x.astype('>f8'), **(k if name != 's' else {}))
  d.attrs['missing_value'] = np.float64(7)
d = f.create_dataset('gaps', (9, 12), 'i2', chunks=(4, 5), fillvalue=7)
d.attrs.update(scale_factor=0.5, add_offset=100.0, _FillValue=np.int16(7))
d[:4, :5] = 8
f.close()
import netCDF4
with h5py.File(path) as f:
  for name in f:
    v = f[name][()].astype('f8')
    bad = v == 7
    v = v * f[name].attrs.get('scale_factor', 1.0) + f[name].attrs.get('add_offset', 0.0)
    v[bad] = np.nan
    raw('raw.' + name, v.astype('f4') if name.startswith('floats') else v))");
  const FileInfo info = inspect(path);
  std::mt19937_64 random(1);
  for (const auto& variable : info.variables) {
    expect_reads(open_reader(info, variable.path),
                 read_file(folder / ("raw." + variable.path.substr(1))), random);
  }
}

TEST(Reader, ServesManyThreadsAtOnce) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.h5", R"(
f = h5py.File(path, 'w')
x = rng.integers(0, 9, (64, 40)).astype('f4')
f.create_dataset('direct', data=x, chunks=(3, 7), compression=1, shuffle=True)
f.create_dataset('slow', data=x.astype('i4'), chunks=(3, 7), scaleoffset=0)
raw('raw.direct', x); raw('raw.slow', x.astype('i4')))");
  const FileInfo info = inspect(path);
  for (const char* name : {"direct", "slow"}) {
    const auto reader = open_reader(info, std::string("/") + name);
    const Contents expected = read_file(folder / (std::string("raw.") + name));
    std::vector<std::thread> threads;
    std::vector<int> wrong(4);
    for (unsigned t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        std::mt19937_64 random(t);
        ReadScratch scratch;
        for (int i = 0; i < 100; ++i) {
          const Box box = random_box(reader.dataset().shape, random);
          wrong[t] += read_box(reader, box, scratch) != cut(expected, {64, 40}, box, 4);
        }
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(wrong, (std::vector<int>{0, 0, 0, 0})) << name;
  }
}

TEST(Reader, ReadsNoMoreOfTheFileThanTheChunksItNeeds) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.h5", R"(
f = h5py.File(path, 'w')
f.create_dataset('c', data=np.arange(800, dtype='f4'), chunks=(100,))
f['p'] = np.zeros((1000, 1000), 'f4'))");
  const FileInfo info = inspect(path);
  ReadScratch scratch;
  ReadStats stats;
  std::vector<float> out(1000);
  open_reader(info, "/c")
      .read({{150}, {160}}, reinterpret_cast<std::byte*>(out.data()), scratch, stats);
  EXPECT_EQ(stats.bytes_read, 400);
  EXPECT_EQ(out[9], 159.0f);
  stats = {};
  open_reader(info, "/c")
      .read({{150}, {260}}, reinterpret_cast<std::byte*>(out.data()), scratch, stats);
  EXPECT_EQ(stats.bytes_read, 800);
  stats = {};
  open_reader(info, "/p")
      .read({{5, 0}, {6, 1000}}, reinterpret_cast<std::byte*>(out.data()), scratch, stats);
  EXPECT_EQ(stats.bytes_read, 4000);
  EXPECT_GT(stats.read_s, 0);
}

TEST(Reader, RefusesAFileThatChanged) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.h5", "h5py.File(path, 'w')['d'] = np.arange(9)");
  std::filesystem::last_write_time(  // another host would be given time to see a new file
      path, std::filesystem::last_write_time(path) - std::chrono::hours(1));
  const FileInfo info = inspect(path);
  EXPECT_NO_THROW(open_reader(info, "/d"));
  std::filesystem::last_write_time(
      path, std::filesystem::last_write_time(path) + std::chrono::seconds(3));
  const Error error = error_of([&] { open_reader(info, "/d"); });
  EXPECT_EQ(error.exit_code, ExitCode::kInput);
  EXPECT_NE(error.message.find("changed"), std::string::npos);
  std::filesystem::remove(path);
  EXPECT_EQ(error_of([&] { DatasetReader(make_dataset(info, "/d"), {}); }).exit_code,
            ExitCode::kInput);
}

TEST(Reader, RefusesABoxOutsideTheShape) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.h5", "h5py.File(path, 'w')['d'] = np.arange(9)");
  const auto reader = open_reader(inspect(path), "/d");
  ReadScratch scratch;
  ReadStats stats;
  std::byte out[800];
  EXPECT_THROW(reader.read({{5}, {10}}, out, scratch, stats), Error);
  EXPECT_THROW(reader.read({{-1}, {1}}, out, scratch, stats), Error);
  EXPECT_THROW(reader.read({{0, 0}, {1, 1}}, out, scratch, stats), Error);
}

}  // namespace
}  // namespace rankine::io
