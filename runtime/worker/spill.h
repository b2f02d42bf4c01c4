// The scratch file of one graph on one rank: chunks that the plan does not keep in memory wait
// there for the tasks that need them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "io/posix_file.h"
#include "runtime/base/shape.h"
#include "runtime/base/spin_lock.h"

namespace rankine::worker {

class SpillFile;

// A dense row-major chunk in the file; its room is given back with the last owner.
class SpilledChunk {
 public:
  SpilledChunk(SpillFile& file, std::int64_t offset, std::int64_t bytes)
      : file_(file),
        offset_(offset),
        bytes_(bytes) {}
  ~SpilledChunk();
  SpilledChunk(const SpilledChunk&) = delete;
  SpilledChunk& operator=(const SpilledChunk&) = delete;

  // Any thread, without a lock. Copies the elements of `part`, each of `size` bytes, into the dense
  // array `out` over `target`; the chunk is the dense array over `whole`. Part lies in both. Takes
  // no more than plan::kSpillWindow of memory. Throws Error (task failed) naming the folder.
  void read(std::size_t size, const Box& whole, const Box& part, const Box& target,
            std::byte* out) const;
  std::int64_t offset() const { return offset_; }

 private:
  SpillFile& file_;
  std::int64_t offset_;
  std::int64_t bytes_;
};

// Thread-safe. Nothing is opened before the first write. Must outlive its chunks.
class SpillFile {
 public:
  explicit SpillFile(std::string folder) : folder_(std::move(folder)) {}

  // Not under a lock that others wait for: it writes. Throws Error (task failed) naming the folder
  // and the remedy.
  std::shared_ptr<const SpilledChunk> write(std::span<const std::byte> bytes);

  std::int64_t bytes_written() const;

 private:
  friend class SpilledChunk;
  void open();
  std::int64_t take_room(std::int64_t bytes);
  void give_back(std::int64_t offset, std::int64_t bytes);
  void read(std::span<std::byte> out, std::int64_t offset) const;

  const std::string folder_;
  std::mutex opening_;
  std::atomic<bool> opened_{false};
  io::PosixFile file_;
  mutable SpinLock lock_;  // protects the members below
  std::int64_t end_ = 0;
  std::int64_t written_ = 0;
  std::unordered_map<std::int64_t, std::vector<std::int64_t>> free_;  // offsets, by length
};

}  // namespace rankine::worker
