// A block: the part of an array that one call of a user's function sees. Like std::span it owns
// nothing: Block<const T> is read, Block<T> is written. Valid during the call only.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

#include "runtime/base/shape.h"

namespace rankine {

// Where the elements of a block lie, in elements.
struct BlockLayout {
  Extents shape;       // without the halo
  Extents origin;      // index in the whole array of the first element that is not halo
  Extents before;      // elements of halo in front, per axis
  Extents full_shape;  // with the halo
  Extents strides;     // row-major over full_shape

  BlockLayout() = default;
  BlockLayout(const Extents& shape_, const Extents& origin_)
      : BlockLayout(shape_, origin_, Extents(shape_.size(), 0), shape_) {}
  BlockLayout(const Extents& shape_, const Extents& origin_, const Extents& before_,
              const Extents& full_shape_)
      : shape(shape_),
        origin(origin_),
        before(before_),
        full_shape(full_shape_),
        strides(row_major_strides(full_shape_)) {}
};

// Elements are dense and row-major. Indices count from the first element that is not halo: in a
// block with two elements of halo around, x(-2) to x(shape()[0] + 1) are there.
template <class T>
class Block {
 public:
  using element_type = T;

  Block(T* data, const BlockLayout& layout) : data_(data), core_(data), layout_(&layout) {
    for (std::size_t k = 0; k < layout.before.size(); ++k) {
      core_ += layout.before[k] * layout.strides[k];
    }
  }

  std::size_t rank() const { return layout_->shape.size(); }
  const Extents& shape() const { return layout_->shape; }  // without the halo
  const Extents& origin() const { return layout_->origin; }
  std::int64_t before(std::size_t axis) const { return layout_->before[axis]; }
  std::int64_t after(std::size_t axis) const {
    return layout_->full_shape[axis] - layout_->shape[axis] - layout_->before[axis];
  }

  // Everything, the halo included. Without a halo these are the block itself.
  const Extents& full_shape() const { return layout_->full_shape; }
  std::int64_t full_size() const { return volume(layout_->full_shape); }
  T* data() const { return data_; }
  T* begin() const { return data_; }
  T* end() const { return data_ + full_size(); }
  T& operator[](std::int64_t position) const { return data_[position]; }

  // One index per axis. Neither their number nor their range is checked.
  template <std::integral... I>
  T& operator()(I... index) const {
    const std::int64_t* stride = layout_->strides.data();
    std::int64_t offset = 0;
    ((offset += static_cast<std::int64_t>(index) * *stride++), ...);
    return core_[offset];
  }

 private:
  T* data_;
  T* core_;  // the first element that is not halo
  const BlockLayout* layout_;
};

}  // namespace rankine
