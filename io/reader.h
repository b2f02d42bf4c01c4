// Reading boxes of a data set, decoded, from many threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "io/dataset.h"
#include "io/filters.h"
#include "io/posix_file.h"
#include "runtime/base/shape.h"

namespace rankine::io {

class SlowReader;

// Sums over the reads of one thread.
struct ReadStats {
  std::int64_t bytes_read = 0;  // stored bytes that came from the file
  double read_s = 0;            // in the system's read, or in the HDF5 library
  double decode_s = 0;          // filters, byte order, conventions, copies
};

// Working memory of one thread: at most one stored chunk (or kReadAheadBytes), and three chunks.
class ReadScratch {
 public:
  std::size_t capacity() const;  // bytes held

 private:
  friend class DatasetReader;
  struct Piece {
    Extents coordinate;
    ChunkExtent extent;
  };
  GrowingBuffer stored_;
  GrowingBuffer chunk_;
  FilterScratch filters_;
  std::vector<Piece> pieces_;
};

// Neighbouring chunks or rows are read with one call up to so many bytes.
inline constexpr std::size_t kReadAheadBytes = std::size_t{1} << 20;

// Thread-safe: read() may run in many threads, each with its own scratch.
class DatasetReader {
 public:
  // Opens the file. index: as probe_indexes returned it (empty unless chunked and direct). Throws
  // Error (input) if the file cannot be opened or is not the one that was probed (size or time of
  // last change differ).
  DatasetReader(Dataset dataset, ChunkIndex index);
  ~DatasetReader();
  DatasetReader(const DatasetReader&) = delete;
  DatasetReader& operator=(const DatasetReader&) = delete;

  // Reads the elements of box, which lies inside the shape, into out: dense row-major, of type
  // dataset().dtype. Reads only chunks that meet the box; a chunk that was never written gives the
  // fill value. out need not be aligned. Throws Error (input) naming file, data set and chunk.
  void read(const Box& box, std::byte* out, ReadScratch& scratch, ReadStats& stats) const;

  const Dataset& dataset() const { return dataset_; }

 private:
  struct Run;
  void read_chunks(const Box& box, std::byte* out, ReadScratch& scratch, ReadStats& stats) const;
  void read_contiguous(const Box& box, std::byte* out, ReadScratch& scratch,
                       ReadStats& stats) const;
  void read_slow(const Box& box, std::byte* out, ReadScratch& scratch, ReadStats& stats) const;

  Dataset dataset_;
  ChunkIndex index_;
  PosixFile file_;
  std::unique_ptr<SlowReader> slow_;  // unless dataset_.direct
};

}  // namespace rankine::io
