// A vector of at most N trivially copyable elements, stored inside the object: no allocation,
// and a copy moves only the elements in use. Shapes, coordinates and boxes are made of it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <type_traits>

#include "runtime/base/varint.h"

namespace rankine {

template <class T, std::size_t N>
class InlineVector {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  using value_type = T;

  InlineVector() = default;
  explicit InlineVector(std::size_t count, T value = T{}) {
    check(count);
    size_ = static_cast<std::uint32_t>(count);
    for_few(count, [&](std::size_t i) { data_[i] = value; });
    if (count > kFew) std::fill(data_.begin() + kFew, data_.begin() + count, value);
  }
  InlineVector(std::initializer_list<T> values) { append(values.begin(), values.end()); }
  template <class Iterator>
  requires(!std::is_integral_v<Iterator>) InlineVector(Iterator first, Iterator last) {
    append(first, last);
  }
  InlineVector(const InlineVector& other) { *this = other; }
  InlineVector& operator=(const InlineVector& other) {
    size_ = other.size_;
    for_few(size_, [&](std::size_t i) { data_[i] = other.data_[i]; });
    if (size_ > kFew) {
      std::copy(other.data_.begin() + kFew, other.data_.begin() + size_, data_.begin() + kFew);
    }
    return *this;
  }

  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  T* begin() { return data_.data(); }
  T* end() { return data_.data() + size_; }
  const T* begin() const { return data_.data(); }
  const T* end() const { return data_.data() + size_; }
  T* data() { return data_.data(); }
  const T* data() const { return data_.data(); }
  T& back() { return data_[size_ - 1]; }
  const T& back() const { return data_[size_ - 1]; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  void clear() { size_ = 0; }
  void resize(std::size_t count, T value = T{}) {
    check(count);
    for (std::size_t i = size_; i < count; ++i) data_[i] = value;
    size_ = static_cast<std::uint32_t>(count);
  }
  void push_back(T value) {
    check(size_ + std::size_t{1});
    data_[size_++] = value;
  }
  void insert_at(std::size_t i, T value) {
    check(size_ + std::size_t{1});
    std::copy_backward(begin() + i, end(), end() + 1);
    data_[i] = value;
    ++size_;
  }

  bool operator==(const InlineVector& other) const {
    return std::equal(begin(), end(), other.begin(), other.end());
  }

  // Integers travel with variable length: most extents and axes take one or two bytes.
  template <class Archive>
  void save(Archive& archive) const {
    archive(Varint{static_cast<std::int64_t>(size_)});
    for (const T& value : *this) {
      if constexpr (std::is_integral_v<T>) {
        archive(Varint{static_cast<std::int64_t>(value)});
      } else {
        archive(value);
      }
    }
  }
  template <class Archive>
  void load(Archive& archive) {
    Varint count;
    archive(count);
    if (count.value < 0) throw std::length_error("a negative count in an archive");
    resize(static_cast<std::size_t>(count.value));
    for (T& value : *this) {
      if constexpr (std::is_integral_v<T>) {
        Varint number;
        archive(number);
        value = static_cast<T>(number.value);
      } else {
        archive(value);
      }
    }
  }

 private:
  template <class Iterator>
  void append(Iterator first, Iterator last) {
    for (; first != last; ++first) push_back(static_cast<T>(*first));
  }
  // Most vectors have few elements, which are moved one by one: a call costs more, and so do wider
  // moves of what was just written.
  static constexpr std::size_t kFew = 4;
  static_assert(N >= kFew);
  template <class Each>
  static void for_few(std::size_t count, const Each& each) {
    if (count > 0) each(0);
    if (count > 1) each(1);
    if (count > 2) each(2);
    if (count > 3) each(3);
  }
  static void check(std::size_t count) {
    if (count > N) throw std::length_error("more axes than an array may have (32)");
  }

  std::uint32_t size_ = 0;
  std::array<T, N> data_;  // elements past size_ are indeterminate and never read
};

}  // namespace rankine
