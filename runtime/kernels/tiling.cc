#include "runtime/kernels/tiling.h"

#include <algorithm>

namespace rankine::kernels {
namespace {

// See evaluate.h: a function of the reduced extents alone.
int group_axis(const Extents& shape, std::uint32_t reduced) {
  int longest = Walk::kNoGroup;
  for (std::size_t i = shape.size(); i-- > 0;) {
    if ((reduced >> i & 1) == 0) continue;
    if (shape[i] >= kGroupAxisLength) return static_cast<int>(i);
    if (longest < 0 || shape[i] > shape[static_cast<std::size_t>(longest)]) {
      longest = static_cast<int>(i);
    }
  }
  return longest;
}

// Pieces of at most `limit` elements, equally long but for the last.
std::int64_t balanced(std::int64_t extent, std::int64_t limit) {
  if (extent <= limit) return extent;
  const std::int64_t pieces = (extent + limit - 1) / limit;
  return (extent + pieces - 1) / pieces;
}

std::int64_t whole_groups(std::int64_t length) { return (length + kGroup - 1) / kGroup * kGroup; }

}  // namespace

Walk::Walk(const Extents& shape, std::span<const View> leaves, std::uint32_t reduced, bool folds)
    : leaf_count_(leaves.size()) {
  const int group = group_axis(shape, reduced);
  std::vector<std::int64_t> strides(leaf_count_, 0);
  Extents dense = row_major_strides(shape);
  Extents state(shape.size(), 0);
  for (std::size_t i = shape.size(); i-- > 0;) {
    if (reduced >> i & 1) continue;
    state[i] = kept_elements_;
    kept_elements_ *= shape[i];
  }
  // A group axis of one element may stand anywhere; in front it leaves long runs to the others.
  if (folds && (group < 0 || shape[static_cast<std::size_t>(group)] == 1)) {
    append({.kind = WalkAxis::Kind::kGrouped}, strides);
  }
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    for (std::size_t k = 0; k < leaf_count_; ++k) strides[k] = leaves[k].strides[i];
    const bool is_reduced = (reduced >> i & 1) != 0;
    const auto kind = static_cast<int>(i) == group ? WalkAxis::Kind::kGrouped
                      : is_reduced                 ? WalkAxis::Kind::kReduced
                                                   : WalkAxis::Kind::kKept;
    append({kind, shape[i], 1, dense[i], state[i]}, strides);
  }
  if (axes_.empty()) append({}, strides);
  for (std::size_t i = 0; i < axes_.size(); ++i) {
    if (axes_[i].kind == WalkAxis::Kind::kGrouped) group_ = static_cast<int>(i);
  }
  choose_tile();
}

bool Walk::merges(const WalkAxis& axis, std::span<const std::int64_t> strides) const {
  if (axes_.empty() || axes_.back().kind != axis.kind || axis.kind == WalkAxis::Kind::kGrouped) {
    return false;
  }
  const std::size_t outer = axes_.size() - 1;
  for (std::size_t k = 0; k < leaf_count_; ++k) {
    if (leaf_stride(k, outer) != strides[k] * axis.extent) return false;
  }
  return axes_[outer].dense_stride == axis.dense_stride * axis.extent &&
         axes_[outer].state_stride == axis.state_stride * axis.extent;
}

void Walk::append(const WalkAxis& axis, std::span<const std::int64_t> strides) {
  if (merges(axis, strides)) {
    axes_.back().extent *= axis.extent;
    axes_.back().dense_stride = axis.dense_stride;
    axes_.back().state_stride = axis.state_stride;
    std::copy(strides.begin(), strides.end(), leaf_strides_.end() - strides.size());
  } else {
    axes_.push_back(axis);
    leaf_strides_.insert(leaf_strides_.end(), strides.begin(), strides.end());
  }
}

// From the innermost axis outwards: whole axes while they fit, then part of one, then single
// elements. Tiles are visited in row-major order, so the groups must come out in row-major order of
// the reduced coordinates: along the group axis a tile is one group unless it holds all the axes
// further in.
void Walk::choose_tile() {
  const auto group = static_cast<std::size_t>(group_);
  std::int64_t elements = 1;
  bool open = true;  // all axes further in are whole
  for (std::size_t i = axes_.size(); i-- > 0;) {
    WalkAxis& axis = axes_[i];
    const bool inside_group = group_ != kNoGroup && i > group;
    const std::int64_t reserved = inside_group ? std::min(axes_[group].extent, kGroup) : 1;
    const std::int64_t room = std::max<std::int64_t>(1, kTileElements / (elements * reserved));
    if (axis.kind == WalkAxis::Kind::kGrouped) {
      const std::int64_t groups = open ? std::max(kGroup, room / kGroup * kGroup) : kGroup;
      axis.tile = std::min(axis.extent, whole_groups(balanced(axis.extent, groups)));
    } else {
      axis.tile = open ? balanced(axis.extent, room) : 1;
    }
    open = open && axis.tile == axis.extent;
    elements *= axis.tile;
  }
}

}  // namespace rankine::kernels
