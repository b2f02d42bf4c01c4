#include "apps/sample_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <vector>

#include "apps/sample_field.h"
#include "io/probe.h"

namespace rankine::apps {
namespace {

constexpr float kFill = 9.969209968386869e36f;  // netCDF's default

template <class T>
io::Numbers numbers(const std::vector<T>& values) {
  io::Numbers result{dtype_for<T>(), std::vector<std::byte>(values.size() * sizeof(T))};
  if (!values.empty()) std::memcpy(result.bytes.data(), values.data(), result.bytes.size());
  return result;
}

template <class T>
io::OutputVariable coordinate(const std::string& name, const std::vector<T>& values,
                              std::vector<io::Attribute> attributes) {
  io::OutputVariable variable;
  variable.name = name;
  variable.dtype = dtype_for<T>();
  variable.dims = {name};
  variable.shape = {static_cast<std::int64_t>(values.size())};
  variable.attributes = std::move(attributes);
  variable.inline_data = numbers(values).bytes;
  return variable;
}

io::Attribute text_attribute(std::string name, std::string value) {
  return {std::move(name), std::move(value)};
}

io::OutputVariable field_variable(const Sample& sample) {
  io::OutputVariable t2m;
  t2m.name = "t2m";
  t2m.dtype = DType::kFloat32;
  t2m.dims = {"time", "lat", "lon"};
  t2m.shape = sample.shape;
  t2m.chunk = sample.chunk;
  t2m.codec = sample.codec;
  if (sample.missing > 0) t2m.fill = numbers<float>({kFill});
  t2m.attributes = {text_attribute("standard_name", "air_temperature"),
                    text_attribute("long_name", "temperature at 2 m"), text_attribute("units", "K"),
                    text_attribute("cell_methods", "time: point")};
  return t2m;
}

}  // namespace

std::string Sample::recipe() const {
  const bool plain = io::is_standard(codec);
  const std::string how =
      plain ? fmt::format("deflate={}", codec.level) : "codec=" + io::to_string(codec);
  const char* newer = libver == io::Libver::kV110 ? " libver=v110" : "";
  return fmt::format("seed={} shape={} chunks={} {} missing={}{} version={}", seed,
                     fmt::join(shape, ","), fmt::join(chunk, ","), how, missing, newer,
                     RANKINE_VERSION);
}

io::OutputFile sample_file(const Sample& sample) {
  const SampleGrid grid = sample_grid(sample.shape);
  io::OutputFile file;
  file.libver = sample.libver;
  file.dimensions = {{"time", sample.shape[0], true},
                     {"lat", sample.shape[1], false},
                     {"lon", sample.shape[2], false}};
  file.variables.push_back(coordinate(
      "time", grid.hours,
      {text_attribute("standard_name", "time"), text_attribute("axis", "T"),
       text_attribute("units", "hours since 2000-01-01"), text_attribute("calendar", "standard")}));
  file.variables.push_back(
      coordinate("lat", grid.lat,
                 {text_attribute("standard_name", "latitude"), text_attribute("axis", "Y"),
                  text_attribute("units", "degrees_north")}));
  file.variables.push_back(
      coordinate("lon", grid.lon,
                 {text_attribute("standard_name", "longitude"), text_attribute("axis", "X"),
                  text_attribute("units", "degrees_east")}));
  file.variables.push_back(field_variable(sample));
  file.attributes = {text_attribute("Conventions", "CF-1.8"),
                     text_attribute("title", "Synthetic temperature at 2 m, to try things on"),
                     text_attribute("rankine_sample", sample.recipe())};
  return file;
}

bool is_there(const Sample& sample, const std::string& path) {
  std::error_code problem;
  if (!std::filesystem::is_regular_file(path, problem)) return false;
  const auto probed = io::try_probe_files({path});
  if (!probed.front().info) return false;
  const io::FileInfo& info = *probed.front().info;
  const std::string recipe = sample.recipe();
  const auto same_recipe = [&](const io::Attribute& attribute) {
    const auto* text = std::get_if<std::string>(&attribute.value);
    return attribute.name == "rankine_sample" && text != nullptr && *text == recipe;
  };
  const io::Variable* field = info.variable("/t2m");
  return std::ranges::any_of(info.attributes, same_recipe) && field != nullptr &&
         field->dtype == DType::kFloat32 && field->shape == sample.shape &&
         field->chunk == sample.chunk;
}

}  // namespace rankine::apps
