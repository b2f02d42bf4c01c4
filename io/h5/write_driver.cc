#include "io/h5/write_driver.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>
#include <unordered_map>

#include "io/h5/output_spec.h"
#include "runtime/base/error.h"

namespace rankine::io {
namespace {

// What could not be written, page by page. HDF5 1.10 crashes at the end of the program over a file
// that it failed to close, so it is never told of a failure: from the first one on, writes go here,
// and the caller asks for the problem. Bounded by HDF5's metadata cache and one variable's data.
class Overlay {
 public:
  // load(address, bytes, to) reads what the file holds.
  template <class Load>
  void write(std::uint64_t address, std::size_t size, const char* from, Load&& load) {
    for_each_page(address, size, [&](std::uint64_t page, std::size_t at, std::size_t count) {
      auto [found, added] = pages_.try_emplace(page);
      if (added) load(page * kPage, kPage, found->second.data());
      std::memcpy(found->second.data() + at, from, count);
      from += count;
    });
  }
  // Lays the pages over what was read from the file.
  void read(std::uint64_t address, std::size_t size, char* to) const {
    if (pages_.empty()) return;
    for_each_page(address, size, [&](std::uint64_t page, std::size_t at, std::size_t count) {
      const auto found = pages_.find(page);
      if (found != pages_.end()) std::memcpy(to, found->second.data() + at, count);
      to += count;
    });
  }

 private:
  static constexpr std::size_t kPage = 4096;

  template <class Visit>
  static void for_each_page(std::uint64_t address, std::size_t size, Visit&& visit) {
    while (size > 0) {
      const std::size_t at = address % kPage;
      const std::size_t count = std::min(size, kPage - at);
      visit(address / kPage, at, count);
      address += count;
      size -= count;
    }
  }

  std::unordered_map<std::uint64_t, std::array<char, kPage>> pages_;
};

}  // namespace

// Shared with the open file, which HDF5 may close as late as at the end of the program.
struct WriteDriver::State : std::enable_shared_from_this<State> {
  std::uint64_t data_end = kDataStart;
  std::uint64_t low_end = 0;   // allocated from 0 on, at most kDataStart
  std::uint64_t high_end = 0;  // allocated from data_end on
  bool fresh = true;           // nothing allocated: HDF5 must take the file for an empty one

  bool armed = false;
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  int allocated = 0;  // how often while armed
  int written = 0;

  std::string problem;
  int error_number = 0;
  Overlay overlay;  // empty unless there is a problem

