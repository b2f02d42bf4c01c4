#include "runtime/api/output.h"

#include <cmath>

#include "runtime/api/map_blocks.h"
#include "runtime/base/error.h"
#include "tests/runtime/api/support.h"

namespace rankine::api::test {
namespace {

TEST_F(Climate, WritesACopyThatXarrayFindsIdenticalButForTheData) {
  const Array tas = get("tas");
  OutputOptions options;
  options.history = false;
  write_described(folder / "out.nc", describe({{"tas", tas + 0}}, options));
  EXPECT_PYTHON(R"(
import xarray as xr
a, b = xr.open_dataset('climate.nc'), xr.open_dataset('out.nc')
assert b.attrs == a.attrs, b.attrs
assert b.encoding['unlimited_dims'] == {'time'}, b.encoding
assert set(b.tas.dims) == {'time', 'lat', 'lon'}
for name in ['time', 'lat', 'lon', 'height', 'tlat']:
    xr.testing.assert_identical(a[name].variable, b[name].variable)
for name in ['time_bnds', 'lat_bnds', 'areacella', 'tas_flag', 'region']:
    xr.testing.assert_identical(a[name].variable, b[name].variable)
raw = nc.Dataset('out.nc'); raw.set_auto_maskandscale(False)
assert raw['time'].dtype == np.int32 and raw['lon'].dtype == np.float64
assert raw['lon'][:].tolist() == [10, 60, 110, 160, 210] and '_FillValue' not in raw['lon'].ncattrs()
assert raw['tlat']._FillValue == np.float32(1e30) and raw['tlat'][3, 4] == np.float32(1e30)
assert '_FillValue' not in raw['areacella'].ncattrs()
assert raw['crs'].grid_mapping_name == 'latitude_longitude'
tas = raw['tas']
assert tas._FillValue == np.float32(1e20) and 'valid_min' not in tas.ncattrs()
assert tas.coordinates == 'height region tlat' and tas.grid_mapping == 'crs'
assert tas.cell_measures == 'area: areacella' and tas.ancillary_variables == 'tas_flag'
assert raw.getncattr('coordinates') == 'height region time'
)");
}

TEST_F(Climate, CutsCoordinatesAndWhatBelongsToThemWithTheArray) {
  const Array tas = get("tas");
  const Array cut = tas[{Range{4, 0, -2}, Range{1, 3}, Range{{}, {}, 2}}];
  write_described(folder / "out.nc", describe({{"tas", cut}}));
  EXPECT_PYTHON(R"(
import xarray as xr
a = xr.open_dataset('climate.nc').isel(time=slice(4, 0, -2), lat=slice(1, 3), lon=slice(None, None, 2))
b = xr.open_dataset('out.nc')
assert b.tas.shape == (2, 2, 3)
for name in ['time', 'time_bnds', 'lat', 'lat_bnds', 'lon', 'tlat', 'areacella', 'tas_flag']:
    xr.testing.assert_identical(a[name].variable, b[name].variable)
)");
}

TEST_F(Climate, KeepsWhatRemainsAfterAReduction) {
  const Array tas = get("tas");
  const io::OutputFile mean = describe({{"m", tas.mean("time")}});
  EXPECT_EQ(find(mean, "m")->dims, (Dims{"lat", "lon"}));
  EXPECT_EQ(find(mean, "time"), nullptr);
  EXPECT_EQ(find(mean, "time_bnds"), nullptr);
  EXPECT_NE(find(mean, "lat_bnds"), nullptr);
  EXPECT_EQ(text(mean, "m", "coordinates"), "height region tlat");
  EXPECT_EQ(text(mean, "m", "ancillary_variables"), "(none)");
  EXPECT_EQ(text(mean, "m", "cell_measures"), "area: areacella");
  EXPECT_EQ(text(mean, "m", "units"), "K");
  EXPECT_EQ(text(mean, "m", "cell_methods"), "area: mean time: mean");

  const io::OutputFile series = describe({{"s", tas.max({"lat", "lon"}).std("time")}});
  EXPECT_EQ(text(series, "s", "cell_methods"),
            "area: mean lat: lon: maximum time: standard_deviation");
  EXPECT_EQ(text(series, "s", "coordinates"), "height");
  EXPECT_EQ(text(series, "s", "cell_measures"), "(none)");
  EXPECT_TRUE(find(series, "s")->chunk.empty());
  EXPECT_FALSE(find(series, "s")->inline_data.has_value());
}

TEST_F(Climate, KeepsUnitsOnlyWhereTheyStayTrue) {
  const Array x = get("tas");
  const Array y = get("pr");
  const Array one = full({}, Literal::of(2.0), DType::kFloat32);
  const auto doubled = [](const Array& array) {
    return map_blocks([](Block<const float> a, Block<float> b) { b[0] = 2 * a[0]; }, array);
  };
  const Named kept{{"a", x + y},
                   {"b", x - 273.15},
                   {"c", x * 2},
                   {"d", 2 * x},
                   {"e", x / 3},
                   {"f", x * one},
                   {"g", x.mean("time")},
                   {"h", x.std("time")},
                   {"i", x.sum({"lat"})},
                   {"j", x.min()},
                   {"k", x[{Range{1, 3}}]},
                   {"l", x.shift({{"time", 1}})},
                   {"m", abs(-x)},
                   {"n", where(x > 5, x, 0)},
                   {"o", clip(x, 0, 1)},
                   {"p", floor(x)},
                   {"q", ceil(x)},
                   {"r", round(x)},
                   {"s", minimum(x, 3)},
                   {"t", maximum(3, x)},
                   {"u", x.astype(DType::kFloat64)},
                   {"v", x.transpose()},
                   {"w", 300 - x},
                   {"z", concatenate({x, x}, "time")}};
  const io::OutputFile keeps = describe(kept);
  for (const auto& [name, array] : kept) EXPECT_EQ(text(keeps, name, "units"), "K") << name;

  const Named dropped{{"a", x * y},          {"b", x / y},
                      {"c", 1 / x},          {"d", sqrt(x)},
                      {"e", x.var("time")},  {"f", x.count("lat")},
                      {"g", x > 280},        {"h", exp(x)},
                      {"i", x.prod("time")}, {"j", isnan(x)},
                      {"k", pow(x, 2)},      {"l", x % 2},
                      {"m", (x > 1).any()},  {"n", where(x > 5, 1, 0)},
                      {"o", sign(x)},        {"p", (x * y).mean("time")},
                      {"q", doubled(x)}};
  const io::OutputFile drops = describe(dropped);
  for (const auto& [name, array] : dropped) {
    EXPECT_EQ(text(drops, name, "units"), "(none)") << name;
    EXPECT_EQ(text(drops, name, "long_name"), "air temperature") << name;
  }
}

TEST_F(Climate, TakesAttributesFromTheLeftmostDataSet) {
  const Array tas = get("tas");
  const Array pr = get("pr");
  const io::OutputFile file = describe({{"a", 2 + (sqrt(pr) + tas)},
                                        {"b", where(pr > 0, tas, pr)},
                                        {"c", arange(5) + tas},
                                        {"d", arange(5)}});
  EXPECT_EQ(text(file, "a", "coordinates"), "time lat tlat");
  EXPECT_EQ(text(file, "a", "scale_factor"), "(none)");
  EXPECT_EQ(text(file, "b", "long_name"), "air temperature");
  EXPECT_EQ(text(file, "c", "long_name"), "air temperature");
  EXPECT_TRUE(find(file, "d")->attributes.empty());
}

TEST_F(Climate, ChoosesFillValuesThatResultsWillNotEqual) {
  make("climate('small.nc', missing=0)\nclimate('minus.nc', missing=-999)");
  const Array tas = get("tas");
  const io::OutputFile file = describe({{"own", tas * 2},
                                        {"wide", tas.astype(DType::kFloat64)},
                                        {"packed", get("pr")},
                                        {"zero", get("tas", "small.nc")},
                                        {"minus", get("tas", "minus.nc")},
                                        {"none", full({3}, Literal::of(1.0), DType::kFloat64)},
                                        {"count", tas.count("time")},
                                        {"bits", tas > 1}});
  const auto fill = [&](const char* name) { return find(file, name)->fill->as_double(0); };
  EXPECT_EQ(fill("own"), double{1e20F});
  EXPECT_EQ(fill("wide"), double{1e20F});
  EXPECT_EQ(fill("packed"), 9.9692099683868690e+36);
  EXPECT_EQ(fill("zero"), 9.9692099683868690e+36);
  EXPECT_EQ(fill("minus"), -999.0);
  EXPECT_EQ(fill("none"), 9.9692099683868690e+36);
  EXPECT_FALSE(find(file, "count")->fill.has_value());
  EXPECT_FALSE(find(file, "bits")->fill.has_value());
  EXPECT_EQ(find(file, "bits")->dtype, DType::kBool);
}

TEST_F(Climate, DoesNotCallCountsOfAMaskBool) {
  const Array mask = get("mask");
  ASSERT_EQ(mask.dtype(), DType::kBool);
  const io::OutputFile file = describe({{"n", mask.sum("lat")}, {"m", !mask}});
  EXPECT_EQ(text(file, "n", "dtype"), "(none)");
  EXPECT_EQ(text(file, "m", "dtype"), "(none)");  // the writer adds it
}

TEST_F(Climate, ChunksAsTheComputationOrAsAsked) {
  const Array tas = get("tas");
  OutputOptions options;
  options.codec = io::parse_codec("deflate-7");
  options.shuffle = false;
  const io::OutputFile plain = describe({{"a", tas}, {"b", tas[{Range{0, 1}}]}}, options);
  EXPECT_EQ(find(plain, "a")->chunk, (Extents{2, 4, 3}));
  EXPECT_EQ(find(plain, "b")->chunk, (Extents{1, 4, 3}));
  EXPECT_EQ(io::to_string(find(plain, "a")->codec), "deflate-7");
  EXPECT_FALSE(find(plain, "a")->shuffle);
  options.chunks = Extents{100, 1, -1};
  const io::OutputFile asked = describe({{"a", tas}, {"b", tas.mean("time")}}, options);
  EXPECT_EQ(find(asked, "a")->chunk, (Extents{6, 1, 5}));
  EXPECT_EQ(find(asked, "b")->chunk, (Extents{4, 3}));
  options.chunks = Extents{0, 1, 1};
  EXPECT_THROW(describe({{"a", tas}}, options), Error);
}

TEST(DescribeOutput, CutsChunksThatHdf5CannotHold) {
  const Array large =
      full({5, 1 << 16, 1 << 15}, Literal::of(0.0), DType::kFloat64, {5, 1 << 16, 1 << 15});
  const io::OutputFile file = describe({{"x", large}});
  EXPECT_EQ(file.variables[0].chunk, (Extents{1, 1 << 12, 1 << 15}));
  OutputOptions options;
  options.chunks = Extents{5, 1 << 16, 1 << 15};
  EXPECT_THROW(describe({{"x", large}}, options), Error);
}

TEST(DescribeOutput, RefusesNamesThatNetcdfDoes) {
  const Array x = arange(3);
  EXPECT_THROW(describe({{"a//b", x}}), Error);
  EXPECT_THROW(describe({{"", x}}), Error);
  EXPECT_THROW(describe({{"a", x}, {"a", x}}), Error);
}

TEST(DescribeOutput, DescribesArraysWithoutElementsAndWithoutFiles) {
  OutputOptions options;
  options.history = false;
  const io::OutputFile file =
      describe({{"a", full({0, 3}, Literal::of(1.0), DType::kFloat32)}, {"b", arange(0)}}, options);
  EXPECT_EQ(file.variables[0].dims, (Dims{"dim_0", "dim_3"}));
  EXPECT_EQ(file.variables[1].dims, (Dims{"dim_0"}));
  EXPECT_EQ(file.variables[0].chunk, (Extents{1, 3}));
  EXPECT_TRUE(file.attributes.empty());
  EXPECT_TRUE(describe({}, options).variables.empty());
}

TEST_F(Climate, PutsOneLineBeforeTheHistoryOrNone) {
  OutputOptions options;
  options.history_line = "Fri Jan 02 00:00:00 1970: rankine eval 'x = tas'";
  const Array tas = get("tas");
  const io::OutputFile with = describe({{"x", tas}}, options);
  EXPECT_EQ(text(with.attributes, "history"),
            "Fri Jan 02 00:00:00 1970: rankine eval 'x = tas'\nolder line\noldest line");
  EXPECT_EQ(text(with.attributes, "Conventions"), "CF-1.8");
  const io::OutputFile fresh = describe({{"x", arange(3)}}, options);
  EXPECT_EQ(text(fresh.attributes, "history"), "Fri Jan 02 00:00:00 1970: rankine eval 'x = tas'");
  EXPECT_EQ(text(fresh.attributes, "Conventions"), "(none)");
  options.history = false;
  const io::OutputFile without = describe({{"x", tas}}, options);
  EXPECT_EQ(text(without.attributes, "history"), "older line\noldest line");
}

}  // namespace
}  // namespace rankine::api::test
