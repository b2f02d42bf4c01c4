#include "io/decode.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "io/h5/inspect.h"
#include "io/h5/slow_read.h"
#include "tests/io/h5/python_file.h"

namespace rankine::io {
namespace {

using namespace test;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Variable variable_of(DType dtype, std::vector<Attribute> attributes) {
  Variable variable;
  variable.dtype = dtype;
  variable.attributes = std::move(attributes);
  return variable;
}

// Decodes through a variable with these attributes; results as doubles.
template <class P>
std::vector<double> decoded(const std::vector<P>& packed, std::vector<Attribute> attributes,
                            DType expected_type) {
  const Decode decode = make_decode(variable_of(dtype_for<P>(), std::move(attributes)));
  EXPECT_EQ(decode.result, expected_type) << name_of(decode.result);
  const Contents in = bytes_of(packed);
  Numbers out{decode.result, Contents(packed.size() * size_of(decode.result))};
  decode_values(decode, in.data(), out.bytes.data(), static_cast<std::int64_t>(packed.size()));
  std::vector<double> values;
  for (std::size_t i = 0; i < packed.size(); ++i) values.push_back(out.as_double(i));
  return values;
}

void expect_same(const std::vector<double>& got, const std::vector<double>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(want[i])) EXPECT_TRUE(std::isnan(got[i])) << i << ": " << got[i];
    else EXPECT_EQ(got[i], want[i]) << i;
  }
}

using I1 = std::int8_t;
using I2 = std::int16_t;
using I4 = std::int32_t;
using I8 = std::int64_t;
using U1 = std::uint8_t;

TEST(Decode, LeavesDataWithoutDeclarationsAsTheyAre) {
  expect_same(decoded<I2>({1, -2}, {{"units", std::string("K")}}, DType::kInt16), {1, -2});
  expect_same(decoded<float>({1.5f, -2}, {}, DType::kFloat32), {1.5, -2});
  Variable filled = variable_of(DType::kInt32, {});
  filled.fill = numbers<I4>({-1});
  EXPECT_TRUE(make_decode(filled).plain()) << "a fill value of HDF5 alone declares nothing";
}

TEST(Decode, MakesDeclaredMissingValuesNaN) {
  expect_same(decoded<I2>({1, -9, 3}, {{"_FillValue", numbers<I2>({-9})}}, DType::kFloat32),
              {1, kNaN, 3});
  expect_same(decoded<I4>({1, -9, 3}, {{"missing_value", numbers<I4>({-9, 3})}}, DType::kFloat64),
              {1, kNaN, kNaN});
  expect_same(
      decoded<float>({1, -9, 3},
                     {{"_FillValue", numbers<float>({-9})}, {"missing_value", numbers<float>({3})}},
                     DType::kFloat32),
      {1, kNaN, kNaN});
  expect_same(
      decoded<double>({kNaN, 2}, {{"_FillValue", numbers<double>({kNaN})}}, DType::kFloat64),
      {kNaN, 2});
}

TEST(Decode, ComparesInThePackedType) {
  // The nearest float to 1e20 and to -0.1 is what the file holds, whatever the attribute's type.
  expect_same(decoded<float>({1e20f, -0.1f, 1}, {{"missing_value", numbers<double>({1e20, -0.1})}},
                             DType::kFloat32),
              {kNaN, kNaN, 1});
  expect_same(
      decoded<float>({0.1f, 0.2f}, {{"valid_max", numbers<double>({0.1})}}, DType::kFloat32),
      {double{0.1f}, kNaN});
  // Values that no int8 equals match nothing, but declare.
  expect_same(decoded<I1>({1, -1, 127}, {{"missing_value", numbers<double>({-999, 1.5, 1e300})}},
                          DType::kFloat32),
              {1, -1, 127});
  // 2^53 + 1 and 2^53 differ only as integers.
  const I8 large = (I8{1} << 53) + 1;
  expect_same(
      decoded<I8>({large, large - 1}, {{"_FillValue", numbers<I8>({large})}}, DType::kFloat64),
      {kNaN, static_cast<double>(large - 1)});
}

