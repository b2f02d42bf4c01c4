#include "io/h5/inspect.h"

#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

#include <algorithm>

#include "io/h5/access.h"
#include "runtime/base/error.h"
#include "tests/io/h5/python_file.h"

namespace rankine::io {
namespace {

using namespace test;

const Variable& variable(const FileInfo& info, const std::string& path) {
  const auto* found = info.variable(path);
  if (found == nullptr) throw std::runtime_error("no variable " + path);
  return *found;
}

template <class T>
T attribute(const Variable& variable, const std::string& name) {
  const auto* found = variable.attribute(name);
  if (found == nullptr) throw std::runtime_error("no attribute " + name);
  return std::get<T>(found->value);
}

std::vector<std::string> paths_of(const FileInfo& info) {
  std::vector<std::string> paths;
  for (const auto& entry : info.variables) paths.push_back(entry.path);
  return paths;
}

TEST(Inspect, FindsTheDimensionsOfANetcdfFile) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.nc", R"(
import netCDF4
f = netCDF4.Dataset(path, 'w')
f.createDimension('time', None)
f.createDimension('lat', 3)
f.createDimension('nv', 2)
f.createVariable('lat', 'f8', ('lat',))[:] = [1, 2, 3]
t = f.createVariable('t', 'f4', ('time', 'lat'), zlib=True, fill_value=-1)
t.units = 'K'
t[:] = np.arange(12).reshape(4, 3)
f.createVariable('time', 'i4', ('time',))[:] = range(4)
g = f.createGroup('g')
g.createDimension('x', 5)
g.createVariable('v', 'i2', ('x', 'lat', 'nv'))
f.createVariable('names', 'S1', ('nv', 'lat'))
f.title = 'a title'
f.close())");
  const FileInfo info = inspect(path);
  EXPECT_EQ(info.format, "netCDF-4");
  EXPECT_EQ(info.size, std::filesystem::file_size(path));
  ASSERT_EQ(info.dimensions.size(), 4u);
  EXPECT_EQ(info.dimensions[0].name, "time");
  EXPECT_EQ(info.dimensions[0].length, 4);
  EXPECT_TRUE(info.dimensions[0].unlimited);
  EXPECT_EQ(info.dimensions[1].path, "/lat");
  EXPECT_FALSE(info.dimensions[1].unlimited);
  EXPECT_EQ(info.dimensions[2].name, "nv");
  EXPECT_EQ(info.dimensions[3].path, "/g/x");
  EXPECT_EQ(info.dimensions[3].length, 5);

  const auto& t = variable(info, "t");
  EXPECT_EQ(t.dims, (std::vector<std::string>{"time", "lat"}));
  EXPECT_EQ(t.dtype, DType::kFloat32);
  EXPECT_EQ(t.shape, (Extents{4, 3}));
  EXPECT_EQ(t.max_shape, (Extents{-1, 3}));
  EXPECT_EQ(t.layout, Layout::kChunked);
  ASSERT_EQ(t.filters.size(), 2u);
  EXPECT_EQ(t.filters[0].name, "shuffle");
  EXPECT_EQ(t.filters[1].id, 1u);
  EXPECT_EQ(t.direct_problem, "");
  EXPECT_EQ(attribute<std::string>(t, "units"), "K");
  EXPECT_EQ(attribute<Numbers>(t, "_FillValue").as_double(0), -1);
  EXPECT_EQ(t.fill.as_double(0), -1);
  EXPECT_EQ(t.attributes.size(), 2u) << "those of dimension scales are left out";
  EXPECT_EQ(variable(info, "/g/v").dim_paths, (std::vector<std::string>{"/g/x", "/lat", "/nv"}));
  EXPECT_TRUE(variable(info, "/nv").is_pure_dimension);
  EXPECT_FALSE(variable(info, "/lat").is_pure_dimension);
  EXPECT_EQ(variable(info, "/lat").dims, (std::vector<std::string>{"lat"}));
  EXPECT_FALSE(variable(info, "/names").dtype.has_value());
  EXPECT_EQ(variable(info, "/names").type_name, "string");
  ASSERT_EQ(info.attributes.size(), 1u) << "without _NCProperties";
  EXPECT_EQ(std::get<std::string>(info.attributes[0].value), "a title");
  // In the order of their making, not of the alphabet.
  const auto paths = paths_of(info);
  EXPECT_LT(std::ranges::find(paths, "/t"), std::ranges::find(paths, "/time"));
}

TEST(Inspect, NamesTheAxesOfACoordinateVariableWithTwoDimensions) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.nc", R"(
import netCDF4
f = netCDF4.Dataset(path, 'w')
f.createDimension('time', None)
f.createDimension('len', 3)
f.createVariable('time', 'i2', ('time', 'len'))[:] = np.zeros((2, 3))
f.close())");
  const FileInfo info = inspect(path);
  EXPECT_EQ(variable(info, "time").dims, (std::vector<std::string>{"time", "len"}));
}

