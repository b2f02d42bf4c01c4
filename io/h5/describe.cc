#include "io/h5/describe.h"

#include <sys/stat.h>

#include <algorithm>

#include "io/codec/table.h"
#include "io/h5/access.h"
#include "io/h5/input_file.h"
#include "io/h5/virtual_sources.h"

namespace rankine::io {
namespace {

std::string filter_name(std::uint32_t id, const char* stored) {
  if (const KnownFilter* known = find_filter(id)) return known->name;
  return stored[0] == '\0' ? "unnamed" : stored;
}

std::vector<Filter> read_filters(hid_t creation, const std::string& where) {
  std::vector<Filter> filters;
  const int count = h5_check(H5Pget_nfilters(creation), "read the filters", where);
  for (int i = 0; i < count; ++i) {
    unsigned flags = 0;
    unsigned config = 0;
    char name[257] = {};
    std::size_t parameters = 0;
    h5_check(H5Pget_filter2(creation, static_cast<unsigned>(i), &flags, &parameters, nullptr, 0,
                            nullptr, nullptr),
             "read a filter", where);
    std::vector<unsigned> values(parameters);
    const H5Z_filter_t id =
        h5_check(H5Pget_filter2(creation, static_cast<unsigned>(i), &flags, &parameters,
                                values.data(), sizeof(name) - 1, name, &config),
                 "read a filter", where);
    values.resize(std::min(values.size(), parameters));
    const auto number = static_cast<std::uint32_t>(id);
    filters.push_back({number,
                       filter_name(number, name),
                       {values.begin(), values.end()},
                       decoded_here(number) || H5Zfilter_avail(id) > 0});
  }
  H5Eclear2(H5E_DEFAULT);
  return filters;
}

// Why undo_filters (io/filters.h) cannot do them; "" if it can. Behind a second filter that
// compresses, the size of the first one's output is unknown.
std::string filter_problem(const std::vector<Filter>& filters) {
  int compressed = 0;
  for (const auto& filter : filters) {
    const bool usable =
        decoded_here(filter.id) && !(filter.id == kShuffle && filter.parameters.empty());
    if (usable && (!compresses(filter.id, filter.parameters) || ++compressed == 1)) continue;
    return "filter " + std::to_string(filter.id) + " (" + filter.name + ")";
  }
  return {};
}

// Why not even the library can undo them; "" if it can.
std::string missing_filter(const std::vector<Filter>& filters) {
  std::string problem;
  for (const auto& filter : filters) {
    if (H5Zfilter_avail(static_cast<H5Z_filter_t>(filter.id)) > 0) continue;
    problem = "filter " + std::to_string(filter.id) + " (" + filter.name + ") is not available";
    break;
  }
  H5Eclear2(H5E_DEFAULT);
  return problem;
}

// The fill value in host order; empty if the file declares none. Of a field: of the table's.
Numbers read_fill(hid_t creation, hid_t type, DType dtype) {
  H5D_fill_value_t status = H5D_FILL_VALUE_UNDEFINED;
  if (H5Pfill_value_defined(creation, &status) < 0 || status != H5D_FILL_VALUE_USER_DEFINED) {
    return {};
  }
  Numbers fill{dtype, std::vector<std::byte>(size_of(dtype))};
  // The library converts no enum to numbers here.
  const H5Type memory(H5Tget_class(type) == H5T_ENUM ? H5Tget_native_type(type, H5T_DIR_ASCEND)
                                                     : H5Tcopy(native_type(dtype)));
  if (!memory.valid() || H5Tget_size(memory) != fill.bytes.size()) return {};
  if (H5Pget_fill_value(creation, memory, fill.bytes.data()) < 0) return {};
  return fill;
}

// Finds its raw files. Missing bytes of them read as fill in the library: here they are an error.
std::string external_problem(hid_t creation, const std::string& file_path, hsize_t raw_bytes,
                             std::vector<RawFile>& files) {
  if (!access().external) return "its data lie in external files, which are not read by default";
  const int count = H5Pget_external_count(creation);
  for (int i = 0; i < count; ++i) {
    char name[4096] = {};
    off_t offset = 0;
    hsize_t size = 0;
    if (H5Pget_external(creation, static_cast<unsigned>(i), sizeof(name) - 1, name, &offset,
                        &size) < 0) {
      return "its list of external files cannot be read";
    }
    struct stat status {};
    const std::string path = raw_file_named(file_path, name);
    if (::stat(path.c_str(), &status) != 0) {
      return std::string("its external file ") + name + " is missing";
    }
    files.push_back({path_on_disk(path), static_cast<std::uint64_t>(status.st_size),
                     std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec});
    const hsize_t needed = std::min(size, raw_bytes);
    if (static_cast<hsize_t>(status.st_size) < static_cast<hsize_t>(offset) + needed) {
      return std::string("its external file ") + name + " is shorter than it must be";
    }
    raw_bytes -= needed;
  }
  return {};
}

std::uint64_t raw_bytes_of(const Variable& variable) {
  return static_cast<std::uint64_t>(volume(variable.shape)) * variable.element_size;
}

Layout layout_of(hid_t creation) {
  switch (H5Pget_layout(creation)) {
    case H5D_CHUNKED: return Layout::kChunked;
    case H5D_COMPACT: return Layout::kCompact;
    case H5D_VIRTUAL: return Layout::kVirtual;
    default: break;
  }
  return H5Pget_external_count(creation) > 0 ? Layout::kExternal : Layout::kContiguous;
}

void describe_shape(hid_t dataset, const std::string& where, Variable& variable) {
  const H5Space space(H5Dget_space(dataset), "read the shape", where);
  variable.null_space = H5Sget_simple_extent_type(space) == H5S_NULL;
  const int rank = h5_check(H5Sget_simple_extent_ndims(space), "read the shape", where);
  hsize_t extent[H5S_MAX_RANK];
  hsize_t most[H5S_MAX_RANK];
  h5_check(H5Sget_simple_extent_dims(space, extent, most), "read the shape", where);
  for (int axis = 0; axis < rank; ++axis) {
    variable.shape.push_back(static_cast<std::int64_t>(extent[axis]));
    const bool unlimited = most[axis] == H5S_UNLIMITED;
    variable.max_shape.push_back(unlimited ? -1 : static_cast<std::int64_t>(most[axis]));
  }
}

void describe_layout(hid_t dataset, hid_t creation, const std::string& file_path,
                     const std::string& where, Variable& variable) {
  variable.layout = layout_of(creation);
  switch (variable.layout) {
    case Layout::kChunked: {
      hsize_t chunk[H5S_MAX_RANK];
      const int rank = static_cast<int>(variable.shape.size());
      h5_check(H5Pget_chunk(creation, rank, chunk), "read chunk sizes", where);
      variable.chunk = Extents(chunk, chunk + rank);
      unsigned options = 0;
      h5_check(H5Pget_chunk_opts(creation, &options), "read chunk options", where);
      variable.raw_edge_chunks = (options & H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS) != 0;
      variable.filters = read_filters(creation, where);
      variable.direct_problem = filter_problem(variable.filters);
      break;
    }
    case Layout::kContiguous:
      // Of storage that does not exist H5Dget_offset makes an address in files with a user block.
      variable.contiguous_address =
          H5Dget_storage_size(dataset) == 0 ? ChunkExtent::kMissing : H5Dget_offset(dataset);
      H5Eclear2(H5E_DEFAULT);
      break;
    case Layout::kCompact: variable.direct_problem = "stored in the object header"; break;
    case Layout::kExternal:
      variable.direct_problem = "stored in external files";
      variable.read_problem =
          external_problem(creation, file_path, raw_bytes_of(variable), variable.raw_files);
      break;
    case Layout::kVirtual: break;  // find_sources, once the type is known
  }
  // Of a virtual data set the library would open all sources to answer.
  if (variable.layout != Layout::kVirtual) variable.stored_bytes = H5Dget_storage_size(dataset);
}

// Texts and lists of any length, and references, are stored in another size than they have in
// memory, and the library tells only that: what comes behind them lies elsewhere.
bool has_other_size_in_file(hid_t type) {
  const H5T_class_t kind = H5Tget_class(type);
  if (kind == H5T_VLEN || kind == H5T_REFERENCE || H5Tis_variable_str(type) > 0) return true;
  if (kind == H5T_ARRAY) return has_other_size_in_file(H5Type(H5Tget_super(type)));
  if (kind != H5T_COMPOUND) return false;
  const int count = H5Tget_nmembers(type);
  for (int i = 0; i < count; ++i) {
    const H5Type member(H5Tget_member_type(type, static_cast<unsigned>(i)));
    if (!member.valid() || has_other_size_in_file(member)) return true;
  }
  return false;
}

// Whether elements that were never written are zeros.
bool is_zero_fill(hid_t creation, hid_t type) {
  std::vector<std::byte> fill(H5Tget_size(type));
  if (H5Pget_fill_value(creation, type, fill.data()) < 0) return false;
  return std::ranges::all_of(fill, [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

std::vector<Variable> describe_fields(hid_t dataset, const Variable& table) {
  const H5Type type(H5Dget_type(dataset));
  if (!type.valid() || H5Tget_class(type) != H5T_COMPOUND) return {};
  const H5Plist creation(H5Dget_create_plist(dataset));
  H5D_fill_value_t status = H5D_FILL_VALUE_UNDEFINED;
  const bool own_fill = creation.valid() && H5Pfill_value_defined(creation, &status) >= 0 &&
                        status == H5D_FILL_VALUE_USER_DEFINED && !is_zero_fill(creation, type);
  std::string problem = own_fill ? "a field of a table with a fill value" : "";
  if (has_other_size_in_file(type)) problem = "a field of a table with text of any length";
  std::vector<Variable> variables;
  for (Field& field : fields_of(type)) {
    Variable variable = table;
    variable.path += "." + field.name;
    variable.is_field = true;
    variable.is_scale = variable.is_pure_dimension = false;
    variable.attributes.clear();
    variable.dtype = field.number.dtype;
    variable.type_name = field.number.name;
    variable.type_note = field.number.note;
    variable.big_endian = field.number.big_endian;
    variable.element = field.number.element;
    if (variable.direct_problem.empty()) variable.direct_problem = problem;
    if (!problem.empty() && table.read_problem.empty()) {
      variable.read_problem = missing_filter(variable.filters);
    }
    variables.push_back(std::move(variable));
  }
  return variables;
}

Variable describe_by_name(hid_t dataset, const std::string& file_path, const std::string& name,
                          const std::string& path) {
  Variable variable = describe_dataset(dataset, file_path, name);
  if (name == path) return variable;
  for (Variable& field : describe_fields(dataset, variable)) {
    if (field.path == path) return std::move(field);
  }
  throw input_error("the table has no such field of numbers", place_of(file_path, path));
}

Variable describe_dataset(hid_t dataset, const std::string& file_path, const std::string& path) {
  const std::string where = place_of(file_path, path);
  Variable variable;
  variable.path = path;
  const H5Type type(H5Dget_type(dataset), "read the type", where);
  const H5Plist creation(H5Dget_create_plist(dataset), "read the layout", where);
  auto number = number_type(type);
  variable.dtype = number.dtype;
  variable.type_name = std::move(number.name);
  variable.type_note = H5Tget_class(type) == H5T_COMPOUND ? other_fields(type) : number.note;
  variable.big_endian = number.big_endian;
  variable.element = number.element;
  variable.assume_fill = access().default_fill;
  variable.element_size = H5Tget_size(type);
  describe_shape(dataset, where, variable);
  describe_layout(dataset, creation, file_path, where, variable);
  if (variable.layout == Layout::kVirtual) find_sources(creation, file_path, variable);
  if (!number.conversion.empty()) variable.direct_problem = number.conversion;
  if (variable.layout == Layout::kChunked && !variable.direct_problem.empty()) {
    variable.read_problem = missing_filter(variable.filters);
  }
  if (!variable.dtype) return variable;
  variable.fill = read_fill(creation, type, *variable.dtype);
  const bool allocated = variable.contiguous_address != ChunkExtent::kMissing;
  if (variable.layout == Layout::kContiguous && allocated && !variable.null_space &&
      variable.stored_bytes < raw_bytes_of(variable)) {
    variable.read_problem = "its storage is smaller than its shape";
  }
  return variable;
}

}  // namespace rankine::io
