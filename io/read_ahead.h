// Which chunks of a file are read next, told to the system in good time. Only for io.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "io/h5/file_info.h"
#include "io/posix_file.h"
#include "io/reader.h"

namespace rankine::io {

// Chunks in the order in which they are read. All it is made of must outlive it.
class PiecesAhead {
 public:
  // pieces: into the index. Never more than most_bytes are on their way; of a chunk that is longer
  // its first ones.
  PiecesAhead(const PosixFile& file, const ChunkIndex& index, std::span<const std::int64_t> pieces,
              std::int64_t most_bytes)
      : file_(file),
        index_(index),
        pieces_(pieces),
        most_bytes_(most_bytes) {}

  // Piece i, which follows the one before, is read now: tells of those behind it. Not for each one:
  // neighbours in the file go by one call.
  void go_on(std::size_t i, ReadStats& stats);
  // None is read yet: tells of the first ones.
  void begin(ReadStats& stats);

 private:
  const ChunkExtent& extent(std::size_t i) const {
    return index_[static_cast<std::size_t>(pieces_[i])];
  }
  std::int64_t weight(std::size_t i) const;
  void tell(ReadStats& stats);
  void tell_of_range(std::uint64_t offset, std::uint64_t size, ReadStats& stats);

  const PosixFile& file_;
  const ChunkIndex& index_;
  const std::span<const std::int64_t> pieces_;
  const std::int64_t most_bytes_;
  std::size_t next_ = 0;    // nothing was told from here on
  std::int64_t ahead_ = 0;  // the weight of those that were told of and not read
  int in_memory_ = 0;       // ranges in a row
  int passed_over_ = 0;     // ranges that were not asked for since, about
};

// How many bytes of these lie in the file, at most `most`.
std::int64_t stored_bytes(const ChunkIndex& index, std::span<const std::int64_t> pieces,
                          std::int64_t most);

}  // namespace rankine::io