TEST(Inspect, TellsNumbersFromOtherTypes) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.h5", R"(
f = h5py.File(path, 'w')
for t in ('i1 i2 i4 i8 u1 u2 u4 u8 f4 f8 >i2 >u8 >f4 >f8 f2 c8').split():
  f[t] = np.zeros(3, t)
f['bool'] = np.array([True, False])
f['enum'] = np.array([0, 1], h5py.enum_dtype({'A': 0, 'B': 1}, 'i1'))
f['fixed'] = np.array([b'ab', b'c'])
f['text'] = 'hello'
f['lists'] = np.array([np.arange(3), np.arange(2)], dtype=h5py.vlen_dtype('i4'))
f['opaque'] = np.array([b'abc'], 'V3')
s = h5py.h5s.create_simple((4,))
h5py.h5d.create(f.id, b'array', h5py.h5t.array_create(h5py.h5t.IEEE_F32LE, (2, 2)), s)
f['reference'] = f['i1'].ref
f['long'] = np.zeros(2, np.longdouble)
f['null'] = h5py.Empty('f4')
f['scalar'] = np.float64(2.5)
f['empty'] = np.zeros((0, 4), 'i4')
t = h5py.h5t.NATIVE_INT16.copy(); t.set_precision(12)
h5py.h5d.create(f.id, b'twelve', t, s)
f.close())");
  const FileInfo info = inspect(path);
  for (const char* name : {"i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8"}) {
    EXPECT_EQ(variable(info, name).dtype, parse_dtype(name)) << name;
    EXPECT_FALSE(variable(info, name).big_endian) << name;
    EXPECT_EQ(variable(info, name).direct_problem, "") << name;
  }
  EXPECT_EQ(variable(info, ">f4").dtype, DType::kFloat32);
  for (const char* name : {">i2", ">u8", ">f4", ">f8"}) {
    EXPECT_TRUE(variable(info, name).big_endian) << name;
  }
  EXPECT_EQ(variable(info, "bool").dtype, DType::kBool);
  EXPECT_EQ(variable(info, "f2").dtype, DType::kFloat32);
  EXPECT_EQ(variable(info, "f2").type_name, "float16");
  EXPECT_EQ(variable(info, "enum").dtype, DType::kInt8);
  EXPECT_EQ(variable(info, "enum").type_note, "A = 0, B = 1");
  EXPECT_EQ(variable(info, "c8.i").dtype, DType::kFloat32);
  EXPECT_EQ(variable(info, "c8.i").element.offset, 4);
  const std::pair<const char*, const char*> others[] = {
      {"c8", "complex64"},
      {"fixed", "string"}, {"text", "string"},   {"lists", "variable-length list"},
      {"array", "array"},  {"opaque", "opaque"}, {"reference", "reference"},
      {"long", "float128"}};
  for (const auto& [name, type] : others) {
    EXPECT_FALSE(variable(info, name).dtype.has_value()) << name;
    EXPECT_EQ(variable(info, name).type_name, type) << name;
  }
  EXPECT_TRUE(variable(info, "null").null_space);
  EXPECT_EQ(variable(info, "scalar").shape, Extents{});
  EXPECT_EQ(variable(info, "empty").shape, (Extents{0, 4}));
  EXPECT_EQ(variable(info, "twelve").dtype, DType::kInt16);
  EXPECT_EQ(variable(info, "twelve").direct_problem, "integers of 12 bits");
  EXPECT_EQ(info.format, "HDF5");
}

