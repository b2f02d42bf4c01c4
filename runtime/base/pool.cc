#include "runtime/base/pool.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <string>
#include <utility>

#include "runtime/base/error.h"

namespace rankine {
namespace {

constexpr std::size_t kAlignment = 64;

}  // namespace

// Four classes per power of two.
std::size_t Pool::block_bytes(std::size_t bytes) {
  if (bytes <= 256) return 256;
  const std::size_t step = std::bit_floor(bytes - 1) / 4;
  return (bytes + step - 1) / step * step;
}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this != &other) {
    reset();
    pool_ = std::exchange(other.pool_, nullptr);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
  }
  return *this;
}

void Buffer::reset() {
  if (pool_ != nullptr) pool_->release(data_, capacity_);
  pool_ = nullptr;
  data_ = nullptr;
  size_ = capacity_ = 0;
}

Pool::~Pool() {
  for (auto& [capacity, blocks] : cached_) {
    for (std::byte* block : blocks) std::free(block);
  }
}

Buffer Pool::allocate(std::size_t bytes) {
  const std::size_t capacity = block_bytes(bytes);
  std::byte* data = take_cached(capacity);
  if (data == nullptr) {
    data = static_cast<std::byte*>(std::aligned_alloc(kAlignment, capacity));
    if (data == nullptr) {
      throw Error(ExitCode::kTaskFailed,
                  "no memory for a buffer of " + std::to_string(bytes) + " bytes", {},
                  "use smaller chunks or more ranks");
    }
  }
  const std::int64_t now =
      in_use_.fetch_add(static_cast<std::int64_t>(capacity)) + static_cast<std::int64_t>(capacity);
  std::int64_t peak = peak_.load(std::memory_order_relaxed);
  while (now > peak && !peak_.compare_exchange_weak(peak, now)) {
  }
  return Buffer(this, data, bytes, capacity);
}

std::byte* Pool::take_cached(std::size_t capacity) {
  const std::lock_guard lock(mutex_);
  for (auto& [size, blocks] : cached_) {
    if (size == capacity && !blocks.empty()) {
      std::byte* block = blocks.back();
      blocks.pop_back();
      cached_bytes_ -= static_cast<std::int64_t>(capacity);
      return block;
    }
  }
  return nullptr;
}

void Pool::release(std::byte* data, std::size_t capacity) {
  in_use_.fetch_sub(static_cast<std::int64_t>(capacity));
  {
    const std::lock_guard lock(mutex_);
    if (cached_bytes_ + static_cast<std::int64_t>(capacity) <= cache_limit_) {
      auto found = std::find_if(cached_.begin(), cached_.end(),
                                [&](const auto& entry) { return entry.first == capacity; });
      if (found == cached_.end()) found = cached_.insert(cached_.end(), {capacity, {}});
      found->second.push_back(data);
      cached_bytes_ += static_cast<std::int64_t>(capacity);
      return;
    }
  }
  std::free(data);
}

}  // namespace rankine
