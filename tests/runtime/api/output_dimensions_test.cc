// Names and sharing of dimensions.
#include "runtime/api/output_dimensions.h"

#include "tests/runtime/api/support.h"

namespace rankine::api::test {
namespace {

std::int64_t length(const io::OutputFile& file, const std::string& name) {
  for (const io::OutputDimension& dimension : file.dimensions) {
    if (dimension.name == name) return dimension.length;
  }
  return -1;
}

std::vector<double> values(const io::OutputFile& file, const std::string& name) {
  const io::OutputVariable* variable = find(file, name);
  if (variable == nullptr) return {};
  const io::Numbers numbers{variable->dtype, *variable->inline_data};
  std::vector<double> result;
  for (std::size_t i = 0; i < numbers.count(); ++i) result.push_back(numbers.as_double(i));
  return result;
}

TEST(OutputDimensions, NamesAxesWithoutNameByTheirLength) {
  const io::OutputFile file = describe({{"a", full({5, 3, 5, 5}, Literal::of(1.0), DType::kInt8)},
                                        {"b", arange(5)},
                                        {"dim_3", arange(7)}});
  EXPECT_EQ(find(file, "a")->dims, (Dims{"dim_5", "dim_3_1", "dim_5_1", "dim_5_2"}));
  EXPECT_EQ(find(file, "b")->dims, (Dims{"dim_5"}));
}

TEST_F(Climate, GivesOtherLengthsOfOneNameADimensionOfTheirOwn) {
  const Array tas = get("tas");
  const io::OutputFile file = describe({{"all", tas},
                                        {"some", tas[{Range{2, 4}}]},
                                        {"others", tas[{Range{0, 2}}]},
                                        {"again", get("pr")[{Range{2, 4}}]}});
  EXPECT_EQ(find(file, "all")->dims[0], "time");
  EXPECT_EQ(find(file, "some")->dims[0], "time_1");
  EXPECT_EQ(find(file, "others")->dims[0], "time_2");  // as long, with other labels
  EXPECT_EQ(find(file, "again")->dims[0], "time_1");
  EXPECT_EQ(find(file, "again")->dims[1], "lat");
  EXPECT_EQ(length(file, "time_1"), 2);
  EXPECT_EQ(values(file, "time_1"), (std::vector<double>{20, 30}));
  EXPECT_EQ(values(file, "time_2"), (std::vector<double>{0, 10}));
  EXPECT_EQ(text(file, "time_1", "bounds"), "time_bnds_1");
  EXPECT_EQ(values(file, "time_bnds_1"), (std::vector<double>{15, 25, 25, 35}));
  EXPECT_EQ(find(file, "time_bnds_1")->dims, (Dims{"time_1", "bnds"}));
  write_described(folder / "out.nc", file);
  EXPECT_PYTHON(
      "import xarray as xr; d = xr.open_dataset('out.nc'); assert d.some.dims[0] == 'time_1'");
}

TEST_F(Climate, LetsAStoredArrayBeTheCoordinate) {
  const io::OutputFile file = describe({{"x", get("tas")}, {"lat", get("lat") * 2}});
  EXPECT_EQ(find(file, "x")->dims[1], "lat");
  EXPECT_EQ(find(file, "lat")->dims, (Dims{"lat"}));
  EXPECT_FALSE(find(file, "lat")->inline_data.has_value());
  EXPECT_FALSE(find(file, "lat")->fill.has_value());
  EXPECT_EQ(text(file, "lat", "bounds"), "lat_bnds");
}

TEST_F(Climate, MovesADimensionOutOfTheWayOfAnArrayThatIsNotItsCoordinate) {
  const Array tas = get("tas");
  const io::OutputFile file = describe({{"lat", tas.mean("lon")},
                                        {"bnds", tas.mean()},
                                        {"height", tas.max()},
                                        {"lon", tas.mean({"time", "lon"})}});
  EXPECT_EQ(find(file, "lat")->dims, (Dims{"time", "lat_1"}));
  EXPECT_EQ(find(file, "lon")->dims, (Dims{"lat_1"}));
  EXPECT_EQ(values(file, "lat_1"), (std::vector<double>{-45, -15, 15, 45}));
  EXPECT_EQ(find(file, "lat_bnds")->dims, (Dims{"lat_1", "bnds_1"}));
  EXPECT_EQ(text(file, "lat", "coordinates"), "height_1 region");
  write_described(folder / "out.nc", file);
  EXPECT_PYTHON(
      "import xarray as xr; d = xr.open_dataset('out.nc'); assert d.lat.dims == ('time', 'lat_1'), "
      "d");
}

TEST_F(Climate, FollowsRenamedAxesAndForgetsUnnamedOnes) {
  const Array tas = get("tas");
  const io::OutputFile file =
      describe({{"a", tas.rename({"month", "lat", "lon"})}, {"b", tas.unnamed()}});
  EXPECT_EQ(find(file, "a")->dims, (Dims{"month", "lat", "lon"}));
  EXPECT_EQ(values(file, "month"), (std::vector<double>{0, 10, 20, 30, 40, 50}));
  EXPECT_EQ(find(file, "time_bnds")->dims, (Dims{"month", "bnds"}));
  EXPECT_EQ(find(file, "b")->dims, (Dims{"dim_6", "dim_4", "dim_5"}));
  EXPECT_EQ(find(file, "dim_4"), nullptr);
}

TEST_F(Climate, KeepsRecordDimensionsUnlimitedAndNoOthers) {
  const Array tas = get("tas");
  const io::OutputFile file =
      describe({{"a", tas[{Range{1, 3}}]}, {"b", tas.mean("time", {.keepdims = true})}});
  for (const io::OutputDimension& dimension : file.dimensions) {
    EXPECT_EQ(dimension.unlimited, dimension.name == "time") << dimension.name;
  }
  EXPECT_EQ(find(file, "b")->dims[0], "time_1");
  EXPECT_EQ(doubles(file, "time_1"), (std::vector<double>{25}));  // of the mean, not of its labels
}

TEST_F(Climate, JoinsTheLabelsOfSeveralFiles) {
  make("climate('next.nc', first=60, times=3)");
  const Array both = concatenate({get("tas"), get("tas", "next.nc")}, "time");
  write_described(folder / "out.nc", describe({{"tas", both}}));
  EXPECT_PYTHON(R"(
import xarray as xr
a = xr.concat([xr.open_dataset('climate.nc'), xr.open_dataset('next.nc')], 'time', data_vars='minimal', coords='minimal')
b = xr.open_dataset('out.nc')
for name in ['time', 'time_bnds', 'lat', 'lat_bnds', 'lon', 'tlat', 'areacella', 'tas_flag']:
    xr.testing.assert_identical(a[name].variable, b[name].variable)
)");
}

TEST_F(Climate, LeavesOutLabelsThatCannotBeJoined) {
  make("climate('other.nc', first=60, times=3, units='hours since 2000-01-01')");
  const Array both = concatenate({get("tas"), get("tas", "other.nc")}, "time");
  const io::OutputFile file = describe({{"tas", both}});
  EXPECT_EQ(find(file, "time"), nullptr);
  EXPECT_EQ(find(file, "time_bnds"), nullptr);
  EXPECT_EQ(length(file, "time"), 9);
}

TEST_F(Climate, SharesEqualDimensionsOfDifferentFiles) {
  make("climate('same.nc')\nclimate('later.nc', first=1)");
  const io::OutputFile file =
      describe({{"a", get("tas")}, {"b", get("tas", "same.nc")}, {"c", get("tas", "later.nc")}});
  EXPECT_EQ(find(file, "b")->dims, find(file, "a")->dims);
  EXPECT_EQ(find(file, "c")->dims, (Dims{"time_1", "lat", "lon"}));
  EXPECT_EQ(text(file, "b", "grid_mapping"), "crs");
  EXPECT_EQ(find(file, "crs_1"), nullptr);
  EXPECT_EQ(find(file, "lat_bnds_1"), nullptr);
  EXPECT_EQ(text(file, "b", "ancillary_variables"), "tas_flag");
  EXPECT_EQ(text(file, "c", "ancillary_variables"), "tas_flag_1");
}

TEST(NetcdfName, AcceptsWhatNetcdfDoesAndReplacesTheRest) {
  EXPECT_EQ(netcdf_name("t2m"), "t2m");
  EXPECT_EQ(netcdf_name("2m"), "2m");
  EXPECT_EQ(netcdf_name("höhe"), "höhe");
  EXPECT_EQ(netcdf_name("(x)"), "_(x)");
  EXPECT_EQ(netcdf_name("a/b\n "), "a_b__");
  EXPECT_EQ(netcdf_name(""), "_");
  EXPECT_EQ(netcdf_name(std::string(239, 'x') + "ö").size(), 239U);
}

}  // namespace
}  // namespace rankine::api::test
