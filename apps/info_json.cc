#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "apps/info.h"
#include "io/h5/hidden_names.h"

namespace rankine::apps {
namespace {

using Json = nlohmann::ordered_json;

// A float becomes the number a person would write for it: 0.1f is 0.1.
template <class T>
Json float_json(T value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  if constexpr (std::is_same_v<T, float>) return std::stod(fmt::format("{}", value));
  return value;
}

Json number_json(const io::Numbers& numbers, std::size_t i) {
  return visit_dtype(numbers.dtype, [&]<class T>(TypeTag<T>) -> Json {
    T value;
    std::memcpy(&value, numbers.bytes.data() + i * sizeof(T), sizeof(T));
    if constexpr (std::is_floating_point_v<T>) {
      return float_json(value);
    } else {
      return value;
    }
  });
}

Json value_json(const io::AttributeValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) return *texts;
  const auto* numbers = std::get_if<io::Numbers>(&value);
  if (numbers == nullptr) return nullptr;
  if (numbers->count() == 1) return number_json(*numbers, 0);
  Json list = Json::array();
  for (std::size_t i = 0; i < numbers->count(); ++i) list.push_back(number_json(*numbers, i));
  return list;
}

Json extents_json(const Extents& extents) {
  return std::vector<std::int64_t>(extents.begin(), extents.end());
}

Json filters_json(const io::Variable& variable) {
  Json filters = Json::array();
  for (const auto& filter : variable.filters) {
    filters.push_back({{"id", filter.id},
                       {"name", filter_name(filter)},
                       {"parameters", filter.parameters},
                       {"available", filter.available}});
  }
  return filters;
}

Json dims_json(const io::Variable& variable) {
  Json dims = Json::array();
  for (std::size_t axis = 0; axis < variable.shape.size(); ++axis) {
    const std::string name = dimension_name(variable, axis);
    dims.push_back(name.empty() ? Json(nullptr) : Json(name));
  }
  return dims;
}

Json variable_json(const io::Variable& variable) {
  Json attributes = Json::object();
  for (const auto& attribute : variable.attributes) {
    attributes[attribute.name] = value_json(attribute.value);
  }
  const auto raw = raw_bytes(variable);
  const bool chunked = variable.layout == io::Layout::kChunked;
  return {{"path", io::shown_path(variable.path)},
          {"dtype", variable.dtype && !variable.element.half ? std::string(name_of(*variable.dtype))
                                                             : variable.type_name},
          {"shape", variable.null_space ? Json(nullptr) : extents_json(variable.shape)},
          {"dims", dims_json(variable)},
          {"chunks", chunked ? extents_json(variable.chunk) : Json(nullptr)},
          {"filters", filters_json(variable)},
          {"stored_bytes", variable.stored_bytes},
          {"raw_bytes", raw ? Json(*raw) : Json(nullptr)},
          {"attributes", std::move(attributes)}};
}

Json file_json(const io::FileInfo& info) {
  Json dimensions = Json::array();
  for (const auto& dimension : info.dimensions) {
    dimensions.push_back({{"name", dimension_name(dimension)},
                          {"length", dimension.length},
                          {"unlimited", dimension.unlimited}});
  }
  Json variables = Json::array();
  for (const auto& variable : info.variables) {
    // The fields of a table are no data sets of their own.
    if (is_listed(variable) && !variable.is_field) variables.push_back(variable_json(variable));
  }
  return {{"path", info.path},
          {"format", info.format},
          {"dimensions", std::move(dimensions)},
          {"variables", std::move(variables)}};
}

}  // namespace

std::string info_json(const std::vector<io::FileInfo>& infos) {
  Json result = Json::array();
  for (const auto& info : infos) result.push_back(file_json(info));
  if (infos.size() == 1) result = Json(result.front());
  // Texts in files need not be UTF-8, those in JSON must be.
  return result.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace rankine::apps
