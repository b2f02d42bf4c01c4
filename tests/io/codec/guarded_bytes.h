// Bytes between pages that nobody may touch: a library that was built without sanitizers cannot
// read or write past them unseen.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <vector>

namespace rankine::io::test {

// They end where their page ends.
class GuardedBytes {
 public:
  explicit GuardedBytes(std::size_t most)
      : page_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))),
        pages_((most + page_ - 1) / page_ + 1) {
    memory_ = ::mmap(nullptr, (pages_ + 1) * page_, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory_ == MAP_FAILED || ::mprotect(memory_, page_, PROT_NONE) != 0 ||
        ::mprotect(static_cast<std::byte*>(memory_) + pages_ * page_, page_, PROT_NONE) != 0) {
      throw std::runtime_error("no guarded memory");
    }
  }
  ~GuardedBytes() { ::munmap(memory_, (pages_ + 1) * page_); }
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;

  std::span<std::byte> last(std::size_t bytes) {
    return {static_cast<std::byte*>(memory_) + pages_ * page_ - bytes, bytes};
  }
  std::span<std::byte> copy(std::span<const std::byte> bytes) {
    const auto to = last(bytes.size());
    std::copy(bytes.begin(), bytes.end(), to.begin());
    return to;
  }

 private:
  std::size_t page_;
  std::size_t pages_;
  void* memory_;
};

}  // namespace rankine::io::test
