#include "io/h5/output_spec.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <set>
#include <type_traits>

#include "io/codec/table.h"
#include "runtime/base/error.h"

namespace rankine::io {
namespace {

using Dimensions = std::map<std::string, const OutputDimension*>;

constexpr std::size_t kLongestName = 256;  // NC_MAX_NAME
constexpr std::int64_t kLargestChunk = std::numeric_limits<std::uint32_t>::max();
constexpr std::int64_t kLargestBlosc = std::numeric_limits<std::int32_t>::max() - 16;

[[noreturn]] void refuse(const std::string& what, const std::string& name) {
  throw Error(ExitCode::kUsage, what, name);
}

void check_name(const std::string& name) {
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    if (!is_netcdf_name(name.substr(begin, end - begin))) {
      refuse("a netCDF file cannot hold the name \"" + name + "\"", name);
    }
    begin = end + 1;
  }
}

void check_attributes(const std::vector<Attribute>& attributes, const std::string& owner) {
  std::set<std::string> seen;
  for (const Attribute& attribute : attributes) {
    if (attribute.name.empty() || attribute.name.find('\0') != std::string::npos) {
      refuse("an attribute has no proper name", owner);
    }
    if (!seen.insert(attribute.name).second) {
      refuse("attribute " + attribute.name + " occurs twice", owner);
    }
  }
}

bool is_finite(const Numbers& number) {
  return visit_dtype(number.dtype, [&]<class T>(TypeTag<T>) {
    T value;
    std::memcpy(&value, number.bytes.data(), sizeof value);
    return std::isfinite(static_cast<double>(value));
  });
}

void check_fill(const OutputVariable& variable) {
  if (!variable.fill) return;
  const Numbers& fill = *variable.fill;
  if (fill.dtype != variable.dtype || fill.bytes.size() != size_of(variable.dtype)) {
    refuse("the fill value is not one element of type " + std::string(name_of(variable.dtype)),
           variable.name);
  }
  if (!is_finite(fill)) refuse("the fill value is not finite", variable.name);
}

void check_axes(const OutputVariable& variable, const Dimensions& dimensions) {
  if (variable.dims.size() != variable.shape.size()) {
    refuse("there are " + std::to_string(variable.dims.size()) + " dimension names for shape " +
               to_string(variable.shape),
           variable.name);
  }
  for (std::size_t axis = 0; axis < variable.dims.size(); ++axis) {
    const auto found = dimensions.find(variable.dims[axis]);
    if (found == dimensions.end()) {
      refuse("dimension " + variable.dims[axis] + " is not declared", variable.name);
    }
    if (!variable.name.starts_with(group_part(variable.dims[axis]))) {
      refuse("dimension " + variable.dims[axis] + " is not known in the group of the variable",
             variable.name);
    }
    if (found->second->length != variable.shape[axis]) {
      refuse("dimension " + variable.dims[axis] + " has length " +
                 std::to_string(found->second->length) + ", the shape is " +
                 to_string(variable.shape),
             variable.name);
    }
  }
}

// HDF5 keeps the size of a chunk in 32 bits, and wants no chunk longer than a fixed dimension
// (one of length 0 excepted).
void check_chunk(const OutputVariable& variable, const Dimensions& dimensions) {
  if (variable.chunk.empty()) {
    if (is_logged(variable)) refuse("a variable without chunks has no data", variable.name);
    return;
  }
  if (variable.chunk.size() != variable.shape.size()) {
    refuse(
        "chunk " + to_string(variable.chunk) + " does not fit shape " + to_string(variable.shape),
        variable.name);
  }
  for (std::size_t axis = 0; axis < variable.chunk.size(); ++axis) {
    const std::int64_t length = variable.shape[axis];
    const bool free = length == 0 || dimensions.at(variable.dims[axis])->unlimited;
    if (variable.chunk[axis] < 1 || (!free && variable.chunk[axis] > length)) {
      refuse(
          "chunk " + to_string(variable.chunk) + " does not fit shape " + to_string(variable.shape),
          variable.name);
    }
  }
  const auto size = static_cast<std::int64_t>(size_of(variable.dtype));
  if (variable.codec.kind == Codec::Kind::kBlosc && volume(variable.chunk) > kLargestBlosc / size) {
    throw Error(ExitCode::kUsage,
                "chunk " + to_string(variable.chunk) +
                    " exceeds 2 GiB, the most "
                    "for blosc",
                variable.name, "choose smaller chunks or another codec");
  }
  if (volume(variable.chunk) > kLargestChunk / size) {
    throw Error(ExitCode::kUsage, "chunk " + to_string(variable.chunk) + " exceeds 4 GiB",
                variable.name, "choose smaller chunks");
  }
}

void check_texts(const OutputVariable& variable) {
  if (!variable.texts) return;
  const std::size_t count = variable.texts->values.size();
  if (count != static_cast<std::size_t>(volume(variable.shape))) {
    refuse("there are " + std::to_string(count) + " texts for shape " + to_string(variable.shape),
           variable.name);
  }
}

void check_variable(const OutputVariable& variable, const Dimensions& dimensions) {
  check_name(variable.name);
  check_attributes(variable.attributes, variable.name);
  check_axes(variable, dimensions);
  check_chunk(variable, dimensions);
  check_fill(variable);
  check_texts(variable);
  check(variable.codec);
  const auto bytes = static_cast<std::size_t>(volume(variable.shape)) * size_of(variable.dtype);
  if (variable.inline_data && variable.inline_data->size() != bytes) {
    refuse("there are " + std::to_string(variable.inline_data->size()) + " bytes for shape " +
               to_string(variable.shape),
           variable.name);
  }
}

}  // namespace

