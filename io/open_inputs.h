// Input files that are open: one descriptor for all that read from a file, and never many at a
// time.
//
// A run may read thousands of files and thousands of variables of each, and a process may have
// 1,024 descriptors. So nobody holds an input open for as long as it may be wanted, but for as long
// as it is used; between uses it stays open if few others do.
//
// The bound. What is open and unused stands in one list of the process, of at most
// most_open_inputs() entries: whoever adds one takes the oldest out in the same critical section.
// Beyond the list a thread has at most two open: the one it uses or has just opened (nobody uses
// two at a time), and one that it took out and is about to close. So there are at most
// most_open_inputs() + 2 x threads, however many files, readers and variables there are. Nobody
// waits for another to close.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "io/posix_file.h"

namespace rankine::io {

// A quarter of what the process may have open when it is first asked, from 8 to 256.
std::size_t most_open_inputs();

// What Reopened is whatever it opens. Only for it.
class ReopenedThing {
 public:
  ReopenedThing(const ReopenedThing&) = delete;
  ReopenedThing& operator=(const ReopenedThing&) = delete;

 protected:
  using Opened = std::shared_ptr<const void>;
  explicit ReopenedThing(std::function<Opened()> open) : open_(std::move(open)) {}
  ~ReopenedThing();
  Opened get() const;

 private:
  friend class OpenedList;
  const std::function<Opened()> open_;
  // Both of the list and under its mutex. Invariant: opened_ is set if and only if place_ is in it.
  mutable Opened opened_;
  mutable std::list<const ReopenedThing*>::iterator place_;
};

// Something that takes a descriptor, opened when it is wanted and as often as need be. Thread-safe.
template <class T>
class Reopened : private ReopenedThing {
 public:
  // open: may run in several threads at a time, and may block. Nothing is opened here.
  explicit Reopened(std::function<std::shared_ptr<const T>()> open)
      : ReopenedThing(std::move(open)) {}

  // Open for as long as the result lives, which is short: no longer than a read, and one at a time
  // in a thread. No system call if it is open. Throws what open throws.
  std::shared_ptr<const T> get() const {
    return std::static_pointer_cast<const T>(ReopenedThing::get());
  }
};

// The file, if it still has this size and time of last change. Waits for a file that another host
// has just made. Throws Error (input).
std::shared_ptr<const PosixFile> open_unchanged(const std::string& path, std::uint64_t size,
                                                std::int64_t mtime_ns);

using InputFile = Reopened<PosixFile>;

// The file of that name, size and time of last change, the same for all who ask while one of them
// holds it. Opens nothing; get() does what open_unchanged does.
std::shared_ptr<const InputFile> input_file(const std::string& path, std::uint64_t size,
                                            std::int64_t mtime_ns);

}  // namespace rankine::io