TEST(Decode, TakesValuesOutsideTheValidRangeForMissing) {
  expect_same(
      decoded<I2>({-1, 0, 5, 10, 11}, {{"valid_range", numbers<I2>({0, 10})}}, DType::kFloat32),
      {kNaN, 0, 5, 10, kNaN});
  expect_same(decoded<I2>({-1, 0, 9}, {{"valid_min", numbers<I2>({0})}}, DType::kFloat32),
              {kNaN, 0, 9});
  expect_same(decoded<I2>({-1, 0, 9}, {{"valid_max", numbers<float>({8.5f})}}, DType::kFloat32),
              {-1, 0, kNaN});
  expect_same(decoded<I2>({1, 2, 3}, {{"valid_min", numbers<float>({1.5f})}}, DType::kFloat32),
              {kNaN, 2, 3});
  expect_same(decoded<U1>({0, 200}, {{"valid_range", numbers<I4>({-5, 70000})}}, DType::kFloat32),
              {0, 200});
  expect_same(decoded<U1>({0, 1, 200}, {{"valid_min", numbers<I4>({300})}}, DType::kFloat32),
              {kNaN, kNaN, kNaN});
  expect_same(decoded<U1>({0, 1, 200}, {{"valid_max", numbers<I4>({-1})}}, DType::kFloat32),
              {kNaN, kNaN, kNaN});
  expect_same(
      decoded<double>({-1, 0, HUGE_VAL}, {{"valid_min", numbers<float>({0})}}, DType::kFloat64),
      {kNaN, 0, HUGE_VAL});
}

TEST(Decode, UnpacksToTheTypeOfTheAttributes) {
  const Attribute scale4{"scale_factor", numbers<float>({0.5f})};
  const Attribute scale8{"scale_factor", numbers<double>({0.5})};
  const Attribute offset4{"add_offset", numbers<float>({100})};
  const Attribute offset8{"add_offset", numbers<double>({100})};
  expect_same(decoded<I2>({4, -4}, {scale4, offset4}, DType::kFloat32), {102, 98});
  expect_same(decoded<I2>({4, -4}, {scale8, offset8}, DType::kFloat64), {102, 98});
  expect_same(decoded<I2>({4}, {scale4, offset8}, DType::kFloat64), {102});
  expect_same(decoded<I4>({4}, {scale4}, DType::kFloat64), {2});
  expect_same(decoded<U1>({4}, {offset8}, DType::kFloat64), {104});
  expect_same(decoded<I2>({4}, {{"scale_factor", numbers<I2>({3})}}, DType::kFloat64), {12});
  expect_same(decoded<float>({4}, {scale8, offset8}, DType::kFloat32), {102});
  expect_same(decoded<I2>({4, 7}, {scale8, {"_FillValue", numbers<I2>({7})}}, DType::kFloat64),
              {2, kNaN});
  expect_same(decoded<I2>({4}, {{"scale_factor", numbers<float>({1})}}, DType::kFloat32), {4});
  expect_same(decoded<I2>({4}, {{"scale_factor", std::string("x")}}, DType::kInt16), {4});
}

TEST(Decode, ReadsBytesWithTheSignThatWasMeant) {
  const Attribute is_unsigned{"_Unsigned", std::string("True")};
  expect_same(decoded<I1>({-1, 5}, {is_unsigned}, DType::kUInt8), {255, 5});
  expect_same(
      decoded<I1>({-1, -2, 5}, {is_unsigned, {"_FillValue", numbers<I1>({-1})}}, DType::kFloat32),
      {kNaN, 254, 5});
  expect_same(decoded<I1>({-1, -2, 5},
                          {is_unsigned,
                           {"valid_range", numbers<I1>({0, -2})},
                           {"scale_factor", numbers<float>({0.5f})}},
                          DType::kFloat32),
              {kNaN, 127, 2.5});
  expect_same(decoded<U1>({255, 5}, {{"_Unsigned", std::string("false")}}, DType::kInt8), {-1, 5});
  expect_same(decoded<float>({-1}, {is_unsigned}, DType::kFloat32), {-1});
}

