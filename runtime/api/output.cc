#include "runtime/api/output.h"

#include <algorithm>
#include <sstream>

#include "runtime/api/history.h"
#include "runtime/api/output_attributes.h"
#include "runtime/api/output_cells.h"
#include "runtime/api/output_dimensions.h"
#include "runtime/api/output_filters.h"
#include "runtime/api/output_related.h"
#include "runtime/api/output_source.h"
#include "runtime/base/error.h"

namespace rankine::api {
namespace {

constexpr std::int64_t kLargestChunkBytes = std::int64_t{1} << 30;

// The longest chunk along an axis of what the array is made of: a slice with a step makes short
// pieces of chunks, which are put together again.
std::int64_t longest_chunk(const expr::Node& array, std::size_t axis) {
  const expr::Node* node = &array;
  while (const auto* slice = node->as<expr::Slice>()) {
    if (std::abs(slice->step[axis]) == 1) break;
    node = node->operands[0].get();
  }
  return node->grid.axis(axis).longest();
}

// What the user asked for, or the longest chunk of the computation along each axis. Never longer
// than the axis, which HDF5 refuses for fixed dimensions.
Extents output_chunk(const expr::Node& node, const std::optional<Extents>& chunks) {
  const bool asked = chunks && chunks->size() == node.rank();
  Extents chunk;
  for (std::size_t k = 0; k < node.rank(); ++k) {
    const std::int64_t length = std::max<std::int64_t>(1, node.grid.axis(k).length());
    std::int64_t wanted = longest_chunk(node, k);
    if (asked) {
      wanted = (*chunks)[k] == -1 ? length : (*chunks)[k];
      if (wanted < 1) throw usage_error("a chunk length must be positive or -1");
    }
    chunk.push_back(std::clamp<std::int64_t>(wanted, 1, length));
  }
  if (asked) return chunk;
  std::int64_t bytes = volume(chunk) * static_cast<std::int64_t>(size_of(node.dtype));
  for (std::size_t k = 0; k < chunk.size() && bytes > kLargestChunkBytes; ++k) {
    const std::int64_t row = bytes / chunk[k];
    chunk[k] = std::max<std::int64_t>(1, kLargestChunkBytes / row);
    bytes = row * chunk[k];
  }
  return chunk;
}

// Whether another variable of its file names it as its bounds.
bool is_bounds(const OutputSource& source) {
  if (!source.file) return false;
  const std::string& path = source.variable->path;
  const std::string group = path.substr(0, path.rfind('/') + 1);
  return std::ranges::any_of(source.file->variables, [&](const io::Variable& other) {
    return group + other.text("bounds") == path || group + other.text("climatology") == path;
  });
}

// A data set that is another one as a whole (a link into another file) is stored as that is.
const io::Variable& stored_form(const io::Variable& variable) {
  const auto& sources = variable.sources;
  const bool is_other = sources.size() == 1 && sources[0].variable.shape == variable.shape;
  return is_other ? sources[0].variable : variable;
}

std::string joined_text(const io::Attribute& attribute) {
  if (const auto* text = std::get_if<std::string>(&attribute.value)) return *text;
  std::string joined;
  if (const auto* lines = std::get_if<std::vector<std::string>>(&attribute.value)) {
    for (const std::string& line : *lines) joined += (joined.empty() ? "" : "\n") + line;
  }
  return joined;
}

void set_text(std::vector<io::Attribute>& attributes, const std::string& name, std::string text) {
  const auto found = std::ranges::find(attributes, name, &io::Attribute::name);
  if (found == attributes.end()) {
    attributes.push_back({name, std::move(text)});
  } else {
    found->value = std::move(text);
  }
}

// Appends to a text attribute, behind a separator.
void append_text(std::vector<io::Attribute>& attributes, const std::string& name,
                 const std::string& text, const std::string& separator) {
  const auto found = std::ranges::find(attributes, name, &io::Attribute::name);
  const std::string old = found == attributes.end() ? "" : joined_text(*found);
  set_text(attributes, name, old.empty() ? text : old + separator + text);
}

// A mean of climatological means is one, and CF 7.4 has no words for more.
void append_methods(std::vector<io::Attribute>& attributes, const std::string& methods) {
  const auto found = std::ranges::find(attributes, "cell_methods", &io::Attribute::name);
  const std::string old = found == attributes.end() ? "" : joined_text(*found);
  const std::string dim = methods.substr(0, methods.find(':') + 1);
  const bool said = methods == dim + " mean" &&
                    old.find(dim + " mean within ") != std::string::npos &&
                    old.find(dim + " mean over ") != std::string::npos;
  if (!said) append_text(attributes, "cell_methods", methods, " ");
}

class OutputBuilder {
 public:
  OutputBuilder(const std::vector<NamedArray>& arrays, const OutputOptions& options)
      : arrays_(arrays),
        options_(options),
        trace_(nodes_of(arrays)),
        dimensions_(arrays, reader_),
        filters_(options_),
        related_(reader_, dimensions_, filters_, file_, options_),
        times_(reader_, dimensions_, related_, file_) {}

