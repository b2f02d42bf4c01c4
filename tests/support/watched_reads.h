// What is read from files and what the system is told of beforehand, in order.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <mutex>
#include <vector>

#include "io/posix_file.h"

namespace rankine::testing {

struct WatchedCall {
  bool told;  // else read
  std::int64_t offset;
  std::int64_t size;
};

// While it lives, no byte counts as being in memory. One at a time; not while other threads read.
class WatchedReads {
 public:
  WatchedReads() {
    calls().clear();
    io::file_calls().preadv2 = in_no_memory;
    io::file_calls().fadvise = tell;
    io::file_calls().pread = read;
  }
  ~WatchedReads() { io::file_calls() = saved_; }
  WatchedReads(const WatchedReads&) = delete;
  WatchedReads& operator=(const WatchedReads&) = delete;

  static std::vector<WatchedCall>& calls() {
    static std::vector<WatchedCall> made;
    return made;
  }

 private:
  static void note(bool told, off_t offset, std::int64_t size) {
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    calls().push_back({told, offset, size});
  }
  static ssize_t in_no_memory(int, const iovec*, int, off_t, int) {
    errno = EAGAIN;
    return -1;
  }
  static int tell(int, off_t offset, off_t size, int advice) {
    if (advice == POSIX_FADV_WILLNEED) note(true, offset, size);
    return 0;
  }
  static ssize_t read(int descriptor, void* to, std::size_t size, off_t offset) {
    note(false, offset, static_cast<std::int64_t>(size));
    return ::pread(descriptor, to, size, offset);
  }

  io::FileCalls saved_ = io::file_calls();
};

}  // namespace rankine::testing