TEST(Inspect, ReadsAttributesOfAllKinds) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.h5", R"(
f = h5py.File(path, 'w', track_order=True)
a = f.create_dataset('d', data=np.zeros(2), track_order=True).attrs
a['vlen'] = 'variable ä'
a['fixed'] = np.bytes_('fixed')
a['list'] = ['one', 'two', '']
a['fixed_list'] = np.array([b'aa', b'b'])
a['int'] = np.int16(-3)
a['big'] = np.array([1, 2, 3], '>i4')
a['bool'] = True
a['half'] = np.float16(1.5)
a['enum'] = np.array([0, 7], h5py.enum_dtype({'A': 0, 'B': 7}, 'u1'))
a['nothing'] = h5py.Empty('S1')
a['none'] = h5py.Empty('f4')
a['ref'] = f['d'].ref
a['record'] = np.array([(1, 2.0)], 'i4,f8')
a['huge'] = np.arange(20000)
t = h5py.h5t.C_S1.copy(); t.set_size(6); t.set_strpad(h5py.h5t.STR_SPACEPAD)
x = h5py.h5a.create(f['d'].id, b'padded', t, h5py.h5s.create(h5py.h5s.SCALAR))
x.write(np.array(b'ab    ', 'S6'), t)
f.close())");
  const FileInfo info = inspect(path);
  const auto& d = variable(info, "d");
  EXPECT_EQ(attribute<std::string>(d, "vlen"), "variable ä");
  EXPECT_EQ(attribute<std::string>(d, "fixed"), "fixed");
  EXPECT_EQ(attribute<std::string>(d, "padded"), "ab");
  EXPECT_EQ(attribute<std::vector<std::string>>(d, "list"),
            (std::vector<std::string>{"one", "two", ""}));
  EXPECT_EQ(attribute<std::vector<std::string>>(d, "fixed_list"),
            (std::vector<std::string>{"aa", "b"}));
  EXPECT_EQ(attribute<Numbers>(d, "int").dtype, DType::kInt16);
  EXPECT_EQ(attribute<Numbers>(d, "int").as_double(0), -3);
  EXPECT_EQ(attribute<Numbers>(d, "big").count(), 3u);
  EXPECT_EQ(attribute<Numbers>(d, "big").as_double(2), 3);
  EXPECT_EQ(attribute<Numbers>(d, "bool").dtype, DType::kBool);
  EXPECT_EQ(attribute<Numbers>(d, "bool").as_double(0), 1);
  EXPECT_EQ(attribute<Numbers>(d, "half").as_double(0), 1.5);
  EXPECT_EQ(attribute<Numbers>(d, "enum").as_double(1), 7);
  EXPECT_EQ(attribute<std::string>(d, "nothing"), "");
  EXPECT_EQ(attribute<Numbers>(d, "none").count(), 0u);
  EXPECT_NO_THROW(attribute<std::monostate>(d, "ref"));
  EXPECT_NO_THROW(attribute<std::monostate>(d, "record"));
  EXPECT_EQ(attribute<Numbers>(d, "huge").as_double(19999), 19999);
  EXPECT_EQ(d.attributes.front().name, "vlen") << "in the order of creation";
}

