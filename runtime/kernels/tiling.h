// How a box is walked: its axes, merged where every array allows it, and the box of each tile.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/shape.h"
#include "runtime/kernels/evaluate.h"

namespace rankine::kernels {

// One axis of the walk. Axes are in the order of the box; the innermost is last.
struct WalkAxis {
  enum class Kind : std::uint8_t { kKept, kReduced, kGrouped } kind = Kind::kKept;
  std::int64_t extent = 1;
  std::int64_t tile = 1;          // elements of a whole tile along it
  std::int64_t dense_stride = 0;  // elements, of the whole box in row-major order
  std::int64_t state_stride = 0;  // kept elements; 0 if reduced
};

class Walk {
 public:
  static constexpr int kNoGroup = -1;

  // `reduced` has a bit per axis; `folds` says that results are folded into states, so that there
  // must be a group axis even if nothing is reduced. shape has no zero.
  Walk(const Extents& shape, std::span<const View> leaves, std::uint32_t reduced, bool folds);

  std::span<const WalkAxis> axes() const { return axes_; }
  int group() const { return group_; }  // the group axis, or kNoGroup
  std::int64_t leaf_stride(std::size_t leaf, std::size_t axis) const {
    return leaf_strides_[axis * leaf_count_ + leaf];
  }
  std::int64_t kept_elements() const { return kept_elements_; }

 private:
  void append(const WalkAxis& axis, std::span<const std::int64_t> strides);
  bool merges(const WalkAxis& axis, std::span<const std::int64_t> strides) const;
  void choose_tile();

  std::vector<WalkAxis> axes_;
  std::vector<std::int64_t> leaf_strides_;  // [axis][leaf], bytes
  std::size_t leaf_count_;
  int group_ = kNoGroup;
  std::int64_t kept_elements_ = 1;
};

}  // namespace rankine::kernels
