#include "runtime/api/output_related.h"

#include <algorithm>
#include <array>
#include <set>
#include <sstream>

#include "io/h5/hidden_names.h"
#include "runtime/api/output_attributes.h"
#include "runtime/api/output_source.h"

namespace rankine::api {
namespace {

constexpr std::array kReferences = {"bounds",       "climatology",   "coordinates",
                                    "grid_mapping", "cell_measures", "ancillary_variables",
                                    "formula_terms"};

bool is_reference(const std::string& attribute) {
  return std::ranges::find(kReferences, attribute) != kReferences.end();
}

// A "key:" of cell_measures, formula_terms; the name of the mapping itself in grid_mapping.
bool is_key(const std::string& word) { return word.ends_with(':'); }

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

std::string last_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// CF 2.7: an absolute path, or the nearest group from the variable's own up to the root.
const io::Variable* find_named(const io::FileInfo& file, const io::Variable& from,
                               const std::string& name) {
  if (name.starts_with('/')) return io::find_shown(file, name);
  std::string group = from.path;
  while (!group.empty()) {
    group.resize(group.rfind('/'));
    if (const io::Variable* found = io::find_shown(file, group + "/" + name)) return found;
  }
  return nullptr;
}

// Variables outside the file, named by the global attribute external_variables (CF 2.6.3).
bool is_external(const io::FileInfo& file, const std::string& name) {
  const auto found = std::ranges::find(file.attributes, "external_variables", &io::Attribute::name);
  if (found == file.attributes.end()) return false;
  const auto* text = std::get_if<std::string>(&found->value);
  if (text == nullptr) return false;
  const std::vector<std::string> names = words_of(*text);
  return std::ranges::find(names, name) != names.end();
}

const std::string* text_of(const io::Attribute& attribute) {
  return std::get_if<std::string>(&attribute.value);
}

// Every variable that the attributes of one name.
std::vector<const io::Variable*> references_of(const io::FileInfo& file,
                                               const io::Variable& variable) {
  std::vector<const io::Variable*> found;
  for (const io::Attribute& attribute : variable.attributes) {
    const std::string* text = text_of(attribute);
    if (!is_reference(attribute.name) || text == nullptr) continue;
    for (std::string word : words_of(*text)) {
      if (is_key(word)) word.pop_back();
      const io::Variable* target = find_named(file, variable, word);
      if (target != nullptr) found.push_back(target);
    }
  }
  return found;
}

std::vector<std::string> dims_of(const std::vector<PlacedAxis>& axes) {
  std::vector<std::string> dims;
  for (const PlacedAxis& axis : axes) dims.push_back(axis.dim);
  return dims;
}

// Whether the axis is made of elements of a dimension of this file, and of the dimensions with the
// same path in other files.
bool lies_along(const PlacedAxis& axis, const io::FileInfo& file, const std::string& path) {
  const auto is_along = [&](const AxisSegment& s) { return dimension_path(s) == path; };
  const auto is_here = [&](const AxisSegment& s) { return s.file->path == file.path; };
  return !path.empty() && std::ranges::all_of(axis.segments, is_along) &&
         std::ranges::any_of(axis.segments, is_here);
}

bool is_same(const io::OutputVariable& a, const io::OutputVariable& b) {
  return a.dtype == b.dtype && a.dims == b.dims && a.inline_data == b.inline_data &&
         a.texts == b.texts && a.characters == b.characters;
}

}  // namespace

// Whether the dimensions that a stored variable shares with who names it are the same ones in the
// output, so that both were cut alike.
bool RelatedVariables::shares_axes(const Referrer& from, const io::Variable& variable,
                                   const std::vector<std::string>& dims) {
  for (std::size_t k = 0; k < dims.size(); ++k) {
    for (std::size_t i = 0; i < from.axes.size(); ++i) {
      const std::string& path = from.variable.dim_paths[i];
      const bool same = !path.empty() && path == variable.dim_paths[k];
      if (same && from.axes[i].dim != dims[k]) return false;
    }
  }
  return true;
}

void RelatedVariables::prepare(const io::FileInfo& file, const io::Variable& variable) {
  std::vector<const io::Variable*> open{&variable};
  std::set<const io::Variable*> seen{&variable};
  std::vector<const io::Variable*> readable;
  while (!open.empty()) {
    const io::Variable& next = *open.back();
    open.pop_back();
    if (&next != &variable && is_copyable(next)) readable.push_back(&next);
    std::vector<const io::Variable*> found = references_of(file, next);
    for (const std::string& path : next.dim_paths) {
      const io::Variable* scale = path.empty() ? nullptr : file.variable(path);
      if (scale != nullptr && !scale->is_pure_dimension) found.push_back(scale);
    }
    for (const io::Variable* target : found) {
      if (seen.insert(target).second) open.push_back(target);
    }
  }
  reader_.prepare(file, readable);
}

void RelatedVariables::add_text(const std::shared_ptr<const io::FileInfo>& file,
                                const io::Variable& variable) {
  if (!reader_.may_copy(variable)) return;
  std::vector<PlacedAxis> placed;
  for (const auto& dimension : dimensions_.all()) {
    placed.push_back({dimension.out.name, dimension.segments});
  }
  const Referrer from{file, variable, placed};
  std::vector<PlacedAxis> axes;
  std::vector<AxisSegments> segments;
  for (std::size_t k = 0; k < variable.shape.size(); ++k) {
    const auto found = std::ranges::find_if(placed, [&](const PlacedAxis& axis) {
      return !axis.segments.empty() && lies_along(axis, *file, variable.dim_paths[k]);
    });
    const bool there = found != placed.end();
    axes.push_back(there ? *found : PlacedAxis{"", whole_axis(file, variable, k)});
    segments.push_back(axes.back().segments);
  }
  // A coordinate variable is there already, if its dimension is.
  if (axes.size() == 1 && variable.dim_paths[0] == variable.path) return;
  const Key key{file->path, variable.path, dims_of(axes)};
  if (added_.contains(key)) return;
  const auto copy = copy_along(reader_, file, variable, segments);
  if (copy) add(from, key, *copy, axes);
}

void RelatedVariables::add_stored(const io::FileInfo& file, const io::Variable& variable,
                                  const io::OutputVariable& copy) {
  if ("/" + copy.name == variable.path) stored_[{file.path, variable.path}] = copy.dims;
}

void RelatedVariables::add_coordinate(const OutputDimensions::Dimension& dimension) {
  if (!dimension.labels || dimension.owned) return;
  const CopiedVariable& labels = *dimension.labels;
  const std::vector<PlacedAxis> axes{{dimension.out.name, dimension.segments}};
  io::OutputVariable variable = output_variable(labels, {dimension.out.name}, false);
  variable.name = dimension.out.name;
  filters_.choose(labels.variable, variable);
  const std::size_t at = file_.variables.size();
  file_.variables.push_back(std::move(variable));
  auto copied = attributes(labels.file, *labels.variable, axes, labels.decoded);
  file_.variables[at].attributes = std::move(copied);
}

std::vector<io::Attribute> RelatedVariables::attributes(
    const std::shared_ptr<const io::FileInfo>& file, const io::Variable& variable,
    const std::vector<PlacedAxis>& axes, bool drop_packing) {
  std::vector<io::Attribute> result;
  for (const io::Attribute& attribute : variable.attributes) {
    const bool untrue = drop_packing && describes_packing(attribute.name);
    const auto copy = copied_attribute(attribute);
    if (!copy || untrue || attribute.name == "_FillValue") continue;
    const std::string* text = text_of(attribute);
    if (!is_reference(attribute.name)) {
      result.push_back(*copy);
    } else if (text != nullptr) {
      const auto kept = rewritten({file, variable, axes}, attribute.name, *text);
      if (kept) result.push_back({attribute.name, *kept});
    }
  }
  return result;
}

// Lists of names lose the names that do not go along, pairs "key: name" the whole pair;
// formula_terms means nothing unless it is complete. In grid_mapping the key is the name of the
// mapping, and coordinates follow it.
std::optional<std::string> RelatedVariables::rewritten(const Referrer& from,
                                                       const std::string& attribute,
                                                       const std::string& text) {
  std::string result;
  std::string key;      // waits for a name that goes along
  bool follows = true;  // names after a grid mapping that is left out are left out too
  for (const std::string& word : words_of(text)) {
    const bool mapping = attribute == "grid_mapping" && is_key(word);
    if (is_key(word) && !mapping) {
      key = word + " ";
      continue;
    }
    const auto name = target(from, attribute, mapping ? word.substr(0, word.size() - 1) : word);
    if (!name && attribute == "formula_terms") return std::nullopt;
    if (mapping) follows = name.has_value();
    if (name && follows) {
      result += (result.empty() ? "" : " ") + key + *name + (mapping ? ":" : "");
    }
    key.clear();
  }
  return result.empty() ? std::nullopt : std::optional(result);
}

std::optional<std::string> RelatedVariables::target(const Referrer& from,
                                                    const std::string& attribute,
                                                    const std::string& name) {
  const io::Variable* variable = find_named(*from.file, from.variable, name);
  if (variable == nullptr) {
    const bool kept = attribute == "cell_measures" && is_external(*from.file, name);
    return kept ? std::optional(name) : std::nullopt;
  }
  if (variable->is_pure_dimension) return std::nullopt;
  const auto stored = stored_.find({from.file->path, variable->path});
  if (stored != stored_.end() && shares_axes(from, *variable, stored->second)) return name;
  // Corners of bounds and characters of words are no one's axis.
  const bool own_axis =
      attribute == "bounds" || attribute == "climatology" || io::is_characters(*variable);
  const auto axes = axes_of(from, *variable, own_axis);
  if (!axes) return std::nullopt;
  // The coordinate variable of an axis is there already, or is not to be had.
  if (axes->size() == 1 && variable->dim_paths[0] == variable->path) {
    const auto& dimension = dimensions_.named((*axes)[0].dim);
    return dimension.labels ? std::optional(io::last_part(dimension.out.name)) : std::nullopt;
  }
  const Key key{from.file->path, variable->path, dims_of(*axes)};
  if (const auto known = added_.find(key); known != added_.end())
    return io::last_part(io::shown_path(known->second.name));
  if (attribute == "grid_mapping" && !variable->dtype) {
    return add_grid_mapping(from, key, *variable);
  }
  if (!reader_.may_copy(*variable)) return std::nullopt;
  std::vector<AxisSegments> segments;
  for (const PlacedAxis& axis : *axes) segments.push_back(axis.segments);
  const auto copy = copy_along(reader_, from.file, *variable, segments);
  if (!copy) return std::nullopt;
  return add(from, key, *copy, *axes);
}

// Each axis of the variable is an axis of the referrer. The corners of bounds are no one's, and are
// taken whole.
std::optional<std::vector<PlacedAxis>> RelatedVariables::axes_of(const Referrer& from,
                                                                 const io::Variable& variable,
                                                                 bool with_corners) {
  std::vector<PlacedAxis> axes;
  const std::vector<std::string>& own = from.variable.dim_paths;
  for (std::size_t k = 0; k < variable.shape.size(); ++k) {
    const std::string& path = variable.dim_paths[k];
    const auto found = std::ranges::find_if(
        from.axes, [&](const PlacedAxis& axis) { return lies_along(axis, *from.file, path); });
    const bool corner = with_corners && (path.empty() || std::ranges::find(own, path) == own.end());
    if (found != from.axes.end()) {
      axes.push_back(*found);
    } else if (corner) {
      axes.push_back({"", whole_axis(from.file, variable, k)});
    } else {
      return std::nullopt;
    }
  }
  return axes;
}

std::string RelatedVariables::add(const Referrer& from, const Key& key, const CopiedVariable& copy,
                                  std::vector<PlacedAxis> axes) {
  for (std::size_t k = 0; k < axes.size(); ++k) {
    if (!axes[k].dim.empty()) continue;
    axes[k].dim =
        dimensions_.place_extra(copy.variable->dims[k], copy.values.shape[k], dims_of(axes),
                                std::ranges::all_of(axes[k].segments, is_unlimited));
  }
  io::OutputVariable result = output_variable(copy, dims_of(axes), true);
  return append(from, key, *copy.variable, std::move(result), axes, copy.decoded);
}

// A grid mapping holds attributes only, in many files those of a text variable.
std::string RelatedVariables::add_grid_mapping(const Referrer& from, const Key& key,
                                               const io::Variable& variable) {
  io::OutputVariable result;
  result.dtype = DType::kInt32;
  result.inline_data.emplace(sizeof(std::int32_t));
  return append(from, key, variable, std::move(result), {}, true);
}

std::string RelatedVariables::append(const Referrer& from, const Key& key,
                                     const io::Variable& source, io::OutputVariable variable,
                                     const std::vector<PlacedAxis>& axes, bool drop_packing) {
  // The same thing from another file, such as the map projection of two model runs.
  for (const auto& [other, added] : added_) {
    const auto there = std::ranges::find(file_.variables, added.name, &io::OutputVariable::name);
    if (last_name(added.source->path) == last_name(source.path) && is_same(*there, variable) &&
        same_attributes(*added.source, source)) {
      added_.emplace(key, Added{added.name, &source});
      return io::last_part(io::shown_path(added.name));
    }
  }
  // In the deepest group of its dimensions, which are all known to who names it.
  std::string group;
  if (options_.copies && variable.texts) group = source.path.substr(1, source.path.rfind('/'));
  for (const std::string& dim : variable.dims) {
    if (io::group_part(dim).size() > group.size()) group = io::group_part(dim);
  }
  const std::string name = dimensions_.claim_name(group + netcdf_name(last_name(source.path)));
  variable.name = name;
  filters_.choose(&source, variable);
  const std::size_t at = file_.variables.size();
  file_.variables.push_back(std::move(variable));
  added_.emplace(key, Added{name, &source});  // before its own references, which may lead back here
  auto copied = attributes(from.file, source, axes, drop_packing);
  file_.variables[at].attributes = std::move(copied);
  return io::last_part(io::shown_path(name));
}

}  // namespace rankine::api
