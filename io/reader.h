// Reading boxes of a data set, decoded, from many threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/dataset.h"
#include "io/filters.h"
#include "io/open_inputs.h"
#include "io/parts.h"
#include "runtime/base/shape.h"

namespace rankine::io {

class PartReader;
class SlowReader;

// Sums over the reads of one thread.
struct ReadStats {
  std::int64_t bytes_read = 0;   // stored bytes that came from the file
  double read_s = 0;             // in the system's read, or in the HDF5 library
  double decode_s = 0;           // filters, byte order, conventions, copies
  std::int64_t bytes_ahead = 0;  // of which the system was told before they were read
};

// Neighbouring chunks or rows are read with one call up to so many bytes.
inline constexpr std::size_t kReadAheadBytes = std::size_t{1} << 20;
// While a thread decodes, the disk may bring so many of the bytes that it reads next.
inline constexpr std::int64_t kExpectedBytes = std::int64_t{8} << 20;

// Working memory of one thread: at most one stored chunk (or kReadAheadBytes) and three chunks, or
// for data read through the library the box.
class ReadScratch {
 public:
  std::size_t capacity() const {  // bytes held
    return window_.capacity() + chunk_.capacity() + whole_.capacity() + filters_.capacity() +
           (part_ == nullptr ? 0 : part_->capacity());
  }
  // Of a data set that is put together: for its parts, and what was read of one.
  ReadScratch& of_part() {
    if (part_ == nullptr) part_ = std::make_unique<ReadScratch>();
    return *part_;
  }
  std::byte* part_elements(std::size_t bytes) { return chunk_.reserve(bytes); }

 private:
  friend class DatasetReader;
  GrowingBuffer window_;  // bytes as they lie in the file
  GrowingBuffer chunk_;   // elements before decoding
  GrowingBuffer whole_;   // stored elements of which a number is only a part
  FilterScratch filters_;
  std::vector<std::int64_t> pieces_;  // row-major positions of the chunks of one read
  std::unique_ptr<ReadScratch> part_;
};

// Thread-safe: read() may run in many threads, each with its own scratch.
class DatasetReader {
 public:
  // Looks at the file, or at those of its parts when they are read; none stays open for it
  // (io/open_inputs.h). map: as probe_maps returned it (nothing unless chunked and direct, or put
  // together). Throws Error (input) if the file cannot be opened or is not the one that was probed
  // (size or time of last change differ), as read() does where it has to open it again.
  DatasetReader(Dataset dataset, ChunkMap map);
  ~DatasetReader();
  DatasetReader(const DatasetReader&) = delete;
  DatasetReader& operator=(const DatasetReader&) = delete;

  // Reads the elements of box, which lies inside the shape, into out: dense row-major, of type
  // dataset().dtype. Reads only chunks that meet the box; a chunk that was never written gives the
  // fill value. out need not be aligned. Throws Error (input) naming file, data set and chunk.
  void read(const Box& box, std::byte* out, ReadScratch& scratch, ReadStats& stats) const;

  // The box, which lies inside the shape, will be read soon: has the system bring what of it lies
  // in the file and not in memory, at most the first so many bytes. Any thread. Throws as read()
  // does if a file cannot be opened, and for nothing else.
  void expect(const Box& box, std::int64_t most, ReadStats& stats) const;
  // How many bytes of the file that are, at most `most`.
  std::int64_t stored_bytes(const Box& box, std::int64_t most) const;

  const Dataset& dataset() const { return dataset_; }

 private:
  class Window;
  void find_pieces(const Box& box, std::vector<std::int64_t>& pieces) const;
  bool read_straight(const PosixFile& file, const Extents& coordinate, const ChunkExtent& extent,
                     const Box& box, std::byte* out, ReadStats& stats) const;
  void read_chunks(const Box& box, std::byte* out, ReadScratch& scratch, ReadStats& stats) const;
  void read_chunk(const Extents& coordinate, const ChunkExtent& extent, const std::byte* stored,
                  const Box& box, std::byte* out, ReadScratch& scratch) const;
  void take_numbers(std::byte* stored, std::byte* numbers, std::int64_t count) const;
  void expect_contiguous(const Box& box, std::int64_t most, ReadStats& stats) const;
  void fill_part(const Box& part, const Box& box, std::byte* out) const;
  void read_contiguous(const Box& box, std::byte* out, ReadScratch& scratch,
                       ReadStats& stats) const;
  void read_slow(const Box& box, std::byte* out, ReadScratch& scratch, ReadStats& stats) const;
  std::uint64_t end_of_neighbours(std::span<const std::int64_t> pieces, std::size_t i) const;
  std::uint64_t block_bytes(const Box& box) const;
  void check_size(const ChunkExtent& extent) const;
  Box stored_box(const Extents& coordinate) const;
  std::string place(const Extents& coordinate) const;

  Dataset dataset_;
  ChunkIndex index_;
  Extents counts_;                              // chunks per axis
  std::size_t element_size_ = 0;                // of the number
  std::size_t stored_size_ = 0;                 // from one stored element to the next
  std::size_t result_size_ = 0;                 // decoded
  std::vector<std::byte> fill_;                 // one decoded element
  std::shared_ptr<const InputFile> file_;       // unless it is put together
  std::unique_ptr<Reopened<SlowReader>> slow_;  // unless dataset_.direct
  std::unique_ptr<PartReader> parts_;           // if it is put together
};

// The most that a ReadScratch and the library take while boxes of at most a chunk are read.
// whole_chunks: all of them are chunks as they are stored.
std::int64_t reader_bytes(const Dataset& dataset, bool whole_chunks);

}  // namespace rankine::io
