#include "runtime/worker/spill.h"

#include <algorithm>
#include <cstring>

#include "io/box_runs.h"
#include "runtime/plan/footprint.h"

namespace rankine::worker {
namespace {

constexpr std::int64_t kPage = 4096;

std::int64_t whole_pages(std::int64_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

[[noreturn]] void fail(Error error) {
  error.exit_code = ExitCode::kTaskFailed;
  error.message = "chunks that do not fit the memory could not wait on disk: " + error.message;
  error.remedy =
      "free space there, name another folder by --scratch, or allow more memory by --memory";
  throw std::move(error);
}

// Short runs of a chunk, read together with what lies between them while they follow closely.
class Window {
 public:
  // Room for this many bytes of the chunk from `offset` on; `read` brings them.
  template <class Read>
  const std::byte* at(std::int64_t offset, std::int64_t bytes, std::int64_t end, Read&& read) {
    if (offset < begin_ || offset + bytes > end_) {
      const bool close = offset >= begin_ && offset < end_ + kPage;
      length_ = close ? std::min(2 * length_, plan::kSpillWindow) : kPage;
      begin_ = offset;
      end_ = std::min(end, offset + std::max(bytes, length_));
      if (static_cast<std::int64_t>(bytes_.size()) < end_ - begin_) {
        bytes_.resize(static_cast<std::size_t>(end_ - begin_));
      }
      read(std::span(bytes_).first(static_cast<std::size_t>(end_ - begin_)), begin_);
    }
    return bytes_.data() + (offset - begin_);
  }

 private:
  std::vector<std::byte> bytes_;
  std::int64_t begin_ = 0;
  std::int64_t end_ = 0;
  std::int64_t length_ = kPage;
};

}  // namespace

SpilledChunk::~SpilledChunk() { file_.give_back(offset_, bytes_); }

void SpilledChunk::read(std::size_t size, const Box& whole, const Box& part, const Box& target,
                        std::byte* out) const {
  Window window;
  const auto read = [&](std::span<std::byte> into, std::int64_t from) {
    file_.read(into, offset_ + from);
  };
  const auto element = static_cast<std::int64_t>(size);
  io::for_each_run(part, whole, target,
                   [&](std::int64_t from, std::int64_t to, std::int64_t count) {
                     std::byte* const to_here = out + to * element;
                     const std::int64_t bytes = count * element;
                     if (bytes >= kPage) {
                       read({to_here, static_cast<std::size_t>(bytes)}, from * element);
                     } else {
                       std::memcpy(to_here, window.at(from * element, bytes, bytes_, read),
                                   static_cast<std::size_t>(bytes));
                     }
                   });
}

void SpillFile::open() {
  if (opened_.load(std::memory_order_acquire)) return;
  const std::lock_guard lock(opening_);
  if (opened_.load(std::memory_order_relaxed)) return;
  file_ = io::PosixFile::create_unnamed(folder_);
  opened_.store(true, std::memory_order_release);
}

std::shared_ptr<const SpilledChunk> SpillFile::write(std::span<const std::byte> bytes) {
  try {
    open();
    const auto size = static_cast<std::int64_t>(bytes.size());
    auto chunk = std::make_shared<const SpilledChunk>(*this, take_room(size), size);
    file_.pwrite_full(bytes, static_cast<std::uint64_t>(chunk->offset()));
    return chunk;
  } catch (Error& error) {
    fail(std::move(error));
  }
}

void SpillFile::read(std::span<std::byte> out, std::int64_t offset) const {
  try {
    file_.pread_full(out, static_cast<std::uint64_t>(offset));
  } catch (Error& error) {
    fail(std::move(error));
  }
}

std::int64_t SpillFile::bytes_written() const {
  const std::lock_guard lock(lock_);
  return written_;
}

std::int64_t SpillFile::take_room(std::int64_t bytes) {
  const std::int64_t length = whole_pages(bytes);
  const std::lock_guard lock(lock_);
  written_ += bytes;
  if (std::vector<std::int64_t>& offsets = free_[length]; !offsets.empty()) {
    const std::int64_t offset = offsets.back();
    offsets.pop_back();
    return offset;
  }
  const std::int64_t offset = end_;
  end_ += length;
  return offset;
}

void SpillFile::give_back(std::int64_t offset, std::int64_t bytes) {
  const std::lock_guard lock(lock_);
  free_[whole_pages(bytes)].push_back(offset);
}

}  // namespace rankine::worker
