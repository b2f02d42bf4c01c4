#include "io/part_reader.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <set>
#include <utility>

#include "io/box_runs.h"
#include "runtime/base/error.h"

namespace rankine::io {
namespace {

std::int64_t end_along(const Mapping& mapping, std::size_t axis) {
  return mapping.start[axis] + mapping.step[axis] * (mapping.count[axis] - 1) + 1;
}

// The smallest box of the source that holds what was met.
Box source_box(const Mapping& mapping, const Met& met) {
  Box box;
  for (std::size_t a = 0; a < mapping.source_axis.size(); ++a) {
    const std::int64_t axis = mapping.source_axis[a];
    std::int64_t lo = mapping.source_start[a];
    std::int64_t length = 1;
    if (axis >= 0) {
      const auto k = static_cast<std::size_t>(axis);
      lo += mapping.source_step[a] * met.first[k];
      length = mapping.source_step[a] * (met.count[k] - 1) + 1;
    }
    box.lo.push_back(lo);
    box.hi.push_back(lo + length);
  }
  return box;
}

bool is_dense(const Extents& steps, const Extents& counts) {
  for (std::size_t k = 0; k < steps.size(); ++k) {
    if (steps[k] != 1 && counts[k] != 1) return false;
  }
  return true;
}

// Per axis of the whole, how far apart neighbours lie in a box of the source, in elements.
Extents source_strides(const Mapping& mapping, const Box& box) {
  Extents strides(mapping.count.size(), 0);
  std::int64_t stride = 1;
  for (std::size_t a = mapping.source_axis.size(); a-- > 0;) {
    const std::int64_t axis = mapping.source_axis[a];
    if (axis >= 0) strides[static_cast<std::size_t>(axis)] = stride * mapping.source_step[a];
    stride *= box.hi[a] - box.lo[a];
  }
  return strides;
}

}  // namespace

PartReader::PartReader(const Dataset& whole, ChunkMap map, std::span<const std::byte> fill)
    : whole_(whole),
      map_(std::move(map)),
      fill_(fill),
      kept_(map_.parts.size()) {
  const std::string where = whole.file + ":" + whole.path;
  if (map_.parts.size() != whole.part_count || map_.maps.size() != whole.part_count) {
    throw input_error("the map of its parts has another length than their number", where);
  }
  for (const Part& part : map_.parts) {
    if (part.dataset.dtype == whole.stored) continue;
    throw input_error("a part has another type than the whole", where);
  }
  order_parts();
}

void PartReader::order_parts() {
  std::size_t most = 0;
  for (std::size_t axis = 0; axis < whole_.shape.size(); ++axis) {
    std::set<std::int64_t> begins;
    for (const Part& part : map_.parts) begins.insert(part.mapping.start[axis]);
    if (begins.size() > most) {
      most = begins.size();
      axis_ = axis;
    }
  }
  order_.resize(map_.parts.size());
  std::iota(order_.begin(), order_.end(), 0U);
  if (whole_.shape.empty()) return;
  const auto begin_of = [&](std::uint32_t part) { return map_.parts[part].mapping.start[axis_]; };
  std::ranges::stable_sort(order_, {}, begin_of);
  std::int64_t farthest = 0;
  for (const std::uint32_t part : order_) {
    disjoint_ = disjoint_ && begin_of(part) >= farthest;
    farthest = std::max(farthest, end_along(map_.parts[part].mapping, axis_));
    begins_.push_back(begin_of(part));
    farthest_.push_back(farthest);
  }
}

// Every part that meets the box is among these: those before end before the box begins, those
// behind begin where it has ended.
std::span<const std::uint32_t> PartReader::near(const Box& box) const {
  if (whole_.shape.empty()) return order_;
  const auto first = std::upper_bound(farthest_.begin(), farthest_.end(), box.lo[axis_]);
  const auto last = std::lower_bound(begins_.begin(), begins_.end(), box.hi[axis_]);
  const auto from = static_cast<std::size_t>(first - farthest_.begin());
  const auto to = static_cast<std::size_t>(last - begins_.begin());
  if (from >= to) return {};
  return std::span(order_).subspan(from, to - from);
}

// Who holds one may go on with it after it was given up here.
std::shared_ptr<const DatasetReader> PartReader::source(std::size_t part) const {
  {
    const std::lock_guard lock(mutex_);
    if (kept_[part]) return kept_[part];
  }
  auto reader = std::make_shared<const DatasetReader>(map_.parts[part].dataset, map_.maps[part]);
  const std::lock_guard lock(mutex_);
  if (kept_[part]) return kept_[part];
  if (kept_order_.size() == kMostKept) {
    kept_[kept_order_.front()].reset();
    kept_order_.pop_front();
  }
  kept_order_.push_back(part);
  kept_[part] = reader;
  return reader;
}

void PartReader::read(const Box& box, std::byte* out, ReadScratch& scratch,
                      ReadStats& stats) const {
  const auto parts = near(box);
  std::int64_t covered = 0;
  for (const std::uint32_t part : parts) {
    const auto met = meet(map_.parts[part].mapping, box);
    if (!met) continue;
    // Where parts may lie over each other, the sum of several says nothing.
    covered = disjoint_ ? covered + volume(met->count) : std::max(covered, volume(met->count));
  }
  if (covered < box.size()) {
    for (std::int64_t i = 0; i < box.size(); ++i) {
      std::memcpy(out + i * static_cast<std::int64_t>(fill_.size()), fill_.data(), fill_.size());
    }
  }
  for (const std::uint32_t part : parts) {
    const auto met = meet(map_.parts[part].mapping, box);
    if (met) read_part(part, *met, box, out, scratch, stats);
  }
}

void PartReader::expect(const Box& box, std::int64_t most, ReadStats& stats) const {
  for (const std::uint32_t part : near(box)) {
    const auto met = meet(map_.parts[part].mapping, box);
    if (!met || most <= 0) continue;
    const Box from = source_box(map_.parts[part].mapping, *met);
    const auto reader = source(part);
    reader->expect(from, most, stats);
    most -= reader->stored_bytes(from, most);
  }
}

std::int64_t PartReader::stored_bytes(const Box& box, std::int64_t most) const {
  std::int64_t bytes = 0;
  for (const std::uint32_t part : near(box)) {
    const auto met = meet(map_.parts[part].mapping, box);
    if (!met || bytes >= most) continue;
    const Box from = source_box(map_.parts[part].mapping, *met);
    bytes += source(part)->stored_bytes(from, most - bytes);
  }
  return bytes;
}

void PartReader::read_part(std::size_t part, const Met& met, const Box& box, std::byte* out,
                           ReadScratch& scratch, ReadStats& stats) const {
  const Mapping& mapping = map_.parts[part].mapping;
  const auto reader = source(part);
  const Box from = source_box(mapping, met);
  const std::size_t size = size_of(whole_.stored);
  if (from.size() == volume(met.count) && is_dense(mapping.step, met.count)) {
    Box to;
    for (std::size_t k = 0; k < box.rank(); ++k) {
      to.lo.push_back(mapping.start[k] + mapping.step[k] * met.first[k]);
      to.hi.push_back(to.lo[k] + met.count[k]);
    }
    if (is_one_run(to, box) && whole_.decode.in_place()) {
      std::byte* target = out + position_in(box, to.lo) * static_cast<std::int64_t>(size);
      reader->read(from, target, scratch.of_part(), stats);
      return decode_values(whole_.decode, target, target, to.size());
    }
  }
  std::byte* elements = scratch.part_elements(static_cast<std::size_t>(from.size()) * size);
  reader->read(from, elements, scratch.of_part(), stats);
  place(mapping, met, from, box, elements, out);
}

// Row by row along the last axis; a row whose elements lie side by side at once.
void PartReader::place(const Mapping& mapping, const Met& met, const Box& source_box,
                       const Box& box, const std::byte* elements, std::byte* out) const {
  const auto stored = static_cast<std::int64_t>(size_of(whole_.stored));
  const auto result = static_cast<std::int64_t>(size_of(whole_.dtype));
  const Extents from = source_strides(mapping, source_box);
  const Extents box_strides = row_major_strides(box.shape());
  const std::size_t rank = box.rank();
  const std::int64_t row = rank == 0 ? 1 : met.count[rank - 1];
  const bool side_by_side =
      rank == 0 || row == 1 || (mapping.step[rank - 1] == 1 && from[rank - 1] == 1);
  Extents outer = met.count;
  if (rank > 0) outer[rank - 1] = 1;
  Extents at(rank, 0);
  do {
    std::int64_t source = 0;
    std::int64_t target = 0;
    for (std::size_t k = 0; k < rank; ++k) {
      const std::int64_t i = met.first[k] + at[k];
      source += at[k] * from[k];
      target += (mapping.start[k] + i * mapping.step[k] - box.lo[k]) * box_strides[k];
    }
    if (side_by_side) {
      decode_values(whole_.decode, elements + source * stored, out + target * result, row);
      continue;
    }
    for (std::int64_t i = 0; i < row; ++i) {
      decode_values(whole_.decode, elements + (source + i * from[rank - 1]) * stored,
                    out + (target + i * mapping.step[rank - 1]) * result, 1);
    }
  } while (next_coordinate(at, outer));
}

}  // namespace rankine::io
