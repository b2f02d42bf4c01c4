#include "io/h5/describe.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "io/h5/access.h"
#include "io/h5/input_file.h"

namespace rankine::io {
namespace {

std::optional<DType> integer_dtype(std::size_t size, bool is_signed) {
  if (size == 0 || size > 8) return std::nullopt;
  constexpr std::array kSigned = {DType::kInt8, DType::kInt16, DType::kInt32, DType::kInt64};
  constexpr std::array kUnsigned = {DType::kUInt8, DType::kUInt16, DType::kUInt32, DType::kUInt64};
  const auto width = static_cast<std::size_t>(std::bit_width(size - 1));
  return is_signed ? kSigned[width] : kUnsigned[width];
}

NumberType integer_type(hid_t type) {
  NumberType result;
  const std::size_t size = H5Tget_size(type);
  const bool is_signed = H5Tget_sign(type) != H5T_SGN_NONE;
  const std::size_t bits = H5Tget_precision(type);
  result.dtype = integer_dtype(size, is_signed);
  result.big_endian = size > 1 && H5Tget_order(type) == H5T_ORDER_BE;
  result.name = result.dtype ? std::string(name_of(*result.dtype))
                             : "integer of " + std::to_string(size) + " bytes";
  if (!std::has_single_bit(size) || bits != size * 8 || H5Tget_offset(type) != 0) {
    result.conversion = "integers of " + std::to_string(bits) + " bits";
  }
  return result;
}

NumberType float_type(hid_t type) {
  struct Known {
    hid_t type;
    DType dtype;
    bool big_endian;
  };
  const Known known[] = {{H5T_IEEE_F32LE, DType::kFloat32, false},
                         {H5T_IEEE_F32BE, DType::kFloat32, true},
                         {H5T_IEEE_F64LE, DType::kFloat64, false},
                         {H5T_IEEE_F64BE, DType::kFloat64, true}};
  for (const auto& entry : known) {
    if (H5Tequal(type, entry.type) > 0) {
      return {entry.dtype, std::string(name_of(entry.dtype)), entry.big_endian, {}};
    }
  }
  return {std::nullopt, "float" + std::to_string(H5Tget_size(type) * 8), false, {}};
}

// h5py's bool: one byte, FALSE = 0, TRUE = 1.
bool is_bool(hid_t type) {
  if (H5Tget_size(type) != 1 || H5Tget_nmembers(type) != 2) return false;
  for (unsigned i = 0; i < 2; ++i) {
    char* name = H5Tget_member_name(type, i);
    if (name == nullptr) return false;
    signed char value = -1;
    const bool known = H5Tget_member_value(type, i, &value) >= 0;
    const bool matches = known && ((std::strcmp(name, "FALSE") == 0 && value == 0) ||
                                   (std::strcmp(name, "TRUE") == 0 && value == 1));
    H5free_memory(name);
    if (!matches) return false;
  }
  return true;
}

std::string filter_name(std::uint32_t id, const char* stored) {
  struct Registered {
    std::uint32_t id;
    const char* name;
  };
  constexpr Registered kRegistered[] = {
      {1, "deflate"},     {2, "shuffle"},       {3, "fletcher32"},  {4, "szip"},
      {5, "nbit"},        {6, "scaleoffset"},   {305, "lzo"},       {307, "bzip2"},
      {32000, "lzf"},     {32001, "blosc"},     {32004, "lz4"},     {32008, "bitshuffle"},
      {32013, "zfp"},     {32015, "zstd"},      {32017, "sz"},      {32018, "jpeg-ls"},
      {32019, "jpeg"},    {32020, "vbz"},       {32022, "bitgroom"}, {32023, "granularbr"},
      {32024, "sz3"},     {32026, "blosc2"},    {32028, "sperr"}};
  const auto found = std::ranges::find(kRegistered, id, &Registered::id);
  if (found != std::end(kRegistered)) return found->name;
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
    filters.push_back({number, filter_name(number, name), {values.begin(), values.end()},
                       H5Zfilter_avail(id) > 0});
  }
  H5Eclear2(H5E_DEFAULT);
  return filters;
}

// Why undo_filters (io/filters.h) cannot do them; "" if it can. Behind a second deflate the size of
// the first one's output is unknown.
std::string filter_problem(const std::vector<Filter>& filters) {
  int deflates = 0;
  for (const auto& filter : filters) {
    if (filter.id == H5Z_FILTER_DEFLATE && ++deflates == 1) continue;
    if (filter.id == H5Z_FILTER_SHUFFLE && !filter.parameters.empty()) continue;
    if (filter.id == H5Z_FILTER_FLETCHER32) continue;
    return "filter " + std::to_string(filter.id) + " (" + filter.name + ")";
  }
  return {};
}

std::string missing_filter(const std::vector<Filter>& filters) {
  for (const auto& filter : filters) {
    if (filter.available) continue;
    return "filter " + std::to_string(filter.id) + " (" + filter.name + ") is not available";
  }
  return {};
}

// The fill value in host order; empty if the file declares none.
Numbers read_fill(hid_t creation, DType dtype) {
  H5D_fill_value_t status = H5D_FILL_VALUE_UNDEFINED;
  if (H5Pfill_value_defined(creation, &status) < 0 || status != H5D_FILL_VALUE_USER_DEFINED) {
    return {};
  }
  Numbers fill{dtype, std::vector<std::byte>(size_of(dtype))};
  // A bool is an enum in the file, which has no conversion to numbers here; its only other value is 1.
  if (dtype == DType::kBool) {
    const H5Type enumeration(H5Tenum_create(H5T_NATIVE_INT8));
    signed char value = 0;
    if (H5Tenum_insert(enumeration, "FALSE", &value) < 0) return {};
    value = 1;
    if (H5Tenum_insert(enumeration, "TRUE", &value) < 0) return {};
    if (H5Pget_fill_value(creation, enumeration, fill.bytes.data()) < 0) return {};
    return fill;
  }
  if (H5Pget_fill_value(creation, native_type(dtype), fill.bytes.data()) < 0) return {};
  return fill;
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
}

std::string beside(const std::string& file_path, const std::string& name) {
  return name.starts_with('/') ? name : folder_of(file_path) + name;
}

// Missing bytes of external files read as fill in the library: here they are an error.
std::string external_problem(hid_t creation, const std::string& file_path, hsize_t raw_bytes) {
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
    if (::stat(beside(file_path, name).c_str(), &status) != 0) {
      return std::string("its external file ") + name + " is missing";
    }
    const hsize_t needed = std::min(size, raw_bytes);
    if (static_cast<hsize_t>(status.st_size) < static_cast<hsize_t>(offset) + needed) {
      return std::string("its external file ") + name + " is shorter than it must be";
    }
    raw_bytes -= needed;
  }
  return {};
}

