// Reading a data set that is put together from others (io/parts.h).
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "io/parts.h"
#include "io/reader.h"

namespace rankine::io {

// Thread-safe, like DatasetReader, whose work it does.
class PartReader {
 public:
  // whole: lives as long as this. fill: one decoded element, for what no part has.
  PartReader(const Dataset& whole, ChunkMap map, std::span<const std::byte> fill);

  // As DatasetReader::read. Opens the sources it needs; errors name them.
  void read(const Box& box, std::byte* out, ReadScratch& scratch, ReadStats& stats) const;
  // As DatasetReader::expect and stored_bytes.
  void expect(const Box& box, std::int64_t most, ReadStats& stats) const;
  std::int64_t stored_bytes(const Box& box, std::int64_t most) const;

 private:
  void order_parts();
  std::span<const std::uint32_t> near(const Box& box) const;
  std::shared_ptr<const DatasetReader> source(std::size_t part) const;
  void read_part(std::size_t part, const Met& met, const Box& box, std::byte* out,
                 ReadScratch& scratch, ReadStats& stats) const;
  void place(const Mapping& mapping, const Met& met, const Box& source_box, const Box& box,
             const std::byte* elements, std::byte* out) const;

  // Readers that are kept at a time: each has the chunk index of its part once more.
  static constexpr std::size_t kMostKept = 48;

  const Dataset& whole_;
  ChunkMap map_;
  std::span<const std::byte> fill_;

  // Parts by where they begin along the axis on which they differ most, and the farthest end of
  // each and those before it: what meets a box is one range of this order, and a few beside it.
  std::size_t axis_ = 0;
  std::vector<std::uint32_t> order_;
  std::vector<std::int64_t> begins_;
  std::vector<std::int64_t> farthest_;
  bool disjoint_ = true;  // no two of them meet: none begins before those before it have ended

  mutable std::mutex mutex_;
  mutable std::vector<std::shared_ptr<const DatasetReader>> kept_;  // by part, or null
  mutable std::deque<std::size_t> kept_order_;                      // the oldest first
};

}  // namespace rankine::io