bool is_netcdf_name(const std::string& name) {
  const auto plain = [](unsigned char c) { return c >= 0x20 && c != 0x7f && c != '/'; };
  const auto leads = [](unsigned char c) {
    return c >= 0x80 || c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
           (c >= 'a' && c <= 'z');
  };
  return !name.empty() && name.size() <= kLongestName &&
         leads(static_cast<unsigned char>(name[0])) && name.back() != ' ' &&
         std::all_of(name.begin(), name.end(), plain);
}

FilterSteps filters_of(const OutputVariable& variable) {
  const Codec codec = is_logged(variable) || is_standard(variable.codec) ? variable.codec : Codec();
  const std::size_t size = size_of(variable.dtype);
  return filter_steps(codec, variable.shuffle, variable.fletcher32, size,
                      static_cast<std::size_t>(volume(variable.chunk)) * size);
}

namespace {

bool can_write(const Codec& codec) {
  try {
    check(codec);
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::string filter_text(const Filter& filter) {
  const std::string name = filter.name.substr(0, filter.name.find(';'));
  return name.empty() ? "filter " + std::to_string(filter.id) : name;
}

std::uint32_t parameter(const Filter& filter, std::size_t i, std::uint32_t usual) {
  return i < filter.parameters.size() ? filter.parameters[i] : usual;
}

// What of the filter does not come along if its codec does; "": nothing.
std::string unsaid(const Filter& filter) {
  if (filter.id != kBlosc) return {};
  if (parameter(filter, 4, 5) == 0) return filter_text(filter) + " of level 0";
  return parameter(filter, 5, 1) > 1 ? "the bit shuffle of blosc" : "";
}

void keep_codec(const Filter& filter, KeptFilters& kept, std::vector<std::string>& lost) {
  const Codec none{Codec::Kind::kNone, 0, 0};
  const Codec codec = codec_of(filter.id, filter.parameters);
  if (codec == none || kept.codec != none || !can_write(codec)) {
    return lost.push_back(filter_text(filter));
  }
  kept.codec = codec;
  if (filter.id == kBlosc) kept.shuffle = kept.shuffle || parameter(filter, 5, 1) > 0;
  if (const std::string word = unsaid(filter); !word.empty()) lost.push_back(word);
}

}  // namespace

KeptFilters kept_filters(const std::vector<Filter>& filters, const Codec& otherwise) {
  const Codec none{Codec::Kind::kNone, 0, 0};
  KeptFilters kept{none, false, false, {}};
  std::vector<std::string> lost;
  for (const Filter& filter : filters) {
    if (filter.id == kFletcher32) kept.fletcher32 = true;
    else if (filter.id == kShuffle) kept.shuffle = true;
    else keep_codec(filter, kept, lost);
  }
  for (const std::string& word : lost) kept.lost += (kept.lost.empty() ? "" : " and ") + word;
  if (kept.codec == none && !lost.empty()) {
    kept.codec = otherwise;
    kept.shuffle = true;
  }
  return kept;
}

bool needs_fill(const OutputVariable& variable, const std::byte* elements, std::size_t count) {
  if (!variable.fill) return false;
  return visit_dtype(variable.dtype, [&]<class T>(TypeTag<T>) {
    bool found = false;
    if constexpr (std::is_floating_point_v<T>) {
      const T* values = reinterpret_cast<const T*>(elements);
      for (std::size_t i = 0; i < count; ++i) found |= values[i] != values[i];
    }
    return found;
  });
}

void replace_nan(const OutputVariable& variable, std::byte* elements, std::size_t count) {
  visit_dtype(variable.dtype, [&]<class T>(TypeTag<T>) {
    if constexpr (std::is_floating_point_v<T>) {
      T fill;
      std::memcpy(&fill, variable.fill->bytes.data(), sizeof fill);
      T* values = reinterpret_cast<T*>(elements);
      for (std::size_t i = 0; i < count; ++i) values[i] = values[i] != values[i] ? fill : values[i];
    }
  });
}

void check(const OutputFile& file) {
  Dimensions dimensions;
  for (const OutputDimension& dimension : file.dimensions) {
    check_name(dimension.name);
    if (dimension.length < 0) refuse("a dimension has a negative length", dimension.name);
    if (!dimensions.emplace(dimension.name, &dimension).second) {
      refuse("two dimensions have one name", dimension.name);
    }
  }
  std::set<std::string> names;
  for (const OutputVariable& variable : file.variables) {
    check_variable(variable, dimensions);
    if (!names.insert(variable.name).second) {
      refuse("two variables have one name", variable.name);
    }
  }
  for (const OutputGroup& group : file.groups) {
    check_name(group.name);
    check_attributes(group.attributes, group.name);
    if (names.contains(group.name)) refuse("a group and a variable have one name", group.name);
  }
  check_attributes(file.attributes, "/");
}

}  // namespace rankine::io