// Missing sources read as fill in the library: here they are an error. Names with a printf pattern
// ("%b") stand for as many files as there are.
std::string virtual_problem(hid_t creation, const std::string& file_path) {
  std::size_t count = 0;
  if (H5Pget_virtual_count(creation, &count) < 0) return "its virtual mapping cannot be read";
  std::string checked;
  for (std::size_t i = 0; i < count; ++i) {
    const ssize_t length = H5Pget_virtual_filename(creation, i, nullptr, 0);
    if (length < 0) return "its virtual mapping cannot be read";
    std::string name(static_cast<std::size_t>(length) + 1, '\0');
    H5Pget_virtual_filename(creation, i, name.data(), name.size());
    name.pop_back();
    if (name == "." || name == checked || name.find('%') != std::string::npos) continue;
    struct stat status {};
    if (::stat(beside(file_path, name).c_str(), &status) != 0 &&
        ::stat(name.c_str(), &status) != 0) {
      return "its virtual source " + name + " is missing";
    }
    checked = name;
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
      variable.read_problem = missing_filter(variable.filters);
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
      variable.read_problem = external_problem(creation, file_path, raw_bytes_of(variable));
      break;
    case Layout::kVirtual:
      variable.direct_problem = "a virtual data set";
      variable.read_problem = virtual_problem(creation, file_path);
      break;
  }
  // Of a virtual data set the library would open all sources to answer.
  if (variable.layout != Layout::kVirtual) variable.stored_bytes = H5Dget_storage_size(dataset);
}

}  // namespace

NumberType number_type(hid_t type) {
  switch (H5Tget_class(type)) {
    case H5T_INTEGER: return integer_type(type);
    case H5T_FLOAT: return float_type(type);
    case H5T_ENUM:
      if (is_bool(type)) return {DType::kBool, "bool", false, {}};
      return {std::nullopt, "enum", false, {}};
    case H5T_STRING: return {std::nullopt, "string", false, {}};
    case H5T_COMPOUND: return {std::nullopt, "compound", false, {}};
    case H5T_BITFIELD: return {std::nullopt, "bitfield", false, {}};
    case H5T_OPAQUE: return {std::nullopt, "opaque", false, {}};
    case H5T_REFERENCE: return {std::nullopt, "reference", false, {}};
    case H5T_VLEN: return {std::nullopt, "variable-length list", false, {}};
    case H5T_ARRAY: return {std::nullopt, "array", false, {}};
    case H5T_TIME: return {std::nullopt, "time", false, {}};
    default: return {std::nullopt, "unknown type", false, {}};
  }
}

hid_t native_type(DType dtype) {
  switch (dtype) {
    case DType::kBool: return H5T_NATIVE_INT8;
    case DType::kInt8: return H5T_NATIVE_INT8;
    case DType::kInt16: return H5T_NATIVE_INT16;
    case DType::kInt32: return H5T_NATIVE_INT32;
    case DType::kInt64: return H5T_NATIVE_INT64;
    case DType::kUInt8: return H5T_NATIVE_UINT8;
    case DType::kUInt16: return H5T_NATIVE_UINT16;
    case DType::kUInt32: return H5T_NATIVE_UINT32;
    case DType::kUInt64: return H5T_NATIVE_UINT64;
    case DType::kFloat32: return H5T_NATIVE_FLOAT;
    case DType::kFloat64: break;
  }
  return H5T_NATIVE_DOUBLE;
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
  variable.big_endian = number.big_endian;
  variable.element_size = H5Tget_size(type);
  describe_shape(dataset, where, variable);
  describe_layout(dataset, creation, file_path, where, variable);
  if (!number.conversion.empty()) variable.direct_problem = number.conversion;
  if (!variable.dtype) return variable;
  variable.fill = read_fill(creation, *variable.dtype);
  const bool allocated = variable.contiguous_address != ChunkExtent::kMissing;
  if (variable.layout == Layout::kContiguous && allocated && !variable.null_space &&
      variable.stored_bytes < raw_bytes_of(variable)) {
    variable.read_problem = "its storage is smaller than its shape";
  }
  return variable;
}

}  // namespace rankine::io
