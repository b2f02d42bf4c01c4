// The accounted memory of one rank: every buffer a task reads, computes into, sends or receives
// comes from here, so that "bytes in use" and "peak" are facts, not estimates.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace rankine {

class Pool;

// Bytes, 64-byte aligned, owned by one holder; goes back to its pool when destroyed.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept { *this = std::move(other); }
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer() { reset(); }

  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  std::span<std::byte> bytes() { return {data_, size_}; }
  std::span<const std::byte> bytes() const { return {data_, size_}; }
  template <class T>
  T* as() {
    return reinterpret_cast<T*>(data_);
  }
  template <class T>
  const T* as() const {
    return reinterpret_cast<const T*>(data_);
  }
  explicit operator bool() const { return pool_ != nullptr; }
  void reset();

 private:
  friend class Pool;
  Buffer(Pool* pool, std::byte* data, std::size_t size, std::size_t capacity)
      : pool_(pool),
        data_(data),
        size_(size),
        capacity_(capacity) {}

  Pool* pool_ = nullptr;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

// Shared, immutable once published: a chunk that several tasks read.
using SharedBuffer = std::shared_ptr<Buffer>;

// Thread-safe. Freed blocks are kept by size class for reuse up to `cache_limit` bytes, so a
// steady state allocates nothing. Must outlive its buffers.
class Pool {
 public:
  explicit Pool(std::int64_t cache_limit = std::int64_t{256} << 20) : cache_limit_(cache_limit) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool();

  // Indeterminate contents. Throws Error (task failed) when the system has no memory.
  Buffer allocate(std::size_t bytes);
  SharedBuffer allocate_shared(std::size_t bytes) {
    return std::make_shared<Buffer>(allocate(bytes));
  }

  // What an allocation of so many bytes takes: a block of the next size class, at most a quarter
  // longer. bytes_in_use and peak_bytes count blocks.
  static std::size_t block_bytes(std::size_t bytes);

  std::int64_t bytes_in_use() const { return in_use_.load(std::memory_order_relaxed); }
  std::int64_t peak_bytes() const { return peak_.load(std::memory_order_relaxed); }

 private:
  friend class Buffer;
  void release(std::byte* data, std::size_t capacity);
  std::byte* take_cached(std::size_t capacity);

  const std::int64_t cache_limit_;
  std::atomic<std::int64_t> in_use_{0};
  std::atomic<std::int64_t> peak_{0};
  std::mutex mutex_;  // protects the members below
  std::vector<std::pair<std::size_t, std::vector<std::byte*>>> cached_;  // by capacity
  std::int64_t cached_bytes_ = 0;
};

}  // namespace rankine