TEST(Decode, MakesBoolsOfBytes) {
  expect_same(decoded<I1>({0, 1, 5}, {{"dtype", std::string("bool")}}, DType::kBool), {0, 1, 1});
  expect_same(decoded<I2>({0, 5}, {{"dtype", std::string("bool")}}, DType::kInt16), {0, 5});
  const Decode decode = make_decode(variable_of(DType::kBool, {}));
  const std::byte in[] = {std::byte{0}, std::byte{1}, std::byte{0xff}};
  std::byte out[3];
  decode_values(decode, in, out, 3);
  EXPECT_EQ(out[0], std::byte{0});
  EXPECT_EQ(out[1], std::byte{1});
  EXPECT_EQ(out[2], std::byte{1});
}

TEST(Decode, WorksInPlaceAndForAnyLength) {
  std::mt19937_64 random(3);
  const Decode decode =
      make_decode(variable_of(DType::kFloat32, {{"_FillValue", numbers<float>({7})},
                                                {"valid_max", numbers<float>({40})},
                                                {"scale_factor", numbers<float>({2})}}));
  ASSERT_TRUE(decode.in_place());
  for (const std::size_t count : {0u, 1u, 7u, 4095u, 4096u, 4097u, 10000u}) {
    std::vector<float> in(count);
    for (auto& value : in) value = static_cast<float>(random() % 50);
    Contents bytes = bytes_of(in);
    decode_values(decode, bytes.data(), bytes.data(), static_cast<std::int64_t>(count));
    for (std::size_t i = 0; i < count; ++i) {
      float got;
      std::memcpy(&got, bytes.data() + i * 4, 4);
      if (in[i] == 7 || in[i] > 40) EXPECT_TRUE(std::isnan(got)) << i;
      else EXPECT_EQ(got, in[i] * 2) << i;
    }
  }
}

TEST(Decode, AgreesWithXarray) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.nc", R"(
import netCDF4, xarray as xr, itertools
f = netCDF4.Dataset(path, 'w'); f.set_auto_maskandscale(False)
f.createDimension('x', 200)
i = 0
for t, fill, miss, scale, offset, unsigned in itertools.product(
    ('i1', 'i2', 'i4', 'u1', 'u2', 'f4', 'f8'), (None, 5), (None, 9), (None, 'f4', 'f8'),
    (None, 'f4', 'f8'), (False, True)):
  if unsigned and t[0] != 'i': continue
  v = f.createVariable(f'v{i}', t, ('x',), fill_value=fill if fill is not None else False); i += 1
  v.set_auto_maskandscale(False)
  if miss is not None: v.missing_value = np.dtype(t).type(miss)
  if scale: v.scale_factor = np.dtype(scale).type(0.25)
  if offset: v.add_offset = np.dtype(offset).type(-3)
  if unsigned: v.setncattr('_Unsigned', 'true')
  v[:] = rng.integers(0, 120, 200).astype(t) * np.dtype(t).type(-1 if t[0] == 'i' else 1)
  v[:20] = np.arange(20).astype(t)
f.close()
d = xr.open_dataset(path, decode_times=False)
for name in d: raw('raw.' + name, d[name].values.astype('f8')))");
  const FileInfo info = inspect(path);
  int compared = 0;
  for (const auto& variable : info.variables) {
    if (variable.is_pure_dimension) continue;
    const Decode decode = make_decode(variable);
    Contents packed(200 * size_of(*variable.dtype));
    SlowReader(path, variable.path).read({{0}, {200}}, packed.data());
    Numbers got{decode.result, Contents(200 * size_of(decode.result))};
    decode_values(decode, packed.data(), got.bytes.data(), 200);
    const Numbers want{DType::kFloat64, read_file(folder / ("raw." + variable.path.substr(1)))};
    for (std::size_t i = 0; i < 200; ++i) {
      const double a = got.as_double(i);
      const double b = want.as_double(i);
      ASSERT_TRUE(a == b || (std::isnan(a) && std::isnan(b)))
          << variable.path << i << " " << a << " " << b;
    }
    ++compared;
  }
  EXPECT_EQ(compared, 360);
}

}  // namespace
}  // namespace rankine::io
