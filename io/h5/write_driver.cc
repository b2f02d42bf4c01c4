#include "io/h5/write_driver.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "io/h5/output_spec.h"
#include "runtime/base/error.h"

namespace rankine::io {

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
  const int result = ::close(file->descriptor);
  if (result != 0) file->state->note("cannot close", errno);
  delete file;
  return result == 0 ? 0 : -1;
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
    return HADDR_UNDEF;
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
    return -1;
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

herr_t read_bytes(H5FD_t* base, H5FD_mem_t, hid_t, haddr_t address, size_t size, void* buffer) {
  const DriverFile* file = own(base);
  auto* to = static_cast<char*>(buffer);
  while (size > 0) {
    const ssize_t moved = ::pread(file->descriptor, to, size, static_cast<off_t>(address));
    if (moved < 0 && errno == EINTR) continue;
    if (moved < 0) {
      file->state->note("cannot read", errno);
      return -1;
    }
    if (moved == 0) {  // allocated but not yet written reads as zeros
      std::memset(to, 0, size);
      return 0;
    }
    to += moved;
    address += static_cast<haddr_t>(moved);
    size -= static_cast<size_t>(moved);
  }
  return 0;
}

herr_t write_bytes(H5FD_t* base, H5FD_mem_t, hid_t, haddr_t address, size_t size,
                   const void* buffer) {
  const DriverFile* file = own(base);
  State& state = *file->state;
  if (state.armed && address == state.address && size == state.size) {
    ++state.written;
    return 0;
  }
  if (address + size > kDataStart && address < state.data_end) {
    state.note("HDF5 wrote " + span_text(address, size) + ", over the data");
    return -1;
  }
  const auto* from = static_cast<const char*>(buffer);
  while (size > 0) {
    const ssize_t moved = ::pwrite(file->descriptor, from, size, static_cast<off_t>(address));
    if (moved < 0 && errno == EINTR) continue;
    if (moved <= 0) {
      state.note("cannot write", moved == 0 ? EIO : errno);
      return -1;
    }
    from += moved;
    address += static_cast<haddr_t>(moved);
    size -= static_cast<size_t>(moved);
  }
  return 0;
}

// Without this the file would be shorter than its end when the last block was never written.
herr_t truncate_file(H5FD_t* base, hid_t, hbool_t) {
  const DriverFile* file = own(base);
  const auto end = static_cast<off_t>(get_eoa(base, H5FD_MEM_DEFAULT));
  struct stat status {};
  if (::fstat(file->descriptor, &status) != 0 ||
      (status.st_size != end && ::ftruncate(file->descriptor, end) != 0)) {
    file->state->note("cannot set the length", errno);
    return -1;
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
