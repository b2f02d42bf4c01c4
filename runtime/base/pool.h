// The accounted memory of one rank: every chunk a task reads, computes into, sends or receives
// comes from here, so that what a rank holds at most is a fact, not an estimate. (What users'
// functions hold while they run does not.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/base/spin_lock.h"

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

// Thread-safe. Freed blocks are kept by size class for reuse, so a steady state allocates nothing,
// as long as they and the blocks in use stay below a limit; a few small ones lie apart for each
// thread, so that threads with small tasks do not wait for each other. Must outlive its buffers.
class Pool {
 public:
  Pool() = default;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool();

  // What blocks in use and kept ones may take together, kLeastLimit at least; kept ones above it
  // are freed. Blocks in use are never refused: that they fit is the plan's business.
  void set_limit(std::int64_t bytes);
  static constexpr std::int64_t kLeastLimit = std::int64_t{1} << 20;
  // So many more bytes (fewer, if negative) of the limit are taken beside the pool for a while:
  // kept blocks make room for them.
  void set_aside(std::int64_t bytes);

  // Indeterminate contents. Throws Error (task failed) when the system has no memory.
  Buffer allocate(std::size_t bytes);
  SharedBuffer allocate_shared(std::size_t bytes) {
    return std::allocate_shared<Buffer>(Owners<Buffer>(*this), allocate(bytes));
  }

  // What an allocation of so many bytes takes: a block of the next size class, at most a quarter
  // longer (up to 256 bytes: a multiple of 64). Limit and peak count blocks.
  static std::size_t block_bytes(std::size_t bytes);

  // Blocks in use and kept ones, the most there were at one time.
  std::int64_t peak_bytes() const;

 private:
  friend class Buffer;
  // Kept small blocks. Threads share one only if there are more of them than stripes.
  struct alignas(64) Stripe {
    static constexpr std::size_t kClasses = 4;  // 64 to 256 bytes
    static constexpr std::uint32_t kBlocks = 16;
    static constexpr std::uint32_t kOwners = 64;
    SpinLock lock;  // never taken before Pool::lock_ by who holds this one
    std::uint32_t counts[kClasses] = {};
    std::byte* blocks[kClasses][kBlocks];
    std::uint32_t owner_count = 0;
    void* owners[kOwners];
  };
  // What a SharedBuffer needs beside its block, kept like small blocks but not counted.
  static constexpr std::size_t kOwnerBytes = 64;
  template <class T>
  struct Owners {
    using value_type = T;
    explicit Owners(Pool& of) : pool(&of) {}
    template <class U>
    Owners(const Owners<U>& other) : pool(other.pool) {}
    T* allocate(std::size_t count) {
      static_assert(sizeof(T) <= kOwnerBytes &&
                    alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
      return static_cast<T*>(count == 1 ? pool->take_owner() : ::operator new(count * sizeof(T)));
    }
    void deallocate(T* owner, std::size_t count) {
      return count == 1 ? pool->give_owner(owner) : ::operator delete(owner);
    }
    bool operator==(const Owners& other) const { return pool == other.pool; }
    Pool* pool;
  };
  static constexpr std::size_t kStripes = 16;
  static constexpr std::size_t kAlignment = 64;

  Stripe& own_stripe();
  void* take_owner();
  void give_owner(void* owner) noexcept;
  std::byte* take(std::size_t capacity);
  void release(std::byte* data, std::size_t capacity);
  std::byte* take_cached(std::size_t capacity);
  void shrink(std::int64_t room);  // holds lock_
  void drain_stripes();            // likewise

  static constexpr std::int64_t kDefaultLimit = std::int64_t{256} << 20;

  Stripe stripes_[kStripes];

  mutable SpinLock lock_;  // protects the members below
  std::int64_t limit_ = kDefaultLimit;
  std::int64_t aside_ = 0;
  std::int64_t taken_ = 0;  // in use and kept
  std::int64_t peak_ = 0;
  std::vector<std::pair<std::size_t, std::vector<std::byte*>>> cached_;  // by capacity
};

}  // namespace rankine
