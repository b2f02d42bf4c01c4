// How an array is cut into chunks. One axis is a run-length list of chunk lengths, so a regular
// axis, one with a short first or last chunk, and an irregular one are the same thing, and the
// description is O(runs), never O(chunks), in memory and on the wire.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/base/shape.h"

namespace rankine {

// Half-open interval of indices along one axis.
struct Interval {
  std::int64_t lo = 0;
  std::int64_t hi = 0;
  bool empty() const { return lo >= hi; }
  std::int64_t length() const { return hi - lo; }
  bool operator==(const Interval&) const = default;
};

inline constexpr std::int64_t kLongestAxis = std::int64_t{1} << 62;

class AxisChunks {
 public:
  AxisChunks() = default;  // length 0, no chunks

  // Chunks of `chunk` elements, the last one shorter. chunk >= 1. Length 0 has no chunks.
  static AxisChunks regular(std::int64_t length, std::int64_t chunk);
  // The given chunk lengths (each >= 1), in order.
  static AxisChunks of(const std::vector<std::int64_t>& lengths);

  std::int64_t length() const { return length_; }
  std::int64_t count() const { return count_; }
  // The elements [lo, hi) of chunk i, 0 <= i < count().
  Interval chunk(std::int64_t i) const;
  // The chunk that holds element e, 0 <= e < length().
  std::int64_t chunk_at(std::int64_t element) const;
  // The chunks that meet the elements [lo, hi), clipped to the axis; empty for an empty interval.
  Interval chunks_over(Interval elements) const;
  std::int64_t longest() const;  // the longest chunk; 0 if there is none

  // The chunks of this axis restricted to [lo, hi): first and last may become shorter.
  AxisChunks clipped(Interval elements) const;
  // This axis followed by the other one.
  AxisChunks joined(const AxisChunks& other) const;

  bool operator==(const AxisChunks& other) const { return runs_ == other.runs_; }

  // count chunks of `length` elements each; start and first are the element and the chunk where
  // the run begins. Invariant: neighbouring runs have different lengths, so equal cuts have
  // equal runs.
  struct Run {
    std::int64_t length;
    std::int64_t count;
    std::int64_t start;
    std::int64_t first;
    bool operator==(const Run&) const = default;
  };
  const std::vector<Run>& runs() const { return runs_; }

  // On the wire: pairs (length, count) only, as variable-length integers (base/archive.h).
  template <class Archive>
  void save(Archive& archive) const;
  template <class Archive>
  void load(Archive& archive);

 private:
  void append(std::int64_t length, std::int64_t count);

  std::vector<Run> runs_;
  std::int64_t length_ = 0;
  std::int64_t count_ = 0;
};

// How many pairs (chunk of a, chunk of b) of two cuts of one axis share an element. O(runs).
std::int64_t overlapping_pairs(const AxisChunks& a, const AxisChunks& b);

class ChunkGrid {
 public:
  ChunkGrid() = default;
  explicit ChunkGrid(std::vector<AxisChunks> axes) : axes_(std::move(axes)) {}
  // Regular chunks; `chunk` has one entry >= 1 per axis.
  static ChunkGrid regular(const Extents& shape, const Extents& chunk);

  std::size_t rank() const { return axes_.size(); }
  const AxisChunks& axis(std::size_t i) const { return axes_[i]; }
  const std::vector<AxisChunks>& axes() const { return axes_; }
  Extents shape() const;   // elements per axis
  Extents counts() const;  // chunks per axis; 0-d arrays have one chunk
  std::int64_t chunk_count() const { return volume(counts()); }
  Box chunk_box(const Extents& coordinate) const;  // the elements of one chunk
  Box chunks_over(const Box& elements) const;      // the chunk coordinates that meet a box
  std::int64_t largest_chunk() const;              // elements of the largest chunk

  bool operator==(const ChunkGrid&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(axes_);
    check_rank();
  }

 private:
  void check_rank() const;  // throws Error (input) if there are more than kMaxAxes

  std::vector<AxisChunks> axes_;
};

}  // namespace rankine

#include "runtime/base/chunk_grid_archive.h"
