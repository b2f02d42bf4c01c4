// A data set as the ranks that read it need it: where, how stored, how cut. Small on the wire.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "io/decode.h"
#include "io/h5/file_info.h"
#include "runtime/base/chunk_grid.h"

namespace rankine::io {

struct Part;  // io/parts.h

struct Dataset {
  std::string file;  // of one that is put together, for people
  std::string path;
  std::uint64_t file_size = 0;  // when it was probed; a reader refuses a file that changed
  std::int64_t file_mtime_ns = 0;
  DType stored = DType::kFloat64;
  bool big_endian = false;
  Element element;
  Extents shape;
  Layout layout = Layout::kContiguous;
  Extents chunk;                // chunk shape if layout is kChunked, else empty
  std::vector<Filter> filters;  // in the order in which writing applied them
  bool raw_edge_chunks = false;
  Numbers fill;  // one element of type stored; empty: zero
  std::uint64_t contiguous_address = ChunkExtent::kMissing;
  std::vector<RawFile>
      raw_files;       // of external storage, which changes no more than the file itself
  bool direct = true;  // bytes are decoded here, not by the HDF5 library
  Decode decode;
  bool conventions = true;        // false: elements are the stored numbers, whatever attributes say
  DType dtype = DType::kFloat64;  // after decoding
  ChunkGrid grid;                 // of `shape`; chunks of the file, or virtual ones

  // Of one that is put together from others: layout is kVirtual and direct is true, `filters` are
  // those of its first part. The parts stay where it was made; they travel in its ChunkMap.
  std::shared_ptr<const std::vector<Part>> parts;
  std::uint64_t part_count = 0;
  std::uint64_t parts_hash = 0;  // of what is read from where
  std::int64_t part_bytes = 0;   // the most that reading one of them takes, as reader_bytes has it
  bool is_put_together() const { return direct && layout == Layout::kVirtual; }

  template <class Archive>
  void serialize(Archive& archive) {
    archive(file, path, file_size, file_mtime_ns, stored, big_endian, element, shape, layout, chunk,
            filters, raw_edge_chunks, fill, contiguous_address, raw_files, direct, decode,
            conventions, dtype, grid, part_count, parts_hash, part_bytes);
  }
};

// The variable, or throws Error (input) that suggests the nearest names.
const Variable& find_variable(const FileInfo& info, const std::string& variable_path);

// Throws Error (input) for a missing variable, a type we do not compute with, a null data space,
// and data that not even the HDF5 library can read (a filter without its plugin, a missing source).
Dataset make_dataset(const FileInfo& info, const std::string& variable_path);

// The same elements as they are stored.
Dataset without_decoding(Dataset dataset);
// The same data set without the conventions of CF: to copy what is stored.
Dataset without_conventions(Dataset dataset);

// Chunks of whole rows in C order of at most kVirtualChunkBytes; rows longer than that are cut.
ChunkGrid virtual_grid(const Extents& shape, std::size_t element_size);

}  // namespace rankine::io
