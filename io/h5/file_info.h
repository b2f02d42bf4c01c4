// What an HDF5 file says about itself, as plain values: no HDF5 types, so the probe child can send
// it through a pipe and rank 0 can broadcast it. Built by h5/inspect.h, read by everybody.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "io/h5/mapping.h"
#include "runtime/base/dtype.h"
#include "runtime/base/shape.h"

namespace rankine::io {

// Numbers of one type, kept as they were stored (host byte order).
struct Numbers {
  DType dtype = DType::kFloat64;
  std::vector<std::byte> bytes;

  std::size_t count() const { return bytes.size() / size_of(dtype); }
  double as_double(std::size_t i) const;  // i < count()
  bool operator==(const Numbers&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(dtype, bytes);
  }
};

// Text, a list of texts, numbers, or nothing we can carry (references, compounds: `monostate`).
using AttributeValue = std::variant<std::monostate, std::string, std::vector<std::string>, Numbers>;

struct Attribute {
  std::string name;
  AttributeValue value;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(name, value);
  }
};

struct Filter {
  std::uint32_t id = 0;  // as registered with The HDF Group: 1 deflate, 2 shuffle, ...
  std::string name;      // as stored in the file, or the registered name
  std::vector<std::uint32_t> parameters;
  bool available = true;  // undone here, or by the HDF5 library (built in, or an allowed plugin)
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, name, parameters, available);
  }
};

// Where in a stored element the number lies: a field of a table, or a type that DType lacks.
struct Element {
  std::uint64_t size = 0;    // bytes from one to the next; 0: the number alone
  std::uint64_t offset = 0;  // of the number in it
  bool half = false;         // IEEE float16, which becomes float32
  bool is_number() const { return size == 0; }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(size, offset, half);
  }
};

// A file of bytes that an HDF5 file takes for its own, as it was when it was looked into.
struct RawFile {
  std::string path;  // absolute
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(path, size, mtime_ns);
  }
};

struct VirtualSource;

enum class Layout : std::uint8_t { kContiguous, kChunked, kCompact, kExternal, kVirtual };
constexpr int value_count(Layout) { return static_cast<int>(Layout::kVirtual) + 1; }

inline constexpr const char* kTextType = "string";  // type_name of text of any kind

// One data set.
struct Variable {
  std::string path;            // absolute: "/group/t2m"
  std::optional<DType> dtype;  // empty: a type we do not compute with (text, compound, ...)
  std::string type_name;       // for people: "float32", "string", "compound", ...
  std::string type_note;       // names of an enum's values
  bool big_endian = false;
  std::size_t element_size = 0;  // bytes of one stored element
  Element element;
  bool is_field = false;     // of a table: "/table.field" beside "/table"
  bool assume_fill = false;  // netCDF's default fill values are missing where none is declared
  bool null_space = false;   // H5S_NULL: no elements at all
  Extents shape;
  Extents max_shape;  // -1: unlimited
  Layout layout = Layout::kContiguous;
  Extents chunk;                         // chunk shape if layout is kChunked, else empty
  bool raw_edge_chunks = false;          // H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS
  std::vector<Filter> filters;           // in the order in which writing applied them
  std::uint64_t stored_bytes = 0;        // on disk, of the data alone
  std::uint64_t contiguous_address = 0;  // absolute file offset; ~0: not allocated
  Numbers fill;                          // fill value of the data set, one element; empty: zero
  std::vector<std::string> dims;       // name per axis from its dimension scale, "" if it has none
  std::vector<std::string> dim_paths;  // the scale of each axis, "" if none
  bool is_scale = false;               // CLASS = DIMENSION_SCALE
  bool is_pure_dimension = false;      // a netCDF dimension without a variable
  std::string direct_problem;  // why bytes cannot be decoded outside the library; "" if they can
  std::string read_problem;    // why not even the library can read them; "" if it can
  std::vector<RawFile> raw_files;      // that hold the elements if layout is kExternal
  std::vector<VirtualSource> sources;  // of a virtual one that is put together here
  std::uint64_t missing_sources = 0;   // which read as fill value, because the user said so
  std::vector<Attribute> attributes;   // without those of the HDF5 dimension-scale machinery