  io::OutputFile build() {
    for (const NamedArray& array : arrays_) {
      sources_.push_back(find_source(array.node));
      const OutputSource& source = sources_.back();
      if (source.file) related_.prepare(*source.file, *source.variable);
      axes_.push_back(dimensions_.place(array.node, trace_, options_.copies));
      file_.variables.push_back(variable_of(array, source, axes_.back()));
      if (options_.copies && source.file)
        related_.add_stored(*source.file, *source.variable, file_.variables.back());
    }
    const std::size_t dimension_count = dimensions_.all().size();  // corners come after these
    for (std::size_t i = 0; i < dimension_count; ++i) {
      const OutputDimensions::Dimension dimension = dimensions_.all()[i];  // the list may grow
      related_.add_coordinate(dimension);
    }
    for (std::size_t i = 0; i < arrays_.size(); ++i) times_.look_at(sources_[i], axes_[i]);
    for (std::size_t i = 0; i < arrays_.size(); ++i) {
      auto attributes = attributes_of(i);
      times_.add(sources_[i], axes_[i]);
      file_.variables[i].attributes = std::move(attributes);
    }
    for (const std::string& path : options_.texts) {
      related_.add_text(options_.texts_file, io::find_variable(*options_.texts_file, path));
    }
    for (const auto& dimension : dimensions_.all()) file_.dimensions.push_back(dimension.out);
    add_global_attributes();
    check_all();
    file_.left_out = reader_.left_out();
    for (std::string& remark : filters_.remarks()) file_.left_out.push_back(std::move(remark));
    return std::move(file_);
  }

 private:
  static std::vector<expr::NodePtr> nodes_of(const std::vector<NamedArray>& arrays) {
    std::vector<expr::NodePtr> nodes;
    for (const NamedArray& array : arrays) nodes.push_back(array.node);
    return nodes;
  }

  io::OutputVariable variable_of(const NamedArray& array, const OutputSource& source,
                                 const std::vector<PlacedAxis>& axes) {
    io::OutputVariable variable;
    variable.name = array.name;
    variable.dtype = array.node->dtype;
    for (const PlacedAxis& axis : axes) variable.dims.push_back(axis.dim);
    variable.shape = array.node->shape();
    const auto chunk = options_.chunks_of.find(array.name);
    const bool keeps_chunk = options_.copies && source.stored && chunk == options_.chunks_of.end();
    variable.chunk = output_chunk(
        *array.node, chunk == options_.chunks_of.end() ? options_.chunks : chunk->second);
    if (keeps_chunk) keep_chunk(stored_form(*source.variable), axes, variable);
    filters_.choose(source.file ? &stored_form(*source.variable) : nullptr, variable);
    // CF 2.5.1: coordinate variables must not miss values. Nor do their bounds.
    const bool is_coordinate = axes.size() == 1 && axes[0].dim == array.name;
    if (is_coordinate || is_bounds(source)) return variable;
    variable.fill =
        source.stored ? stored_fill(*source.variable) : output_fill(source, variable.dtype);
    return variable;
  }