TEST(Inspect, FollowsLinksAndCutsCycles) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.h5", R"(
f = h5py.File(path, 'w')
f['g/h/d'] = np.arange(3)
f['hard'] = f['g/h/d']
f['soft'] = h5py.SoftLink('/g/h/d')
f['dangling'] = h5py.SoftLink('/nowhere')
f['loop'] = h5py.SoftLink('/loop')
f['outside'] = h5py.ExternalLink('other.h5', '/x')
f['g/root'] = f['/']
f['g/h/up'] = h5py.SoftLink('/g')
f['alias'] = f['g']
f['through'] = h5py.SoftLink('/outside/x')
f.close()
h5py.File(os.path.dirname(path) + '/other.h5', 'w')['x'] = 1)");
  const FileInfo info = inspect(path);
  EXPECT_EQ(paths_of(info), (std::vector<std::string>{"/alias/h/d", "/g/h/d", "/hard", "/soft"}));
  const auto noted = [&](const std::string& start) {
    return std::ranges::any_of(info.notes, [&](const auto& n) { return n.starts_with(start); });
  };
  EXPECT_TRUE(noted("/dangling is a link to nothing"));
  EXPECT_TRUE(noted("/loop is a link to nothing"));
  EXPECT_TRUE(noted("/outside is a link into another file"));
  EXPECT_TRUE(noted("/g/root leads back"));
  EXPECT_TRUE(noted("/g/h/up leads back"));
  EXPECT_TRUE(noted("/through is a link into another file (other.h5:/x/x), which is followed"));
}

TEST(Inspect, EndsWhereNamesOfGroupsMultiply) {
  const TempFolder folder;
  // 2^40 paths.
  const auto path = python_file(folder, "a.h5", R"(
f = h5py.File(path, 'w')
g = f
for i in range(40):
  n = g.create_group('a')
  g['b'] = n
  g = n
g['d'] = 1
for i in range(200): f = f.create_group('deep')
f['d'] = 2)");
  const FileInfo info = inspect(path);
  EXPECT_GE(info.variables.size(), 1u);
  EXPECT_LE(info.variables.size(), 10u);
}

TEST(Inspect, DescribesLayoutsAndFilters) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.h5", R"(
f = h5py.File(path, 'w', libver='latest')
x = np.arange(60, dtype='f4').reshape(6, 10)
f.create_dataset('chunked', data=x, chunks=(4, 5), fletcher32=True, fillvalue=7)
f.create_dataset('scaled', data=x, chunks=(4, 5), scaleoffset=2)
f['contiguous'] = x
f.create_dataset('never', (5,), 'i4')
f.create_dataset('lzf', data=x, compression='lzf')
c = h5py.h5p.create(h5py.h5p.DATASET_CREATE); c.set_chunk((4,)); c.set_deflate(1); c.set_filter(32013, h5py.h5z.FLAG_OPTIONAL, ())
h5py.h5d.create(f.id, b'two', h5py.h5t.NATIVE_INT32, h5py.h5s.create_simple((4,)), c)
c = h5py.h5p.create(h5py.h5p.DATASET_CREATE); c.set_chunk((4,)); c.set_filter(32013, h5py.h5z.FLAG_OPTIONAL, (1, 2))
h5py.h5d.create(f.id, b'zfp', h5py.h5t.NATIVE_INT32, h5py.h5s.create_simple((4,)), c)
c = h5py.h5p.create(h5py.h5p.DATASET_CREATE); c.set_layout(h5py.h5d.COMPACT)
s = h5py.h5s.create_simple((4,))
h5py.h5d.create(f.id, b'compact', h5py.h5t.NATIVE_INT32, s, c)
l = h5py.VirtualLayout((6, 10), 'f4'); l[:] = h5py.VirtualSource(path, 'contiguous', (6, 10))
f.create_virtual_dataset('virtual', l)
l = h5py.VirtualLayout((6, 10), 'f4'); l[:] = h5py.VirtualSource('gone.h5', 'x', (6, 10))
f.create_virtual_dataset('lost', l)
f.create_dataset('external', data=x, external=os.path.dirname(path) + '/x.raw')
f.close())");
  const FileInfo info = inspect(path);
  const auto& chunked = variable(info, "chunked");
  EXPECT_EQ(chunked.chunk, (Extents{4, 5}));
  EXPECT_EQ(chunked.fill.as_double(0), 7);
  EXPECT_EQ(chunked.filters.at(0).name, "fletcher32");
  EXPECT_EQ(chunked.stored_bytes, 4u * (80 + 4));
  EXPECT_EQ(variable(info, "scaled").direct_problem, "filter 6 (scaleoffset)");
  EXPECT_EQ(variable(info, "scaled").read_problem, "");
  EXPECT_EQ(variable(info, "contiguous").layout, Layout::kContiguous);
  EXPECT_EQ(variable(info, "contiguous").stored_bytes, 240u);
  EXPECT_NE(variable(info, "contiguous").contiguous_address, ChunkExtent::kMissing);
  EXPECT_EQ(variable(info, "never").contiguous_address, ChunkExtent::kMissing);
  EXPECT_EQ(variable(info, "never").read_problem, "");
  EXPECT_EQ(variable(info, "lzf").read_problem, "");
  EXPECT_EQ(variable(info, "lzf").direct_problem, "");
  EXPECT_TRUE(variable(info, "lzf").filters[0].available);
  EXPECT_EQ(variable(info, "two").direct_problem, "filter 32013 (zfp)");
  EXPECT_EQ(variable(info, "zfp").read_problem, "filter 32013 (zfp) is not available");
  EXPECT_FALSE(variable(info, "zfp").filters[0].available);
  EXPECT_EQ(variable(info, "compact").layout, Layout::kCompact);
  EXPECT_EQ(variable(info, "virtual").layout, Layout::kVirtual);
  EXPECT_EQ(variable(info, "virtual").read_problem, "");
  EXPECT_NE(variable(info, "lost").read_problem.find("gone.h5 is missing"), std::string::npos);
  EXPECT_EQ(variable(info, "external").layout, Layout::kExternal);
  EXPECT_NE(variable(info, "external").read_problem, "") << "not allowed by default";
  set_access({.plugins = false, .external = true});
  EXPECT_EQ(inspect_dataset(path, "/external").read_problem, "");
  std::filesystem::resize_file(folder / "x.raw", 100);
  EXPECT_NE(inspect_dataset(path, "/external").read_problem.find("shorter"), std::string::npos);
  set_access({});
}

