// A file to be written, as plain values: no HDF5 types, so a plan can carry it to every rank.
// Written by h5/netcdf_writer.h as one netCDF-4 file; chunks are encoded by encode.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/codec/codec.h"
#include "io/h5/file_info.h"
#include "io/h5/texts.h"
#include "runtime/base/chunk_grid.h"

namespace rankine::io {

struct OutputDimension {
  std::string name;
  std::int64_t length = 0;
  bool unlimited = false;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(name, length, unlimited);
  }
};

// Variables, dimensions and groups below the root have the path without the leading slash as their
// name: "group/t2m". A dimension is known in its group and below.
struct OutputGroup {
  std::string name;
  std::vector<Attribute> attributes;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(name, attributes);
  }
};

// One data set. A variable that has a dimension's name and lies along that dimension alone is its
// coordinate variable. Its contents come from the logs, chunk by chunk, unless inline_data holds
// them.
struct OutputVariable {
  std::string name;
  DType dtype = DType::kFloat64;  // bool is stored as int8 with the attribute dtype = "bool"
  std::vector<std::string> dims;  // one name per axis, all among OutputFile::dimensions
  Extents shape;                  // elements; equal to the lengths of `dims`
  Extents chunk;                  // elements per chunk; empty: contiguous, inline_data required
  Codec codec;                    // of the chunks in the logs; see filters_of
  bool shuffle = true;
  bool fletcher32 = false;      // a checksum behind every chunk
  std::optional<Numbers> fill;  // one finite element of type dtype: `_FillValue`, and fill value
                                // of the data set; stands for NaN in floats
  std::vector<Attribute> attributes;  // without _FillValue and those of dimension scales
  // The whole contents, row-major, host order, NaN as computed: small variables and scalars.
  std::optional<std::vector<std::byte>> inline_data;
  // Text instead of numbers, and then neither dtype, codec nor inline_data means anything: one per
  // element, as long as each is (netCDF's string), or single characters (its char).
  std::optional<Texts> texts;
  bool characters = false;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(name, dtype, dims, shape, chunk, codec, shuffle, fletcher32, fill, attributes,
            inline_data, texts, characters);
  }
};

// The versions of HDF5 that read the file: from 1.8 on, or from 1.10 on, with chunk indexes that
// are smaller and quicker to look into.
enum class Libver : std::uint8_t { kV18, kV110 };

struct OutputFile {
  std::vector<OutputDimension> dimensions;  // in the order of their netCDF ids
  std::vector<OutputVariable> variables;    // readers list coordinate variables first, then these
  std::vector<Attribute> attributes;        // of the root group, history included
  std::vector<OutputGroup> groups;    // those with attributes; others are there by their names
  std::string plan;                   // by which the file is made: goes into _NCProperties
  std::vector<std::string> left_out;  // what could not come along and why; for people
  Libver libver = Libver::kV18;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(dimensions, variables, attributes, groups);
  }
};

// Where one encoded chunk lies in the finished file.
struct Placement {
  std::uint32_t variable = 0;     // index into OutputFile::variables
  std::uint32_t filter_mask = 0;  // bit i set: filter i was not applied
  std::int64_t chunk = 0;         // row-major position in the variable's chunk grid
  std::uint64_t address = 0;      // absolute file offset, >= kDataStart
  std::uint32_t size = 0;         // bytes, >= 1
  bool operator==(const Placement&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(variable, filter_mask, chunk, address, size);
  }
};

// Chunk data begin here; below it lie the superblock and the first metadata.
inline constexpr std::uint64_t kDataStart = 4096;

// The chunks of a variable whose contents come from the logs (`chunk` must be set).
inline ChunkGrid chunk_grid(const OutputVariable& variable) {
  return ChunkGrid::regular(variable.shape, variable.chunk);
}
inline bool is_logged(const OutputVariable& variable) {
  return !variable.inline_data.has_value() && !variable.texts.has_value();
}
// In the order in which they are applied. Inline data go through the HDF5 library, which need not
// have the codec, and every reader wants coordinates: they get deflate instead of what needs a
// plugin.
FilterSteps filters_of(const OutputVariable& variable);

// What a copy of data with these filters is stored by.
struct KeptFilters {
  Codec codec;  // `otherwise` if what the data have cannot be written
  bool shuffle = false;
  bool fletcher32 = false;
  std::string lost;  // what cannot be written, as people call it; "": all is kept
};
// The same filters, with the same parameters but for those that change with the chunk, in the order
// in which they are always written.
KeptFilters kept_filters(const std::vector<Filter>& filters, const Codec& otherwise);

// A variable's elements hold NaN for which it has a fill value (floats only).
bool needs_fill(const OutputVariable& variable, const std::byte* elements, std::size_t count);
// Replaces every NaN by the fill value. Only where needs_fill is true.
void replace_nan(const OutputVariable& variable, std::byte* elements, std::size_t count);

// The names netCDF allows for variables, dimensions and attributes: no '/', no control characters,
// no space at the end, a letter, digit, underscore or non-ASCII character first, at most 256 bytes.
bool is_netcdf_name(const std::string& name);

// "" or "group/" of "group/t2m", and the rest.
inline std::string group_part(const std::string& name) {
  return name.substr(0, name.rfind('/') + 1);
}
inline std::string last_part(const std::string& name) { return name.substr(name.rfind('/') + 1); }

// Throws Error (usage) if the file could not be written as netCDF-4: names twice or not allowed,
// lengths that disagree, chunks that do not fit their shape or exceed 4 GiB - 1, a fill value that
// is not one finite element of the variable's type, inline data of the wrong size.
void check(const OutputFile& file);

}  // namespace rankine::io