  // The chunk of the input, also where it reaches beyond the end of an axis that may grow: what is
  // appended later, here or by others, finds room there.
  void keep_chunk(const io::Variable& stored, const std::vector<PlacedAxis>& axes,
                  io::OutputVariable& variable) const {
    constexpr std::int64_t kMostKept = std::int64_t{64} << 20;  // bytes
    if (options_.chunks || stored.chunk.size() != variable.shape.size()) return;
    Extents chunk = stored.chunk;
    for (std::size_t k = 0; k < chunk.size(); ++k) {
      const std::int64_t length = std::max<std::int64_t>(1, variable.shape[k]);
      const bool may_grow = dimensions_.named(axes[k].dim).out.unlimited;
      const bool is_cut = variable.shape[k] < stored.shape[k];
      if (!may_grow || is_cut) chunk[k] = std::min(chunk[k], length);
    }
    const auto size = static_cast<std::int64_t>(size_of(variable.dtype));
    if (saturated_volume(chunk) <= kMostKept / size) variable.chunk = chunk;
  }

  std::vector<io::Attribute> attributes_of(std::size_t i) {
    const OutputSource& source = sources_[i];
    if (!source.file) return {};
    auto attributes = related_.attributes(source.file, *source.variable, axes_[i], !source.stored);
    if (source.stored) return attributes;
    std::erase_if(attributes, [&](const io::Attribute& attribute) {
      // `dtype` = "bool" would turn numbers into bool again (xarray's convention).
      return (attribute.name == "units" && !source.keeps_units) || attribute.name == "dtype";
    });
    if (!source.cell_methods.empty()) {
      append_methods(attributes, source.cell_methods);
    }
    return attributes;
  }

  void add_global_attributes() {
    const auto first = std::ranges::find_if(
        sources_, [](const OutputSource& source) { return source.file != nullptr; });
    if (first != sources_.end()) {
      for (const io::Attribute& attribute : first->file->attributes) add_global(attribute);
      if (options_.copies) add_groups(*first->file);
    }
    if (!options_.history) return;
    const auto old = std::ranges::find(file_.attributes, "history", &io::Attribute::name);
    const std::string before = old == file_.attributes.end() ? "" : joined_text(*old);
    const std::string& line = options_.history_line;
    set_text(file_.attributes, "history", before.empty() ? line : line + "\n" + before);
  }

  // Those that hold something here.
  void add_groups(const io::FileInfo& file) {
    for (const io::Group& group : file.groups) {
      const std::string name = group.path.substr(1);
      const bool used = std::ranges::any_of(file_.variables, [&](const io::OutputVariable& v) {
        return v.name.starts_with(name + "/");
      });
      if (!used) continue;
      io::OutputGroup& out = file_.groups.emplace_back();
      out.name = name;
      for (const io::Attribute& attribute : group.attributes) {
        if (const auto copy = copied_attribute(attribute)) out.attributes.push_back(*copy);
      }
    }
  }

  void add_global(const io::Attribute& attribute) {
    const auto copy = copied_attribute(attribute);
    if (!copy) return;
    if (attribute.name != "coordinates") {
      file_.attributes.push_back(*copy);
      return;
    }
    // xarray's: coordinates that belong to no variable. Most do not go along.
    std::istringstream names(joined_text(attribute));
    std::string kept;
    for (std::string name; names >> name;) {
      const bool there = std::ranges::find(file_.variables, name, &io::OutputVariable::name) !=
                         file_.variables.end();
      if (there) kept += (kept.empty() ? "" : " ") + name;
    }
    if (!kept.empty()) file_.attributes.push_back({"coordinates", kept});
  }

  // Before anything is computed. Scalars have no data yet, so zeros stand for them.
  void check_all() {
    for (std::size_t i = 0; i < arrays_.size(); ++i) {
      io::OutputVariable& variable = file_.variables[i];
      if (variable.shape.empty()) variable.inline_data.emplace(size_of(variable.dtype));
    }
    io::check(file_);
    for (std::size_t i = 0; i < arrays_.size(); ++i) file_.variables[i].inline_data.reset();
  }

  const std::vector<NamedArray>& arrays_;
  const OutputOptions& options_;
  const AxisTrace trace_;
  CoordinateReader reader_;
  OutputDimensions dimensions_;
  io::OutputFile file_;
  OutputFilters filters_;
  RelatedVariables related_;
  ReducedTimes times_;
  std::vector<OutputSource> sources_;          // by array
  std::vector<std::vector<PlacedAxis>> axes_;  // by array
};

}  // namespace

io::OutputFile describe_output(const std::vector<NamedArray>& arrays,
                               const OutputOptions& options) {
  return OutputBuilder(arrays, options).build();
}

}  // namespace rankine::api