  void note(std::string what, int number = 0) {
    if (!problem.empty()) return;
    if (number != 0) what += ": " + std::generic_category().message(number);
    problem = std::move(what);
    error_number = number;
  }
};

namespace {

using State = WriteDriver::State;

struct DriverFile {
  H5FD_t base;  // first: HDF5 sees only this
  std::shared_ptr<State> state;
  int descriptor;
};

// What H5Pset_driver copies; used only to open the file.
struct DriverInfo {
  State* state;
};

DriverFile* own(H5FD_t* file) { return reinterpret_cast<DriverFile*>(file); }
const DriverFile* own(const H5FD_t* file) { return reinterpret_cast<const DriverFile*>(file); }

std::string span_text(std::uint64_t address, std::uint64_t size) {
  return std::to_string(size) + " bytes at " + std::to_string(address);
}

H5FD_t* open_file(const char* name, unsigned flags, hid_t fapl, haddr_t) {
  const auto* info = static_cast<const DriverInfo*>(H5Pget_driver_info(fapl));
  if (info == nullptr) return nullptr;
  const int access = (flags & H5F_ACC_RDWR) != 0 ? O_RDWR : O_RDONLY;
  const int descriptor = ::open(name, access | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) {
    info->state->note("cannot open", errno);
    return nullptr;
  }
  return &(new DriverFile{{}, info->state->shared_from_this(), descriptor})->base;
}

herr_t close_file(H5FD_t* base) {
  DriverFile* file = own(base);
  if (::close(file->descriptor) != 0) file->state->note("cannot close", errno);
  delete file;
  return 0;
}

herr_t query(const H5FD_t*, unsigned long* flags) {
  // Small data must not be aggregated: a chunk would then come out of a block allocated earlier.
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA;
  return 0;
}

haddr_t allocate_elsewhere(State& state, hsize_t size) {
  state.fresh = false;
  if (size <= kDataStart && state.low_end + size <= kDataStart) {
    state.low_end += size;
    return state.low_end - size;
  }
  state.high_end += size;
  return state.high_end - size;
}

haddr_t allocate(H5FD_t* base, H5FD_mem_t type, hid_t, hsize_t size) {
  State& state = *own(base)->state;
  if (!state.armed || type != H5FD_MEM_DRAW) return allocate_elsewhere(state, size);
  if (++state.allocated > 1 || size != state.size) {
    state.note("HDF5 allocated " + std::to_string(size) + " bytes where a chunk of " +
               std::to_string(state.size) + " was expected once");
    return allocate_elsewhere(state, size);
  }
  return state.address;
}

haddr_t get_eoa(const H5FD_t* base, H5FD_mem_t) {
  const State& state = *own(base)->state;
  return state.fresh ? 0 : state.high_end;
}

// HDF5 moves the end itself for the superblock, when it extends the last block, and when it gives
// the tail of the last block back. The data stay inside in every case.
herr_t set_eoa(H5FD_t* base, H5FD_mem_t, haddr_t address) {
  State& state = *own(base)->state;
  if (state.fresh && address <= kDataStart) {
    state.low_end = address;
    state.fresh = address == 0;
    return 0;
  }
  if (address < state.data_end) {
    state.note("HDF5 put the end of the file to " + std::to_string(address) + ", inside the data");
    return 0;
  }
  state.high_end = address;
  return 0;
}

haddr_t get_eof(const H5FD_t* base, H5FD_mem_t) {
  const DriverFile* file = own(base);
  if (file->state->fresh) return 0;
  struct stat status {};
  if (::fstat(file->descriptor, &status) != 0) return HADDR_UNDEF;
  return static_cast<haddr_t>(status.st_size);
}

// What the file does not hold reads as zeros: allocated, but not yet written.
bool load(const DriverFile& file, std::uint64_t address, std::size_t size, char* to) {
  while (size > 0) {
    const ssize_t moved = ::pread(file.descriptor, to, size, static_cast<off_t>(address));
    if (moved < 0 && errno == EINTR) continue;
    if (moved < 0) file.state->note("cannot read", errno);
    if (moved <= 0) {
      std::memset(to, 0, size);
      return moved == 0;
    }
    to += moved;
    address += static_cast<std::uint64_t>(moved);
    size -= static_cast<std::size_t>(moved);
  }
  return true;
}

herr_t read_bytes(H5FD_t* base, H5FD_mem_t, hid_t, haddr_t address, size_t size, void* buffer) {
  const DriverFile* file = own(base);
  if (!load(*file, address, size, static_cast<char*>(buffer))) return -1;
  file->state->overlay.read(address, size, static_cast<char*>(buffer));
  return 0;
}

bool store(const DriverFile& file, std::uint64_t address, std::size_t size, const char* from) {
  while (size > 0) {
    const ssize_t moved = ::pwrite(file.descriptor, from, size, static_cast<off_t>(address));
    if (moved < 0 && errno == EINTR) continue;
    if (moved <= 0) {
      file.state->note("cannot write", moved == 0 ? EIO : errno);
      return false;
    }
    from += moved;
    address += static_cast<std::uint64_t>(moved);
    size -= static_cast<std::size_t>(moved);
  }
  return true;
}

herr_t write_bytes(H5FD_t* base, H5FD_mem_t, hid_t, haddr_t address, size_t size,
                   const void* buffer) {
  const DriverFile* file = own(base);
  State& state = *file->state;
  if (state.armed && address == state.address && size == state.size) {
    ++state.written;
    return 0;
  }
  // Without data, metadata may lie across kDataStart: HDF5 joins what it writes.
  const bool touches = std::max(address, kDataStart) < std::min(address + size, state.data_end);
  if (touches) {
    state.note("HDF5 wrote " + span_text(address, size) + ", over the data");
  }
  const auto* from = static_cast<const char*>(buffer);
  if (state.problem.empty() && store(*file, address, size, from)) return 0;
  try {
    state.overlay.write(address, size, from, [&](std::uint64_t at, std::size_t count, char* to) {
      load(*file, at, count, to);
    });
  } catch (const std::bad_alloc&) {
    return -1;
  }
  return 0;
}

// Without this the file would be shorter than its end when the last block was never written.
// After a problem the file stays as it is: it is of no use to anybody.
herr_t truncate_file(H5FD_t* base, hid_t, hbool_t) {
  const DriverFile* file = own(base);
  if (!file->state->problem.empty()) return 0;
  const auto end = static_cast<off_t>(get_eoa(base, H5FD_MEM_DEFAULT));
  struct stat status {};
  if (::fstat(file->descriptor, &status) != 0 ||
      (status.st_size != end && ::ftruncate(file->descriptor, end) != 0)) {
    file->state->note("cannot set the length", errno);
  }
  return 0;
}

H5FD_class_t driver_class() {
  H5FD_class_t driver{};
  driver.name = "rankine_write";
  driver.maxaddr = static_cast<haddr_t>(INT64_MAX);
  driver.fc_degree = H5F_CLOSE_SEMI;  // closing with open objects is an error
  driver.fapl_size = sizeof(DriverInfo);
  driver.open = open_file;
  driver.close = close_file;
  driver.query = query;
  driver.alloc = allocate;
  driver.get_eoa = get_eoa;
  driver.set_eoa = set_eoa;
  driver.get_eof = get_eof;
  driver.read = read_bytes;
  driver.write = write_bytes;
  driver.truncate = truncate_file;
  const H5FD_mem_t map[] = H5FD_FLMAP_DICHOTOMY;
  std::copy(std::begin(map), std::end(map), driver.fl_map);
  return driver;
}

}  // namespace

WriteDriver::WriteDriver(std::uint64_t data_end) : state_(std::make_shared<State>()) {
  state_->data_end = std::max(data_end, kDataStart);
  state_->high_end = state_->data_end;
  static const H5FD_class_t kClass = driver_class();
  driver_ = H5FDregister(&kClass);
  if (driver_ < 0) throw Error(ExitCode::kTaskFailed, "HDF5 refused the file driver for writing");
}

WriteDriver::~WriteDriver() { H5FDunregister(driver_); }

void WriteDriver::install(hid_t fapl) {
  const DriverInfo info{state_.get()};
  if (H5Pset_driver(fapl, driver_, &info) < 0) {
    throw Error(ExitCode::kTaskFailed, "HDF5 refused the file driver for writing");
  }
}

void WriteDriver::arm(std::uint64_t address, std::uint64_t size) {
  state_->armed = true;
  state_->address = address;
  state_->size = size;
  state_->allocated = 0;
  state_->written = 0;
  if (address < kDataStart || address + size > state_->data_end) {
    state_->note(span_text(address, size) + " lie outside the data");
  }
}

bool WriteDriver::disarm() {
  state_->armed = false;
  if (state_->allocated != 1 || state_->written != 1) {
    state_->note("HDF5 allocated " + std::to_string(state_->allocated) + " and wrote " +
                 std::to_string(state_->written) + " times where it was once each");
  }
  return state_->problem.empty();
}

const std::string& WriteDriver::problem() const { return state_->problem; }
int WriteDriver::error_number() const { return state_->error_number; }
std::uint64_t WriteDriver::end() const { return state_->high_end; }

}  // namespace rankine::io