TEST(Inspect, SaysWhatIsWrongWithAFile) {
  const TempFolder folder;
  const auto good = python_file(folder, "good.h5", "h5py.File(path, 'w')['d'] = np.arange(9999)");
  const auto message = [](const std::string& path) {
    const Error error = error_of([&] { inspect(path); });
    EXPECT_EQ(error.exit_code, ExitCode::kInput);
    EXPECT_EQ(error.where, path);
    return error.message;
  };
  EXPECT_EQ(message(folder / "none.h5"), "cannot open the file: No such file or directory");
  EXPECT_EQ(message(folder.path()), "this is not a regular file");
  write_file(folder / "empty", {});
  EXPECT_EQ(message(folder / "empty"), "the file is empty");
  std::ofstream(folder / "text") << "some text that is longer than any signature";
  EXPECT_EQ(message(folder / "text"), "this is not an HDF5 or netCDF-4 file");
  std::ofstream(folder / "classic") << "CDF\x01 and more";
  EXPECT_NE(message(folder / "classic").find("classic netCDF"), std::string::npos);
  std::filesystem::copy_file(good, folder / "cut.h5");
  std::filesystem::resize_file(folder / "cut.h5", 3000);
  EXPECT_NE(message(folder / "cut.h5").find("truncated"), std::string::npos);

  ::chmod(good.c_str(), 0);
  const int me = ::setfsuid(65534);  // root may read everything; this thread is now somebody else
  EXPECT_EQ(message(good), "cannot open the file: Permission denied");
  ::setfsuid(static_cast<uid_t>(me));
}

TEST(Inspect, NamesAMissingDataSet) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.h5", "h5py.File(path, 'w')['d'] = 1");
  const Error error = error_of([&] { inspect_dataset(path, "/e"); });
  EXPECT_EQ(error.exit_code, ExitCode::kInput);
  EXPECT_EQ(error.where, path + ":/e");
}

}  // namespace
}  // namespace rankine::io
