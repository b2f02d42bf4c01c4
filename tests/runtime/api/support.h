// Input files made by netCDF4-python, and outputs described here and judged by xarray.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "io/h5/netcdf_writer.h"
#include "io/settle.h"
#include "runtime/api/array.h"
#include "runtime/api/open.h"
#include "runtime/api/output.h"
#include "tests/io/h5/sample_output.h"

namespace rankine::api::test {

using io::test::CommandResult;
using io::test::run_command;
using io::test::TempFolder;

// Runs a script with netCDF4 as nc and numpy as np imported. `folder` is the current folder.
inline CommandResult run_python(const std::string& folder, const std::string& script) {
  std::ofstream(folder + "/script.py") << "import netCDF4 as nc, numpy as np\n" << script;
  return run_command("cd " + folder + " && /usr/bin/python3 script.py");
}

#define EXPECT_PYTHON(script)                                              \
  do {                                                                     \
    const CommandResult python_result = run_python(folder.path(), script); \
    EXPECT_EQ(python_result.status, 0) << python_result.text;              \
  } while (false)

// A model's output as archives have them: an unlimited time with bounds, curvilinear and scalar
// coordinates, a map projection, cell areas, flags, text, packed and unpacked fields.
inline constexpr const char* kClimate = R"(
def climate(path, first=0, times=6, units='days since 2000-01-01', missing=1e20):
    d = nc.Dataset(path, 'w')
    d.Conventions, d.title, d.history = 'CF-1.8', 'made up', 'older line\noldest line'
    d.setncattr('coordinates', 'height region time')
    d.createDimension('time', None)
    for name, n in [('lat', 4), ('lon', 5), ('bnds', 2), ('len', 8)]: d.createDimension(name, n)
    t = d.createVariable('time', 'i4', ('time',))
    t.units, t.calendar, t.axis, t.bounds = units, 'noleap', 'T', 'time_bnds'
    t[:] = first + 10 * np.arange(times)
    tb = d.createVariable('time_bnds', 'f8', ('time', 'bnds'))
    tb[:] = np.stack([t[:] - 5.0, t[:] + 5.0], 1)
    lat = d.createVariable('lat', 'f8', ('lat',), zlib=True, chunksizes=(3,))
    lat.units, lat.bounds = 'degrees_north', 'lat_bnds'
    lat[:] = [-45, -15, 15, 45]
    d.createVariable('lat_bnds', 'f8', ('lat', 'bnds'))[:] = [[-60, -30], [-30, 0], [0, 30], [30, 60]]
    lon = d.createVariable('lon', 'i2', ('lon',))
    lon.units, lon.scale_factor, lon.add_offset = 'degrees_east', 0.5, 10.0
    lon.set_auto_scale(False)
    lon[:] = np.arange(5) * 100
    h = d.createVariable('height', 'f8'); h.units = 'm'; h[...] = 2
    tlat = d.createVariable('tlat', 'f4', ('lat', 'lon'), fill_value=1e30)
    tlat[:] = np.ma.masked_greater(np.arange(20.).reshape(4, 5), 18)
    region = d.createVariable('region', 'S1', ('lat', 'len')); region[:] = 'x'
    crs = d.createVariable('crs', 'S1'); crs.grid_mapping_name = 'latitude_longitude'
    area = d.createVariable('areacella', 'f4', ('lat', 'lon')); area.units = 'm2'
    area[:] = np.arange(20).reshape(4, 5)
    flag = d.createVariable('tas_flag', 'i1', ('time', 'lat', 'lon')); flag[:] = 1
    tas = d.createVariable('tas', 'f4', ('time', 'lat', 'lon'), fill_value=missing, zlib=True,
                           chunksizes=(2, 4, 3))
    tas.units, tas.long_name, tas.cell_methods = 'K', 'air temperature', 'area: mean'
    tas.valid_min = np.float32(0)
    tas.coordinates, tas.grid_mapping = 'height region tlat', 'crs'
    tas.cell_measures, tas.ancillary_variables = 'area: areacella', 'tas_flag'
    tas[:] = np.arange(times * 20).reshape(times, 4, 5)
    pr = d.createVariable('pr', 'i2', ('time', 'lat', 'lon'), fill_value=-32768)
    pr.units, pr.scale_factor, pr.coordinates = 'kg m-2 s-1', 0.25, 'time lat tlat nothing'
    pr[:] = 0
    mask = d.createVariable('mask', 'i1', ('lat', 'lon')); mask.setncattr('dtype', 'bool'); mask[:] = 1
    d.close()
)";

// The description with zeros as data, written as a file.
inline void write_described(const std::string& path, io::OutputFile file) {
  for (io::OutputVariable& variable : file.variables) {
    if (!io::is_logged(variable)) continue;
    variable.chunk.clear();
    variable.inline_data.emplace(static_cast<std::size_t>(volume(variable.shape)) *
                                 size_of(variable.dtype));
  }
  io::create_part(path);
  std::ofstream(path).close();  // the writer finds the chunks there, of which there are none
  io::write_netcdf(path, file, {});
}

using Named = std::vector<std::pair<std::string, Array>>;

inline io::OutputFile describe(const Named& arrays, OutputOptions options = {}) {
  std::vector<NamedArray> nodes;
  for (const auto& [name, array] : arrays) nodes.push_back({name, array.node()});
  return describe_output(nodes, options);
}

inline const io::OutputVariable* find(const io::OutputFile& file, const std::string& name) {
  for (const io::OutputVariable& variable : file.variables) {
    if (variable.name == name) return &variable;
  }
  return nullptr;
}

// The values of a variable that is float64 and written whole.
inline std::vector<double> doubles(const io::OutputFile& file, const std::string& name) {
  const io::OutputVariable* variable = find(file, name);
  if (variable == nullptr || !variable->inline_data) return {};
  const io::Numbers numbers{variable->dtype, *variable->inline_data};
  std::vector<double> values;
  for (std::size_t i = 0; i < numbers.count(); ++i) values.push_back(numbers.as_double(i));
  return values;
}

// The text of an attribute; "(none)" if there is no such attribute or variable.
inline std::string text(const std::vector<io::Attribute>& attributes, const std::string& name) {
  for (const io::Attribute& attribute : attributes) {
    if (attribute.name != name) continue;
    const auto* value = std::get_if<std::string>(&attribute.value);
    return value == nullptr ? "(no text)" : *value;
  }
  return "(none)";
}
inline std::string text(const io::OutputFile& file, const std::string& variable,
                        const std::string& name) {
  const io::OutputVariable* found = find(file, variable);
  return found == nullptr ? "(no variable)" : text(found->attributes, name);
}

using Dims = std::vector<std::string>;

// A folder with climate.nc.
class Climate : public ::testing::Test {
 protected:
  void SetUp() override { make("climate('climate.nc')"); }
  void make(const std::string& calls) { ASSERT_EQ(run(calls).status, 0) << run(calls).text; }
  CommandResult run(const std::string& calls) {
    return run_python(folder.path(), std::string(kClimate) + calls);
  }
  Array get(const std::string& variable, const std::string& file = "climate.nc") {
    return open((folder / file) + ":/" + variable);
  }

  TempFolder folder;
};

}  // namespace rankine::api::test
