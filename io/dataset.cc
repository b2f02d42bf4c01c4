#include "io/dataset.h"

#include <algorithm>
#include <utility>

#include "io/h5/hidden_names.h"
#include "io/join.h"
#include "io/parts.h"
#include "runtime/base/config.h"
#include "runtime/base/edit_distance.h"
#include "runtime/base/error.h"

namespace rankine::io {
namespace {

std::string last_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// The names a user may have meant: the same name in another group first, then the fewest changes.
std::string suggestion(const FileInfo& info, const std::string& wanted) {
  constexpr std::size_t kMostSuggested = 3;
  const std::string wanted_name = last_name(wanted);
  const std::size_t limit = std::max<std::size_t>(2, wanted_name.size() / 3);
  std::vector<std::pair<std::size_t, const Variable*>> near;
  std::vector<const Variable*> all;
  for (const auto& variable : info.variables) {
    if (variable.is_pure_dimension) continue;
    all.push_back(&variable);
    const auto distance = edit_distance(wanted_name, last_name(shown_path(variable.path)), limit);
    if (distance <= limit) near.emplace_back(distance, &variable);
  }
  std::ranges::stable_sort(near, {}, &decltype(near)::value_type::first);
  std::string text;
  const auto add = [&](const Variable& variable) {
    text += (text.empty() ? "" : ", ") + shown_path(variable.path);
  };
  for (std::size_t i = 0; i < std::min(kMostSuggested, near.size()); ++i) add(*near[i].second);
  if (!text.empty()) return "did you mean " + text + "?";
  if (all.empty()) return "the file has no data sets";
  for (std::size_t i = 0; i < std::min<std::size_t>(8, all.size()); ++i) add(*all[i]);
  return "the file has " + text + (all.size() > 8 ? ", ..." : "");
}

std::string remedy_for(const std::string& problem) {
  if (problem.find("filter") != std::string::npos) {
    return "rewrite the data set with deflate where the filter is installed (h5repack -f GZIP=4), "
           "or "
           "set HDF5_PLUGIN_PATH to its plugin and give --allow-plugins";
  }
  const bool external = problem.find("not read by default") != std::string::npos ||
                        problem.find("followed with --allow-external") != std::string::npos;
  if (external) return "give --allow-external";
  if (problem.find("virtual source") != std::string::npos &&
      problem.find("is missing") != std::string::npos) {
    return "put it beside the file, or read it as fill value by --allow-missing";
  }
  if (problem.find("is missing") != std::string::npos) return "put it beside the file";
  return {};
}

// The parts of a table or of a complex number that can be computed with.
std::string fields_in(const FileInfo& info, const Variable& table) {
  constexpr std::size_t kMost = 8;
  std::string text;
  std::size_t count = 0;
  for (const Variable& variable : info.variables) {
    if (!variable.is_field || !variable.path.starts_with(table.path + ".")) continue;
    if (++count <= kMost) text += (count == 1 ? "" : ", ") + variable.path;
  }
  if (count > kMost) text += ", ...";
  return count == 0 ? "" : "name a field of it: " + text;
}

// Throws for a field of a table that is there but no number ("/table.field").
void refuse_field(const FileInfo& info, const std::string& path) {
  for (auto dot = path.rfind('.'); dot != std::string::npos && dot > 0;
       dot = path.rfind('.', dot - 1)) {
    const Variable* table = find_shown(info, path.substr(0, dot));
    if (table == nullptr || table->dtype) continue;
    const std::string start = path.substr(dot + 1) + " ";
    const std::string& note = table->type_note;  // "s string, in compound"
    for (std::size_t at = 0; at < note.size();) {
      const std::size_t end = std::min(note.find(", ", at), note.size());
      if (note.compare(at, start.size(), start) == 0) {
        const std::string type = note.substr(at + start.size(), end - at - start.size());
        throw input_error("the field " + path.substr(dot + 1) + " of " + table->path +
                              " has the type " + type +
                              "; only numbers and bool can be computed with",
                          info.path + ":" + path, fields_in(info, *table));
      }
      at = end + 2;
    }
  }
}

}  // namespace

const Variable& find_variable(const FileInfo& info, const std::string& variable_path) {
  if (const auto* variable = find_shown(info, variable_path)) return *variable;
  // A data set that was left out says why in the notes.
  const std::string absolute = (variable_path.starts_with('/') ? "" : "/") + variable_path;
  for (const auto& note : info.notes) {
    const bool own =
        note.starts_with(absolute) && note.find_first_of(" :", absolute.size()) == absolute.size();
    // So does a group above it.
    const std::size_t end = note.find(" is ");
    const bool above = end != std::string::npos && absolute.starts_with(note.substr(0, end) + "/");
    if (own || above) {
      throw input_error("cannot use a data set: " + note, info.path + ":" + absolute,
                        remedy_for(note.substr(own ? absolute.size() : end)));
    }
  }
  refuse_field(info, absolute);
  throw input_error("there is no data set " + absolute, info.path, suggestion(info, absolute));
}

namespace {

void refuse_unreadable(const FileInfo& info, const Variable& variable) {
  const std::string where = info.path + ":" + variable.path;
  if (!variable.dtype) {
    throw input_error("the data set has the type " + variable.type_name +
                          "; only numbers and bool can be computed with",
                      where, fields_in(info, variable));
  }
  if (variable.null_space) throw input_error("the data set has no elements (null space)", where);
  if (!variable.read_problem.empty()) {
    throw input_error("cannot read the data set: " + variable.read_problem, where,
                      remedy_for(variable.read_problem));
  }
}

Dataset describe(const Variable& variable);

// The chunks of the first source where they are worth a task, else as if there were none.
ChunkGrid grid_of_parts(const Variable& variable, const std::vector<Part>& parts) {
  constexpr std::int64_t kWorthATask = 64 << 10;  // bytes
  const auto size = static_cast<std::int64_t>(variable.element_size);
  if (!parts.empty()) {
    const auto& [mapping, source] = parts.front();
    Extents chunk(variable.shape.size(), 1);
    for (std::size_t a = 0; a < mapping.source_axis.size(); ++a) {
      if (mapping.source_axis[a] < 0) continue;
      const auto k = static_cast<std::size_t>(mapping.source_axis[a]);
      const std::int64_t longest = source.grid.axis(a).longest();
      chunk[k] = std::clamp<std::int64_t>(longest / mapping.source_step[a] * mapping.step[k], 1,
                                          std::max<std::int64_t>(1, variable.shape[k]));
    }
    if (saturated_volume(chunk) >= kWorthATask / size) {
      return ChunkGrid::regular(variable.shape, chunk);
    }
  }
  return virtual_grid(variable.shape, variable.element_size);
}

void add_parts(const Variable& variable, Dataset& dataset) {
  std::vector<Part> parts;
  for (const VirtualSource& source : variable.sources) {
    Part part{source.mapping, without_decoding(describe(source.variable))};
    part.dataset.file = source.file;
    part.dataset.file_size = source.file_size;
    part.dataset.file_mtime_ns = source.file_mtime_ns;
    parts.push_back(std::move(part));
  }
  ChunkGrid grid = grid_of_parts(variable, parts);
  put_together(dataset, std::move(parts), std::move(grid));
}

// All but the file's own name, size and time.
Dataset describe(const Variable& variable) {
  Dataset dataset;
  dataset.path = variable.path;
  dataset.stored = *variable.dtype;
  dataset.big_endian = variable.big_endian;
  dataset.element = variable.element;
  dataset.shape = variable.shape;
  dataset.layout = variable.layout;
  dataset.chunk = variable.chunk;
  dataset.filters = variable.filters;
  dataset.raw_edge_chunks = variable.raw_edge_chunks;
  dataset.fill = variable.fill;
  dataset.contiguous_address = variable.contiguous_address;
  dataset.raw_files = variable.raw_files;
  dataset.direct = variable.direct_problem.empty();
  dataset.decode = make_decode(variable);
  dataset.dtype = dataset.decode.result;
  dataset.grid = variable.layout == Layout::kChunked
                     ? ChunkGrid::regular(variable.shape, variable.chunk)
                     : virtual_grid(variable.shape, variable.element_size);
  if (variable.layout == Layout::kVirtual && dataset.direct) add_parts(variable, dataset);
  return dataset;
}

}  // namespace

Dataset make_dataset(const FileInfo& info, const std::string& variable_path) {
  const Variable& variable = find_variable(info, variable_path);
  if (info.joined) return joined_dataset(info, variable);
  refuse_unreadable(info, variable);
  Dataset dataset = describe(variable);
  // Ranks may have other working folders.
  dataset.file = path_on_disk(info.path);
  dataset.file_size = info.size;
  dataset.file_mtime_ns = info.mtime_ns;
  return dataset;
}

Dataset without_decoding(Dataset dataset) {
  dataset.decode = Decode();
  dataset.decode.packed = dataset.decode.result = dataset.dtype = dataset.stored;
  return dataset;
}

Dataset without_conventions(Dataset dataset) {
  dataset = without_decoding(std::move(dataset));
  dataset.conventions = false;
  return dataset;
}

ChunkGrid virtual_grid(const Extents& shape, std::size_t element_size) {
  std::int64_t room = std::max<std::int64_t>(
      1, kVirtualChunkBytes / static_cast<std::int64_t>(element_size));  // elements per chunk
  Extents chunk(shape.size(), 1);
  for (std::size_t axis = shape.size(); axis-- > 0 && room > 1;) {
    const std::int64_t length = std::max<std::int64_t>(1, shape[axis]);
    chunk[axis] = std::min(length, room);
    // Once an axis is cut, the ones before it go one by one.
    room = chunk[axis] < length ? 1 : room / length;
  }
  return ChunkGrid::regular(shape, chunk);
}

}  // namespace rankine::io
