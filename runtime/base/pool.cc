#include "runtime/base/pool.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <string>
#include <utility>

#include "runtime/base/error.h"

namespace rankine {
// Four classes per power of two.
std::size_t Pool::block_bytes(std::size_t bytes) {
  if (bytes <= 256)
    return std::max<std::size_t>(1, (bytes + kAlignment - 1) / kAlignment) * kAlignment;
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
  drain_stripes();
  for (Stripe& stripe : stripes_) {
    for (; stripe.owner_count > 0; --stripe.owner_count) {
      ::operator delete(stripe.owners[stripe.owner_count - 1]);
    }
  }
  for (auto& [capacity, blocks] : cached_) {
    for (std::byte* block : blocks) std::free(block);
  }
}

Buffer Pool::allocate(std::size_t bytes) {
  const std::size_t capacity = block_bytes(bytes);
  std::byte* data = take(capacity);
  if (data == nullptr) {
    data = static_cast<std::byte*>(std::aligned_alloc(kAlignment, capacity));
    if (data == nullptr) {
      const std::lock_guard lock(lock_);
      taken_ -= static_cast<std::int64_t>(capacity);
      throw Error(ExitCode::kTaskFailed,
                  "no memory for a buffer of " + std::to_string(bytes) + " bytes", {},
                  "use smaller chunks or more ranks");
    }
  }
  return Buffer(this, data, bytes, capacity);
}

Pool::Stripe& Pool::own_stripe() {
  static std::atomic<std::size_t> threads{0};
  thread_local const std::size_t number = threads.fetch_add(1, std::memory_order_relaxed);
  return stripes_[number % kStripes];
}

void* Pool::take_owner() {
  {
    Stripe& stripe = own_stripe();
    const std::lock_guard lock(stripe.lock);
    if (stripe.owner_count > 0) return stripe.owners[--stripe.owner_count];
  }
  return ::operator new(kOwnerBytes);
}

void Pool::give_owner(void* owner) noexcept {
  {
    Stripe& stripe = own_stripe();
    const std::lock_guard lock(stripe.lock);
    if (stripe.owner_count < Stripe::kOwners) {
      stripe.owners[stripe.owner_count++] = owner;
      return;
    }
  }
  ::operator delete(owner);
}

// As take_cached.
std::byte* Pool::take(std::size_t capacity) {
  const std::size_t size_class = capacity / kAlignment - 1;
  if (size_class >= Stripe::kClasses) return take_cached(capacity);
  {
    Stripe& stripe = own_stripe();
    const std::lock_guard lock(stripe.lock);
    std::uint32_t& count = stripe.counts[size_class];
    if (count > 0) return stripe.blocks[size_class][--count];
  }
  return take_cached(capacity);
}

// A kept block of the size, or null after others have made room for a new one.
std::byte* Pool::take_cached(std::size_t capacity) {
  const std::lock_guard lock(lock_);
  const auto found = std::find_if(cached_.begin(), cached_.end(), [&](const auto& entry) {
    return entry.first == capacity && !entry.second.empty();
  });
  if (found != cached_.end()) {
    std::byte* block = found->second.back();
    found->second.pop_back();
    return block;
  }
  shrink(static_cast<std::int64_t>(capacity));
  taken_ += static_cast<std::int64_t>(capacity);
  peak_ = std::max(peak_, taken_);
  return nullptr;
}

void Pool::drain_stripes() {
  for (Stripe& stripe : stripes_) {
    const std::lock_guard lock(stripe.lock);
    for (std::size_t size_class = 0; size_class < Stripe::kClasses; ++size_class) {
      std::uint32_t& count = stripe.counts[size_class];
      for (; count > 0; --count) {
        std::free(stripe.blocks[size_class][count - 1]);
        taken_ -= static_cast<std::int64_t>((size_class + 1) * kAlignment);
      }
    }
  }
}

// Frees kept blocks, those of threads and then the largest first, until `room` more bytes stay
// below the limit.
void Pool::shrink(std::int64_t room) {
  if (taken_ + room > limit_ - aside_) drain_stripes();
  while (taken_ + room > limit_ - aside_) {
    auto largest = cached_.end();
    for (auto entry = cached_.begin(); entry != cached_.end(); ++entry) {
      if (entry->second.empty()) continue;
      if (largest == cached_.end() || entry->first > largest->first) largest = entry;
    }
    if (largest == cached_.end()) return;
    std::free(largest->second.back());
    largest->second.pop_back();
    taken_ -= static_cast<std::int64_t>(largest->first);
  }
}

void Pool::set_limit(std::int64_t bytes) {
  const std::lock_guard lock(lock_);
  limit_ = std::max(bytes, kLeastLimit);
  shrink(0);
}

void Pool::set_aside(std::int64_t bytes) {
  const std::lock_guard lock(lock_);
  aside_ += bytes;
  shrink(0);
}

std::int64_t Pool::peak_bytes() const {
  const std::lock_guard lock(lock_);
  return peak_;
}

void Pool::release(std::byte* data, std::size_t capacity) {
  if (const std::size_t size_class = capacity / kAlignment - 1; size_class < Stripe::kClasses) {
    Stripe& stripe = own_stripe();
    const std::lock_guard lock(stripe.lock);
    std::uint32_t& count = stripe.counts[size_class];
    if (count < Stripe::kBlocks) {
      stripe.blocks[size_class][count++] = data;
      return;
    }
  }
  {
    const std::lock_guard lock(lock_);
    if (taken_ <= limit_ - aside_) {
      auto found = std::find_if(cached_.begin(), cached_.end(),
                                [&](const auto& entry) { return entry.first == capacity; });
      if (found == cached_.end()) found = cached_.insert(cached_.end(), {capacity, {}});
      found->second.push_back(data);
      return;
    }
    taken_ -= static_cast<std::int64_t>(capacity);
  }
  std::free(data);
}

}  // namespace rankine
