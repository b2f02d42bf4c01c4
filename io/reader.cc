#include "io/reader.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "io/box_runs.h"
#include "io/byte_order.h"
#include "io/element.h"
#include "io/h5/slow_read.h"
#include "io/part_reader.h"
#include "io/read_ahead.h"
#include "runtime/base/error.h"
#include "runtime/base/stop_signals.h"

namespace rankine::io {
namespace {

// Between runs that lie no farther apart than this, reading the gap is cheaper than another call.
constexpr std::int64_t kWorthwhileGap = 8192;
// Runs of at least this size are read straight to where they belong.
constexpr std::size_t kLargeRun = 65536;

using Clock = std::chrono::steady_clock;

// Adds the time from its making to its end to a sum.
class Timer {
 public:
  explicit Timer(double& sum) : sum_(sum), start_(Clock::now()) {}
  ~Timer() { sum_ += std::chrono::duration<double>(Clock::now() - start_).count(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

 private:
  double& sum_;
  Clock::time_point start_;
};

bool is_chunked_here(const Dataset& dataset) {
  return dataset.direct && dataset.layout == Layout::kChunked;
}

std::vector<std::byte> decoded_fill(const Dataset& dataset) {
  std::vector<std::byte> stored(size_of(dataset.stored), std::byte{0});
  if (!dataset.fill.bytes.empty()) {
    if (dataset.fill.bytes.size() != stored.size()) {
      throw input_error("the fill value has another size than the elements",
                        dataset.file + ":" + dataset.path);
    }
    stored = dataset.fill.bytes;
  }
  std::vector<std::byte> result(size_of(dataset.dtype));
  decode_values(dataset.decode, stored.data(), result.data(), 1);
  return result;
}

void fill_run(std::span<const std::byte> value, std::byte* out, std::int64_t count) {
  if (std::ranges::all_of(value, [](std::byte b) { return b == std::byte{0}; })) {
    std::memset(out, 0, static_cast<std::size_t>(count) * value.size());
    return;
  }
  for (std::int64_t i = 0; i < count; ++i, out += value.size()) {
    std::memcpy(out, value.data(), value.size());
  }
}

}  // namespace

// A stretch of the file in memory.
class DatasetReader::Window {
 public:
  Window(const PosixFile& file, GrowingBuffer& buffer, ReadStats& stats)
      : file_(file),
        buffer_(buffer),
        stats_(stats) {}

  bool holds(std::uint64_t offset, std::size_t size) const {
    return offset >= begin_ && offset <= end_ && size <= end_ - offset;
  }

  // Reads at least [offset, offset + size), and on towards `limit` as far as kReadAheadBytes.
  void load(std::uint64_t offset, std::size_t size, std::uint64_t limit) {
    const Timer timer(stats_.read_s);
    const std::uint64_t ahead = limit > offset ? limit - offset : 0;
    const std::size_t wanted = std::max<std::size_t>(size, std::min(ahead, kReadAheadBytes));
    begin_ = end_ = 0;  // in case the read throws
    file_.pread_full({buffer_.reserve(wanted), wanted}, offset);
    begin_ = offset;
    end_ = offset + wanted;
    stats_.bytes_read += static_cast<std::int64_t>(wanted);
  }

  // Where the byte at `offset`, which the window holds, lies until the next load.
  std::byte* at(std::uint64_t offset) { return buffer_.data() + (offset - begin_); }

