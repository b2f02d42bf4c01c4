// An array in the memory of one process.
#pragma once

#include <cereal/cereal.hpp>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "runtime/base/dtype.h"
#include "runtime/base/shape.h"

namespace rankine {

// Owns its bytes: dense, row-major, host byte order.
class NdArray {
 public:
  NdArray() = default;
  NdArray(DType dtype, Extents shape, std::vector<std::byte> bytes)
      : dtype_(dtype),
        shape_(shape),
        bytes_(std::move(bytes)) {}

  const Extents& shape() const { return shape_; }
  DType dtype() const { return dtype_; }
  std::int64_t size() const { return volume(shape_); }
  const std::vector<std::byte>& bytes() const { return bytes_; }

  // The elements; T must be the C++ type of dtype(), else std::invalid_argument.
  template <class T>
  const T* data() const {
    if (dtype_for<T>() != dtype_) {
      throw std::invalid_argument("the array holds " + std::string(name_of(dtype_)) + ", not " +
                                  std::string(name_of(dtype_for<T>())));
    }
    return reinterpret_cast<const T*>(bytes_.data());
  }
  // The only element, converted; std::invalid_argument if there are more or none.
  template <class T>
  T item() const {
    if (size() != 1) throw std::invalid_argument("item() needs an array of one element");
    return visit_dtype(dtype_, [&](auto tag) {
      typename decltype(tag)::type value;
      std::memcpy(&value, bytes_.data(), sizeof value);
      return static_cast<T>(value);
    });
  }

  template <class Archive>
  void save(Archive& archive) const {
    archive(dtype_, shape_, cereal::make_size_tag(static_cast<cereal::size_type>(bytes_.size())));
    archive(cereal::binary_data(bytes_.data(), bytes_.size()));
  }
  template <class Archive>
  void load(Archive& archive) {
    cereal::size_type count = 0;
    archive(dtype_, shape_, cereal::make_size_tag(count));
    bytes_.resize(static_cast<std::size_t>(count));
    archive(cereal::binary_data(bytes_.data(), bytes_.size()));
  }

 private:
  DType dtype_ = DType::kFloat64;
  Extents shape_;
  std::vector<std::byte> bytes_;
};

}  // namespace rankine
