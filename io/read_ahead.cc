#include "io/read_ahead.h"

#include <algorithm>

#include "io/box_runs.h"
#include "io/part_reader.h"

namespace rankine::io {
namespace {

// Gaps so short are read along with what lies around them.
constexpr std::uint64_t kShortGap = 8192;
// After so many ranges that were in memory only one in so many is asked for.
constexpr int kManyInMemory = 16;

void tell_of(const PosixFile& file, std::uint64_t offset, std::uint64_t size, ReadStats& stats) {
  if (file.will_need(offset, size)) stats.bytes_ahead += static_cast<std::int64_t>(size);
}

}  // namespace

std::int64_t PiecesAhead::weight(std::size_t i) const {
  if (extent(i).address == ChunkExtent::kMissing) return 0;
  return std::min<std::int64_t>(extent(i).size, most_bytes_);
}

void PiecesAhead::go_on(std::size_t i, ReadStats& stats) {
  if (i < next_) {
    ahead_ -= weight(i);
  } else {
    next_ = i + 1;
  }
  // Later and more of them at one time.
  if (ahead_ <= most_bytes_ / 2) tell(stats);
}

void PiecesAhead::begin(ReadStats& stats) { tell(stats); }

// Invariant: ahead_ <= most_bytes_, whatever the sizes say.
void PiecesAhead::tell(ReadStats& stats) {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  for (; next_ < pieces_.size() && ahead_ + weight(next_) <= most_bytes_; ++next_) {
    const std::int64_t bytes = weight(next_);
    if (bytes == 0) continue;
    ahead_ += bytes;
    const std::uint64_t address = extent(next_).address;
    if (address != end) {
      tell_of_range(begin, end - begin, stats);
      begin = address;
    }
    end = address + static_cast<std::uint64_t>(bytes);
  }
  tell_of_range(begin, end - begin, stats);
}

// Where many small chunks lie apart and in memory, asking for each costs as much as reading it.
void PiecesAhead::tell_of_range(std::uint64_t offset, std::uint64_t size, ReadStats& stats) {
  if (size == 0) return;
  if (in_memory_ >= kManyInMemory && ++passed_over_ % kManyInMemory != 0) return;
  const std::int64_t before = stats.bytes_ahead;
  tell_of(file_, offset, size, stats);
  in_memory_ = stats.bytes_ahead == before ? in_memory_ + 1 : 0;
}

std::int64_t stored_bytes(const ChunkIndex& index, std::span<const std::int64_t> pieces,
                          std::int64_t most) {
  std::int64_t bytes = 0;
  for (const std::int64_t piece : pieces) {
    const ChunkExtent& extent = index[static_cast<std::size_t>(piece)];
    if (extent.address != ChunkExtent::kMissing) bytes += extent.size;
    if (bytes >= most) return most;
  }
  return bytes;
}

std::int64_t DatasetReader::stored_bytes(const Box& box, std::int64_t most) const {
  if (box.empty() || !dataset_.direct) return 0;
  if (parts_) return parts_->stored_bytes(box, most);
  if (dataset_.layout == Layout::kChunked) {
    std::vector<std::int64_t> pieces;
    find_pieces(box, pieces);
    return io::stored_bytes(index_, pieces, most);
  }
  if (dataset_.contiguous_address == ChunkExtent::kMissing) return 0;
  return std::min(most, box.size() * static_cast<std::int64_t>(stored_size_));
}

void DatasetReader::expect(const Box& box, std::int64_t most, ReadStats& stats) const {
  if (box.empty() || !dataset_.direct || most <= 0) return;
  if (parts_) return parts_->expect(box, most, stats);
  if (dataset_.layout != Layout::kChunked) return expect_contiguous(box, most, stats);
  std::vector<std::int64_t> pieces;
  find_pieces(box, pieces);
  const auto file = file_->get();
  PiecesAhead(*file, index_, pieces, most).begin(stats);
}

void DatasetReader::expect_contiguous(const Box& box, std::int64_t most, ReadStats& stats) const {
  if (dataset_.contiguous_address == ChunkExtent::kMissing) return;
  const auto file = file_->get();
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  auto left = static_cast<std::uint64_t>(most);  // gaps count, too
  for_each_run(box, Box::whole(dataset_.shape), box,
               [&](std::int64_t from, std::int64_t, std::int64_t count) {
                 const std::uint64_t offset =
                     dataset_.contiguous_address + static_cast<std::uint64_t>(from) * stored_size_;
                 const bool goes_on = end != 0 && offset - end <= kShortGap;
                 if (goes_on) left -= std::min(left, offset - end);
                 const std::uint64_t size =
                     std::min(left, static_cast<std::uint64_t>(count) * stored_size_);
                 left -= size;
                 if (size == 0) return;
                 if (!goes_on) {
                   tell_of(*file, begin, end - begin, stats);
                   begin = offset;
                 }
                 end = offset + size;
               });
  tell_of(*file, begin, end - begin, stats);
}

}  // namespace rankine::io