 private:
  const PosixFile& file_;
  GrowingBuffer& buffer_;
  ReadStats& stats_;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
};

DatasetReader::DatasetReader(Dataset dataset, ChunkMap map)
    : dataset_(std::move(dataset)),
      index_(std::move(map.index)),
      counts_(dataset_.grid.counts()),
      element_size_(size_of(dataset_.stored)),
      stored_size_(dataset_.element.is_number() ? element_size_ : dataset_.element.size),
      result_size_(size_of(dataset_.dtype)),
      fill_(decoded_fill(dataset_)) {
  if (dataset_.is_put_together()) {
    parts_ = std::make_unique<PartReader>(dataset_, std::move(map), fill_);
    return;
  }
  const std::string where = dataset_.file + ":" + dataset_.path;
  file_ = input_file(dataset_.file, dataset_.file_size, dataset_.file_mtime_ns);
  file_->get();
  const auto expected =
      is_chunked_here(dataset_) ? static_cast<std::size_t>(volume(counts_)) : std::size_t{0};
  if (index_.size() != expected) {
    throw input_error("the chunk index has " + std::to_string(index_.size()) + " entries for " +
                          std::to_string(expected) + " chunks",
                      where);
  }
  if (dataset_.direct) return;
  slow_ = std::make_unique<Reopened<SlowReader>>([this] {
    open_unchanged(dataset_.file, dataset_.file_size, dataset_.file_mtime_ns);
    for (const RawFile& raw : dataset_.raw_files) {
      open_unchanged(raw.path, raw.size, raw.mtime_ns);
    }
    return std::make_shared<const SlowReader>(dataset_.file, dataset_.path);
  });
  slow_->get();
}

DatasetReader::~DatasetReader() = default;

void DatasetReader::read(const Box& box, std::byte* out, ReadScratch& scratch,
                         ReadStats& stats) const {
  if (box.rank() != dataset_.shape.size() || !Box::whole(dataset_.shape).contains(box)) {
    throw input_error("the box from " + to_string(box.lo) + " to " + to_string(box.hi) +
                          " is not inside the shape " + to_string(dataset_.shape),
                      dataset_.file + ":" + dataset_.path);
  }
  if (box.empty()) return;
  if (parts_) return parts_->read(box, out, scratch, stats);
  if (!dataset_.direct) return read_slow(box, out, scratch, stats);
  if (dataset_.layout == Layout::kChunked) return read_chunks(box, out, scratch, stats);
  read_contiguous(box, out, scratch, stats);
}

std::string DatasetReader::place(const Extents& coordinate) const {
  return dataset_.file + ":" + dataset_.path + ", chunk " + to_string(coordinate);
}

// The whole chunk as it is stored: at the end of an axis it goes past the shape.
Box DatasetReader::stored_box(const Extents& coordinate) const {
  Box box{Extents(coordinate.size()), Extents(coordinate.size())};
  for (std::size_t axis = 0; axis < coordinate.size(); ++axis) {
    box.lo[axis] = coordinate[axis] * dataset_.chunk[axis];
    box.hi[axis] = box.lo[axis] + dataset_.chunk[axis];
  }
  return box;
}

// Where reading ahead from piece i may end: behind the chunks that follow it in the box and in the
// file without a gap.
std::uint64_t DatasetReader::end_of_neighbours(std::span<const std::int64_t> pieces,
                                               std::size_t i) const {
  const auto& first = index_[static_cast<std::size_t>(pieces[i])];
  std::uint64_t end = first.address + first.size;
  for (++i; i < pieces.size() && end - first.address < kReadAheadBytes; ++i) {
    const auto& next = index_[static_cast<std::size_t>(pieces[i])];
    if (next.address != end || end - first.address + next.size > kReadAheadBytes) break;
    end += next.size;
  }
  return end;
}

// The row-major positions of the chunks that meet the box.
void DatasetReader::find_pieces(const Box& box, std::vector<std::int64_t>& pieces) const {
  const Box chunks = dataset_.grid.chunks_over(box);
  pieces.clear();
  for_each_run(chunks, Box::whole(counts_), chunks,
               [&](std::int64_t position, std::int64_t, std::int64_t count) {
                 for (std::int64_t i = 0; i < count; ++i) pieces.push_back(position + i);
               });
}

void DatasetReader::read_chunks(const Box& box, std::byte* out, ReadScratch& scratch,
                                ReadStats& stats) const {
  auto& pieces = scratch.pieces_;
  find_pieces(box, pieces);
  const auto file = file_->get();
  Window window(*file, scratch.window_, stats);
  PiecesAhead ahead(*file, index_, pieces, kExpectedBytes);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    ahead.go_on(i, stats);
    if (StopSignals::received() != 0) throw stopped_by_signal();  // a box may hold many chunks
    const Extents coordinate = coordinate_of(pieces[i], counts_);
    const ChunkExtent& extent = index_[static_cast<std::size_t>(pieces[i])];
    if (extent.address == ChunkExtent::kMissing) {
      const Timer timer(stats.decode_s);
      fill_part(intersect(dataset_.grid.chunk_box(coordinate), box), box, out);
      continue;
    }
    try {
      check_size(extent);
      if (read_straight(*file, coordinate, extent, box, out, stats)) continue;
      if (!window.holds(extent.address, extent.size)) {
        window.load(extent.address, extent.size, end_of_neighbours(pieces, i));
      }
      const Timer timer(stats.decode_s);
      read_chunk(coordinate, extent, window.at(extent.address), box, out, scratch);
    } catch (Error& error) {
      error.where = place(coordinate);
      throw;
    }
  }
}

void DatasetReader::check_size(const ChunkExtent& extent) const {
  const auto chunk_bytes = static_cast<std::size_t>(volume(dataset_.chunk)) * stored_size_;
  if (extent.size > most_stored(dataset_.filters, chunk_bytes)) {
    throw input_error(
        "a stored chunk of " + std::to_string(extent.size) + " bytes is larger than it can be", "");
  }
}

// Whole chunks without filters go to where they belong without a copy. False: nothing was done.
bool DatasetReader::read_straight(const PosixFile& file, const Extents& coordinate,
                                  const ChunkExtent& extent, const Box& box, std::byte* out,
                                  ReadStats& stats) const {
  const Box chunk = stored_box(coordinate);
  const bool straight = dataset_.filters.empty() && dataset_.element.is_number() &&
                        dataset_.decode.in_place() && extent.size >= kLargeRun &&
                        extent.size == static_cast<std::size_t>(chunk.size()) * stored_size_ &&
                        box.contains(chunk) && is_one_run(chunk, box);
  if (!straight) return false;
  std::byte* target = out + position_in(box, chunk.lo) * result_size_;
  {
    const Timer timer(stats.read_s);
    file.pread_full({target, extent.size}, extent.address);
    stats.bytes_read += extent.size;
  }
  const Timer timer(stats.decode_s);
  take_numbers(target, target, chunk.size());
  decode_values(dataset_.decode, target, target, chunk.size());
  return true;
}

void DatasetReader::read_chunk(const Extents& coordinate, const ChunkExtent& extent,
                               const std::byte* stored, const Box& box, std::byte* out,
                               ReadScratch& scratch) const {
  const Box chunk = stored_box(coordinate);
  const Box part = intersect(chunk, box);
  const std::int64_t elements = chunk.size();
  const auto bytes = static_cast<std::size_t>(elements) * stored_size_;
  const bool is_edge = !Box::whole(dataset_.shape).contains(chunk);
  std::span<const Filter> filters = dataset_.filters;
  // The library reports no filter mask for edge chunks that it stored without filters.
  if (dataset_.raw_edge_chunks && is_edge) filters = {};

  const bool straight = part == chunk && is_one_run(part, box) && dataset_.decode.in_place();
  std::byte* elements_out =
      straight ? out + position_in(box, part.lo) * result_size_
               : scratch.chunk_.reserve(static_cast<std::size_t>(elements) * element_size_);
  std::byte* whole = dataset_.element.is_number() ? elements_out : scratch.whole_.reserve(bytes);
  undo_filters(filters, extent.filter_mask, {stored, extent.size}, {whole, bytes},
               scratch.filters_);
  take_numbers(whole, elements_out, elements);
  if (straight) {
    decode_values(dataset_.decode, elements_out, elements_out, elements);
    return;
  }
  for_each_run(part, chunk, box, [&](std::int64_t from, std::int64_t to, std::int64_t count) {
    decode_values(dataset_.decode, elements_out + from * element_size_, out + to * result_size_,
                  count);
  });
}

// Numbers in host order, from whole stored elements; in place where these are the numbers alone.
void DatasetReader::take_numbers(std::byte* stored, std::byte* numbers, std::int64_t count) const {
  const Element& element = dataset_.element;
  if (element.half) {
    take_halves(stored + element.offset, element.size, numbers, count, dataset_.big_endian);
    return;
  }
  if (!element.is_number()) {
    take_fields(stored + element.offset, element.size, numbers, element_size_, count);
  }
  if (dataset_.big_endian) swap_bytes(numbers, count, element_size_);
}

void DatasetReader::fill_part(const Box& part, const Box& box, std::byte* out) const {
  for_each_run(part, part, box, [&](std::int64_t, std::int64_t to, std::int64_t count) {
    fill_run(fill_, out + to * result_size_, count);
  });
}

// Bytes from the first to the last element of a box along its inner axes, as many of them as have
// gaps so small that reading them costs less than another call.
std::uint64_t DatasetReader::block_bytes(const Box& box) const {
  std::int64_t stride = static_cast<std::int64_t>(stored_size_);  // of the axis, in bytes
  std::int64_t span = stride;
  for (std::size_t axis = box.rank(); axis-- > 0;) {
    const std::int64_t length = box.hi[axis] - box.lo[axis];
    if (length > 1 && stride - span > kWorthwhileGap) break;
    span += stride * (length - 1);
    stride *= dataset_.shape[axis];
  }
  return static_cast<std::uint64_t>(span);
}

void DatasetReader::read_contiguous(const Box& box, std::byte* out, ReadScratch& scratch,
                                    ReadStats& stats) const {
  if (dataset_.contiguous_address == ChunkExtent::kMissing) return fill_part(box, box, out);
  const std::uint64_t block = block_bytes(box);
  std::uint64_t block_end = 0;
  const auto file = file_->get();
  Window window(*file, scratch.window_, stats);
  const auto read_run = [&](std::int64_t from, std::int64_t to, std::int64_t count) {
    const auto bytes = static_cast<std::size_t>(count) * stored_size_;
    const std::uint64_t offset =
        dataset_.contiguous_address + static_cast<std::uint64_t>(from) * stored_size_;
    if (offset >= block_end) block_end = offset + block;
    std::byte* target = out + to * result_size_;
    const bool straight =
        dataset_.element.is_number() && dataset_.decode.in_place() && bytes >= kLargeRun;
    if (straight) {
      const Timer timer(stats.read_s);
      file->pread_full({target, bytes}, offset);
      stats.bytes_read += static_cast<std::int64_t>(bytes);
    } else if (!window.holds(offset, bytes)) {
      window.load(offset, bytes, block_end);
    }
    const Timer timer(stats.decode_s);
    std::byte* stored = straight ? target : window.at(offset);
    std::byte* elements =
        dataset_.element.is_number()
            ? stored
            : scratch.chunk_.reserve(static_cast<std::size_t>(count) * element_size_);
    take_numbers(stored, elements, count);
    decode_values(dataset_.decode, elements, target, count);
  };
  // Pieces of a run, so that the window stays small; no byte is visited twice.
  const auto piece =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(kReadAheadBytes / stored_size_));
  for_each_run(box, Box::whole(dataset_.shape), box,
               [&](std::int64_t from, std::int64_t to, std::int64_t count) {
                 for (std::int64_t done = 0; done < count; done += piece) {
                   read_run(from + done, to + done, std::min(piece, count - done));
                 }
               });
}

void DatasetReader::read_slow(const Box& box, std::byte* out, ReadScratch& scratch,
                              ReadStats& stats) const {
  const std::int64_t count = box.size();
  const auto bytes = static_cast<std::size_t>(count) * element_size_;
  std::byte* elements = dataset_.decode.in_place() ? out : scratch.chunk_.reserve(bytes);
  {
    const Timer timer(stats.read_s);
    slow_->get()->read(box, elements);
    stats.bytes_read += static_cast<std::int64_t>(bytes);
  }
  const Timer timer(stats.decode_s);
  decode_values(dataset_.decode, elements, out, count);
}

}  // namespace rankine::io
