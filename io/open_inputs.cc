#include "io/open_inputs.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <tuple>
#include <utility>

#include "runtime/base/error.h"

namespace rankine::io {

std::size_t most_open_inputs() {
  static const std::size_t most = [] {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::size_t{8};
    return std::clamp<std::size_t>(limit.rlim_cur / 4, 8, 256);
  }();
  return most;
}

// The newest first. What a member returns is closed when its last user lets go of it: outside of
// the mutex, because closing may block, and takes the lock of the HDF5 library.
class OpenedList {
 public:
  using Opened = ReopenedThing::Opened;

  // Lives longer than whatever still reads when the process ends.
  static OpenedList& of_process() {
    static OpenedList& list = *new OpenedList;
    return list;
  }

  Opened use(const ReopenedThing& thing) {
    const std::lock_guard lock(mutex_);
    if (thing.opened_) newest_first_.splice(newest_first_.begin(), newest_first_, thing.place_);
    return thing.opened_;
  }

  // Another thread may have opened it meanwhile: then `opened` is given up, and its own is the one.
  // The second of the result is to be closed.
  std::pair<Opened, Opened> add(const ReopenedThing& thing, Opened opened) {
    const std::lock_guard lock(mutex_);
    if (thing.opened_) return {thing.opened_, std::move(opened)};
    newest_first_.push_front(&thing);
    thing.place_ = newest_first_.begin();
    thing.opened_ = opened;
    if (newest_first_.size() <= most_open_inputs()) return {std::move(opened), nullptr};
    return {std::move(opened), take(*newest_first_.back())};
  }

  Opened remove(const ReopenedThing& thing) {
    const std::lock_guard lock(mutex_);
    return thing.opened_ ? take(thing) : nullptr;
  }

 private:
  Opened take(const ReopenedThing& thing) {
    newest_first_.erase(thing.place_);
    return std::exchange(thing.opened_, nullptr);
  }

  std::mutex mutex_;
  std::list<const ReopenedThing*> newest_first_;
};

ReopenedThing::~ReopenedThing() { OpenedList::of_process().remove(*this); }

ReopenedThing::Opened ReopenedThing::get() const {
  OpenedList& list = OpenedList::of_process();
  if (Opened opened = list.use(*this)) return opened;
  return list.add(*this, open_()).first;
}

namespace {

// Rank 0 has seen the file. It may have made it a moment ago: then another host may not see it yet.
double patience_for(std::int64_t mtime_ns) {
  using std::chrono::nanoseconds;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return now - nanoseconds(mtime_ns) < std::chrono::minutes(1) ? 10 : 0;
}

}  // namespace

std::shared_ptr<const PosixFile> open_unchanged(const std::string& path, std::uint64_t size,
                                                std::int64_t mtime_ns) {
  auto file = std::make_shared<const PosixFile>(
      open_elsewhere([&] { return PosixFile::open_read(path); }, patience_for(mtime_ns)));
  if (file->size() == size && file->mtime_ns() == mtime_ns) return file;
  throw input_error("the file changed since it was opened", path,
                    "run again when nothing writes to it");
}

namespace {

using Identity = std::tuple<std::string, std::uint64_t, std::int64_t>;

// Those that somebody holds. An entry goes with the last holder.
class KnownInputs {
 public:
  static KnownInputs& of_process() {
    static KnownInputs& known = *new KnownInputs;
    return known;
  }

  std::shared_ptr<const InputFile> find(Identity identity) {
    const std::lock_guard lock(mutex_);
    auto& entry = known_[identity];
    if (auto file = entry.lock()) return file;
    const auto forget = [this, identity](const InputFile* file) {
      delete file;
      remove(identity);
    };
    const auto open = [identity] { return std::apply(open_unchanged, identity); };
    std::shared_ptr<const InputFile> file(new InputFile(open), forget);
    entry = file;
    return file;
  }

 private:
  // A new one may have come between the end of the last and this.
  void remove(const Identity& identity) {
    const std::lock_guard lock(mutex_);
    const auto entry = known_.find(identity);
    if (entry != known_.end() && entry->second.expired()) known_.erase(entry);
  }

  std::mutex mutex_;
  std::map<Identity, std::weak_ptr<const InputFile>> known_;
};

}  // namespace

std::shared_ptr<const InputFile> input_file(const std::string& path, std::uint64_t size,
                                            std::int64_t mtime_ns) {
  return KnownInputs::of_process().find({path, size, mtime_ns});
}

}  // namespace rankine::io
