// Programs bound to a small file, and what came of them as text.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "apps/language/bind.h"
#include "apps/language/parse.h"
#include "runtime/base/error.h"
#include "runtime/expr/node.h"

namespace rankine::language::test {

// A folder with weather.nc, made once by netCDF4-python:
//   t2m(time=6, lat=5, lon=8) float32 in chunks of (2, 5, 4); packed, int16 with scale and fill;
//   mask(lat, lon) int8; plain(row=4, column=3) float64 without coordinates; name(row) text;
//   lat 50 40 30 20 10.1 (float32), lon 0 45 ... 315 (float64), time 0 6 ... 30 (int32),
//   odd(odd=4) with values 3 1 1 nan; /deep/wind(time=6, lat=5), /deep/t2m(height=2).
class Weather {
 public:
  static const std::string& file() {
    static const Weather weather;
    return weather.path_;
  }

  ~Weather() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

 private:
  Weather() {
    std::string name = (std::filesystem::temp_directory_path() / "bind-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = name;
    path_ = name + "/weather.nc";
    std::ofstream(name + "/make.py") << R"(
import sys, netCDF4, numpy as np
f = netCDF4.Dataset(sys.argv[1], 'w')
for name, n in dict(time=6, lat=5, lon=8, row=4, column=3, odd=4).items():
  f.createDimension(name, n)
def put(place, name, kind, dims, values, **options):
  v = place.createVariable(name, kind, dims, **options)
  v[...] = values
  return v
put(f, 'time', 'i4', ('time',), np.arange(6) * 6)
put(f, 'lat', 'f4', ('lat',), [50, 40, 30, 20, 10.1])
put(f, 'lon', 'f8', ('lon',), np.arange(8) * 45.0)
put(f, 'odd', 'f8', ('odd',), [3, 1, 1, np.nan])
put(f, 't2m', 'f4', ('time', 'lat', 'lon'), np.arange(240).reshape(6, 5, 8), chunksizes=(2, 5, 4))
p = f.createVariable('packed', 'i2', ('time', 'lat'), fill_value=-1)
p.scale_factor = np.float32(0.5)
p[...] = np.arange(30).reshape(6, 5)
put(f, 'mask', 'i1', ('lat', 'lon'), np.ones((5, 8)))
put(f, 'plain', 'f8', ('row', 'column'), np.ones((4, 3)))
put(f, 'name', str, ('row',), np.array(['a', 'b', 'c', 'd'], dtype=object))
put(f, 'odds', 'f4', ('odd',), np.ones(4))
g = f.createGroup('deep')
g.createDimension('height', 2)
put(g, 'wind', 'f4', ('time', 'lat'), np.ones((6, 5)))
put(g, 't2m', 'f8', ('height',), np.ones(2))
f.close()
)";
    if (std::system(("/usr/bin/python3 " + name + "/make.py " + path_).c_str()) != 0) {
      throw std::runtime_error("python could not make the file");
    }
  }

  std::string folder_;
  std::string path_;
};

inline Inputs weather() { return {{Weather::file()}, {}, {}}; }

inline std::vector<Binding> bound(const std::string& program, const Inputs& inputs = weather()) {
  return bind(parse(program), inputs);
}

// The value of the last statement.
inline Term term(const std::string& program, const Inputs& inputs = weather()) {
  return bound(program, inputs).back().value;
}
inline Array array(const std::string& program, const Inputs& inputs = weather()) {
  return std::get<Array>(term(program, inputs));
}
inline Literal literal(const std::string& program) {
  return std::get<Literal>(term(program, Inputs{}));
}

// "float32 (time=6, lat=5)"; an axis without a name is "5".
inline std::string summary(const Array& x) {
  std::string text = std::string(name_of(x.dtype())) + " (";
  for (std::size_t k = 0; k < x.rank(); ++k) {
    if (k > 0) text += ", ";
    if (!x.dims()[k].empty()) text += x.dims()[k] + "=";
    text += std::to_string(x.shape()[k]);
  }
  return text + ")";
}
inline std::string summary(const std::string& program, const Inputs& inputs = weather()) {
  return summary(array(program, inputs));
}

// "read /t2m, mean, subtract": the nodes below the value, operands first.
inline std::string nodes(const std::string& program, const Inputs& inputs = weather()) {
  std::string text;
  for (const expr::NodePtr& node : expr::topological_order({array(program, inputs).node()})) {
    text += (text.empty() ? "" : ", ") + expr::name_of(*node);
  }
  return text;
}

inline Error refusal(const std::string& program, const Inputs& inputs = weather()) {
  try {
    bound(program, inputs);
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "was accepted: " << program;
  return {};
}

// The column of the caret that an error shows, from 1; 0 if it shows none.
inline std::size_t column(const Error& error) {
  const std::string word = "column ";
  const std::size_t at = error.where.find(word);
  return at == std::string::npos ? 0 : std::stoul(error.where.substr(at + word.size()));
}

}  // namespace rankine::language::test
