#include "runtime/api/output_dimensions.h"

#include <algorithm>
#include <sstream>

namespace rankine::api {
namespace {

// "/group/time" -> "group/time"
std::string path_name(const std::string& path) {
  std::string name;
  std::istringstream parts(path.substr(1));
  for (std::string part; std::getline(parts, part, '/');) {
    name += (name.empty() ? "" : "/") + netcdf_name(part);
  }
  return name;
}

}  // namespace

std::string base_name(const std::string& dim, std::int64_t length) {
  return dim.empty() ? "dim_" + std::to_string(length) : netcdf_name(dim);
}

std::string netcdf_name(std::string name) {
  constexpr std::size_t kLongest = 240;  // NC_MAX_NAME is 256; room for a suffix
  for (char& c : name) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x20 || u == 0x7f || c == '/') c = '_';
  }
  if (name.size() > kLongest) {
    std::size_t end = kLongest;  // not inside a UTF-8 sequence
    while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xc0) == 0x80) --end;
    name.resize(end);
  }
  if (!name.empty() && name.back() == ' ') name.back() = '_';
  const auto first = static_cast<unsigned char>(name.empty() ? 0 : name[0]);
  const bool leads = first >= 0x80 || first == '_' || (first >= '0' && first <= '9') ||
                     (first >= 'A' && first <= 'Z') || (first >= 'a' && first <= 'z');
  return leads ? name : "_" + name;
}

OutputDimensions::OutputDimensions(const std::vector<NamedArray>& arrays, CoordinateReader& reader)
    : arrays_(arrays),
      reader_(reader) {
  for (const NamedArray& array : arrays) taken_.insert(array.name);
}

std::vector<PlacedAxis> OutputDimensions::place(const expr::NodePtr& array, const AxisTrace& trace,
                                                bool keep_groups) {
  std::vector<PlacedAxis> axes;
  std::vector<std::string> used;
  for (std::size_t k = 0; k < array->rank(); ++k) {
    const AxisSegments& segments = trace.of(array, k);
    Wanted wanted;
    wanted.length = array->grid.axis(k).length();
    wanted.base = base_name(array->dims[k], wanted.length);
    wanted.made_up = array->dims[k].empty();
    // An axis whose name was taken away keeps no labels either.
    if (!array->dims[k].empty() && !segments.empty()) {
      const std::string path = keep_groups ? dimension_path(segments.front()) : "";
      if (!path.empty()) wanted.base = path_name(path);
      wanted.unlimited = std::ranges::all_of(segments, is_unlimited);
      wanted.labels = labels_of(segments);
      wanted.segments = segments;
    } else if (!segments.empty()) {
      wanted.unlimited = std::ranges::all_of(segments, [](const AxisSegment& s) {
        return dimension_path(s).empty() && is_unlimited(s);
      });
    }
    used.push_back(find_or_add(std::move(wanted), used));
    axes.push_back({used.back(), segments});
  }
  return axes;
}

std::string OutputDimensions::place_extra(const std::string& name, std::int64_t length,
                                          const std::vector<std::string>& used, bool unlimited) {
  Wanted wanted;
  wanted.length = length;
  wanted.base = base_name(name, length);
  wanted.made_up = name.empty();
  wanted.unlimited = unlimited;
  return find_or_add(std::move(wanted), used);
}

std::string OutputDimensions::claim_name(const std::string& base) {
  std::string name = base;
  for (int i = 1; taken_.contains(name); ++i) name = base + "_" + std::to_string(i);
  taken_.insert(name);
  return name;
}

const OutputDimensions::Dimension& OutputDimensions::named(const std::string& name) const {
  return *std::ranges::find(dimensions_, name, [](const Dimension& d) { return d.out.name; });
}

// Whether a stored array called `name` is, or will be, the coordinate variable of this dimension.
bool OutputDimensions::is_owned(const std::string& name, const Wanted& wanted) const {
  return std::ranges::any_of(arrays_, [&](const NamedArray& array) {
    if (array.name != name || name != wanted.base || array.node->rank() != 1) return false;
    const std::int64_t length = array.node->grid.axis(0).length();
    return length == wanted.length &&
           base_name(array.node->dims[0], length) == io::last_part(wanted.base);
  });
}

std::string OutputDimensions::find_or_add(Wanted wanted, const std::vector<std::string>& used) {
  for (Dimension& known : dimensions_) {
    const bool fits = known.base == wanted.base && known.out.length == wanted.length &&
                      std::ranges::find(used, known.out.name) == used.end();
    const bool agree = known.owned || !known.labels || !wanted.labels ||
                       same_values(*known.labels, *wanted.labels);
    // That two axes are equally long does not say that they grow together.
    const bool grows_alike = known.out.unlimited == wanted.unlimited;
    if ((known.made_up || wanted.made_up) && !grows_alike) continue;
    if (!fits || !agree) continue;
    known.out.unlimited = known.out.unlimited || wanted.unlimited;
    if (!known.labels && wanted.labels) {
      known.labels = std::move(wanted.labels);
      known.segments = std::move(wanted.segments);
    }
    return known.out.name;
  }
  Dimension fresh;
  const bool first = std::ranges::find(dimensions_, wanted.base, [](const Dimension& d) {
                       return d.out.name;
                     }) == dimensions_.end();
  fresh.owned = first && is_owned(wanted.base, wanted);
  fresh.out = {fresh.owned ? wanted.base : claim_name(wanted.base), wanted.length,
               wanted.unlimited};
  fresh.base = std::move(wanted.base);
  fresh.made_up = wanted.made_up;
  fresh.labels = std::move(wanted.labels);
  fresh.segments = std::move(wanted.segments);
  dimensions_.push_back(std::move(fresh));
  return dimensions_.back().out.name;
}

std::optional<CopiedVariable> OutputDimensions::labels_of(const AxisSegments& segments) {
  const AxisSegment& first = segments.front();
  const std::string path = dimension_path(first);
  const io::Variable* variable = path.empty() ? nullptr : first.file->variable(path);
  if (variable == nullptr || variable->is_pure_dimension || variable->shape.size() != 1 ||
      !reader_.may_copy(*variable)) {
    return std::nullopt;
  }
  for (const AxisSegment& segment : segments) {
    if (dimension_path(segment) != path) return std::nullopt;
  }
  return copy_along(reader_, first.file, *variable, {segments});
}

}  // namespace rankine::api