  const Attribute* attribute(const std::string& name) const;  // nullptr if there is none
  std::string text(const std::string& name) const;            // of an attribute, "" if it has none
  template <class Archive>
  void serialize(Archive& archive) {
    archive(path, dtype, type_name, type_note, big_endian, element_size, element, is_field,
            assume_fill, raw_files, sources, missing_sources, null_space, shape, max_shape, layout,
            chunk, raw_edge_chunks, filters, stored_bytes, contiguous_address, fill, dims,
            dim_paths, is_scale, is_pure_dimension, direct_problem, read_problem, attributes);
  }
};

// A data set of which a virtual one is put together.
struct VirtualSource {
  std::string file;  // absolute
  std::uint64_t file_size = 0;
  std::int64_t file_mtime_ns = 0;
  Variable variable;  // without attributes and names of dimensions
  Mapping mapping;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(file, file_size, file_mtime_ns, variable, mapping);
  }
};

struct Dimension {
  std::string path;  // group + name: "/time"
  std::string name;
  std::int64_t length = 0;
  bool unlimited = false;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(path, name, length, unlimited);
  }
};

// Between it and the next comma stands, in the attribute _NCProperties of an output of ours, by
// which plan it was made (OutputFile::plan).
inline constexpr const char* kPlanProperty = ",plan=";

// The same path of a file from whichever folder it is named: a journal knows its inputs by it.
// Links stay what the user calls them, but for those before a "..", which may lead elsewhere than
// the name says.
std::string path_on_disk(const std::string& path);

// What a coordinate variable says, as stored: enough to compare and to order files by it.
struct CoordinateSummary {
  std::string path;
  std::int64_t count = 0;  // 0: none, or the HDF5 library cannot decode them; they must be read
  std::uint64_t hash = 0;  // of its values as float64
  double first = 0;        // of count > 0
  double last = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(path, count, hash, first, last);
  }
};

struct Joined;  // io/join.h

// A group below the root.
struct Group {
  std::string path;  // "/group"
  std::vector<Attribute> attributes;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(path, attributes);
  }
};

struct FileInfo {
  std::string path;    // as the user wrote it
  std::string format;  // "netCDF-4" or "HDF5"
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::vector<Dimension> dimensions;
  std::vector<Variable> variables;    // in creation order where the file keeps it, else by name
  std::vector<Attribute> attributes;  // of the root group, without _NCProperties
  std::string plan;                   // that an output of ours says it was made by; else empty
  std::vector<Group> groups;          // each before its members
  std::vector<std::string> notes;     // objects that were left out, one sentence each
  std::vector<CoordinateSummary> coordinates;  // if they were asked for
  // Of several files as one: which. Stays where they were joined.
  std::shared_ptr<const Joined> joined;

  const Variable* variable(const std::string& variable_path) const;  // with or without leading '/'
  template <class Archive>
  void serialize(Archive& archive) {
    archive(path, format, size, mtime_ns, dimensions, variables, attributes, plan, groups, notes,
            coordinates);
  }
};

// Where each chunk of a chunked data set lies, in row-major order of chunk coordinates.
struct ChunkExtent {
  std::uint64_t address = kMissing;  // absolute file offset
  std::uint32_t size = 0;            // stored bytes
  std::uint32_t filter_mask = 0;     // bit i set: filter i was skipped for this chunk
  static constexpr std::uint64_t kMissing = ~std::uint64_t{0};  // never written: fill value
  template <class Archive>
  void serialize(Archive& archive) {
    archive(address, size, filter_mask);
  }
};
using ChunkIndex = std::vector<ChunkExtent>;

}  // namespace rankine::io
