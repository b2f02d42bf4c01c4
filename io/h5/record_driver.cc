#include "io/h5/record_driver.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "io/h5/input_file.h"

#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

namespace rankine::io {
namespace {

constexpr std::ptrdiff_t kBetweenSigns = 1 << 20;  // look-ups: less than a second
constexpr haddr_t kMostAddress = (haddr_t{1} << 62) - 1;

// What HDF5 keeps per open file. The library casts between H5FD_t* and this, so H5FD_t is first.
struct RecordingFile {
  H5FD_t base{};
  int descriptor = -1;
  dev_t device = 0;
  ino_t inode = 0;
  haddr_t end_of_file = 0;
  haddr_t end_of_addresses = 0;
  bool armed = false;
  Recorder::Reads reads;
};

RecordingFile& file_of(H5FD_t* file) { return *reinterpret_cast<RecordingFile*>(file); }
const RecordingFile& file_of(const H5FD_t* file) {
  return *reinterpret_cast<const RecordingFile*>(file);
}

H5FD_t* open_file(const char* name, unsigned flags, hid_t, haddr_t) {
  if ((flags & (H5F_ACC_RDWR | H5F_ACC_TRUNC | H5F_ACC_CREAT)) != 0) return nullptr;
  auto file = std::make_unique<RecordingFile>();
  file->descriptor = ::open(name, O_RDONLY | O_CLOEXEC);
  if (file->descriptor < 0) return nullptr;
  struct stat status {};
  if (::fstat(file->descriptor, &status) != 0) {
    ::close(file->descriptor);
    return nullptr;
  }
  file->device = status.st_dev;
  file->inode = status.st_ino;
  file->end_of_file = static_cast<haddr_t>(status.st_size);
  return &file.release()->base;
}

herr_t close_file(H5FD_t* file) {
  const std::unique_ptr<RecordingFile> owned(&file_of(file));
  return ::close(owned->descriptor) == 0 ? 0 : -1;
}

int compare_files(const H5FD_t* left, const H5FD_t* right) {
  const auto& a = file_of(left);
  const auto& b = file_of(right);
  if (a.device != b.device) return a.device < b.device ? -1 : 1;
  if (a.inode != b.inode) return a.inode < b.inode ? -1 : 1;
  return 0;
}

herr_t query_features(const H5FD_t*, unsigned long* flags) {
  *flags = H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE;
  return 0;
}

haddr_t end_of_addresses(const H5FD_t* file, H5FD_mem_t) { return file_of(file).end_of_addresses; }
haddr_t end_of_file(const H5FD_t* file, H5FD_mem_t) { return file_of(file).end_of_file; }

herr_t set_end_of_addresses(H5FD_t* file, H5FD_mem_t, haddr_t address) {
  file_of(file).end_of_addresses = address;
  return 0;
}

herr_t get_handle(H5FD_t* file, hid_t, void** handle) {
  *handle = file;
  return 0;
}

// Fills what lies past the end of the file with zeros, as the library's own driver does.
herr_t read_plain(const RecordingFile& file, haddr_t address, std::size_t size, void* buffer) {
  auto* to = static_cast<char*>(buffer);
  while (size > 0) {
    const ssize_t got = ::pread(file.descriptor, to, size, static_cast<off_t>(address));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    to += got;
    size -= static_cast<std::size_t>(got);
    address += static_cast<haddr_t>(got);
  }
  std::memset(to, 0, size);
  return 0;
}

// Global heaps are raw data to the driver too, so while armed the caller must find exactly one
// read.
herr_t read_file(H5FD_t* h5_file, H5FD_mem_t type, hid_t, haddr_t address, std::size_t size,
                 void* buffer) {
  auto& file = file_of(h5_file);
  if (address > kMostAddress || size > kMostAddress - address) return -1;
  if (!file.armed || type != H5FD_MEM_DRAW) return read_plain(file, address, size, buffer);
  const bool outside = address + size > file.end_of_file;
  file.reads = {file.reads.count + 1, address, size, file.reads.outside || outside};
  return 0;
}

herr_t write_file(H5FD_t*, H5FD_mem_t, hid_t, haddr_t, std::size_t, const void*) { return -1; }

// Members by name, not by position: later versions of HDF5 have more of them. No lock callback, so
// inputs are opened without flock, which parallel file systems often lack.
H5FD_class_t recording_class() {
  H5FD_class_t driver{};
#if H5_VERSION_GE(1, 13, 0)
  driver.version = H5FD_CLASS_VERSION;
  driver.value = static_cast<H5FD_class_value_t>(H5_VFD_RESERVED + 1);
#endif
  driver.name = "rankine_record";
  driver.maxaddr = kMostAddress;
  driver.fc_degree = H5F_CLOSE_WEAK;
  driver.open = open_file;
  driver.close = close_file;
  driver.cmp = compare_files;
  driver.query = query_features;
  driver.get_eoa = end_of_addresses;
  driver.set_eoa = set_end_of_addresses;
  driver.get_eof = end_of_file;
  driver.get_handle = get_handle;
  driver.read = read_file;
  driver.write = write_file;
  const H5FD_mem_t kinds[H5FD_MEM_NTYPES] = H5FD_FLMAP_DICHOTOMY;
  std::memcpy(driver.fl_map, kinds, sizeof(kinds));
  return driver;
}

hid_t recording_driver() {
  static const H5FD_class_t driver = recording_class();
  static const hid_t id = H5FDregister(&driver);
  return id;
}

struct ChunkedShape {
  Extents chunk;
  Extents counts;  // chunks per axis
};

ChunkedShape shape_of_chunks(hid_t dataset, const std::string& where) {
  const H5Plist creation(H5Dget_create_plist(dataset), "read the layout", where);
  if (H5Pget_layout(creation) != H5D_CHUNKED) {
    throw input_error("the data set has no chunks to index", where);
  }
  const H5Space space(H5Dget_space(dataset), "read the shape", where);
  const int rank = h5_check(H5Sget_simple_extent_ndims(space), "read the shape", where);
  hsize_t extent[H5S_MAX_RANK];
  hsize_t chunk[H5S_MAX_RANK];
  h5_check(H5Sget_simple_extent_dims(space, extent, nullptr), "read the shape", where);
  const int chunk_rank = h5_check(H5Pget_chunk(creation, rank, chunk), "read chunk sizes", where);
  if (chunk_rank != rank) throw input_error("chunks and data set differ in rank", where);
  ChunkedShape result;
  for (int axis = 0; axis < rank; ++axis) {
    if (chunk[axis] == 0) throw input_error("a chunk has no length", where);
    result.chunk.push_back(static_cast<std::int64_t>(chunk[axis]));
    result.counts.push_back(
        static_cast<std::int64_t>(extent[axis] / chunk[axis] + (extent[axis] % chunk[axis] != 0)));
  }
  return result;
}

// One look-up in the index. False: the library has no address for the chunk.
bool locate(hid_t dataset, const hsize_t* offset, Recorder& recorder, ChunkExtent& extent,
            const std::string& where) {
  std::uint32_t mask = 0;
  char nothing = 0;  // the armed driver fills no buffer
  recorder.clear();
  const herr_t status = H5Dread_chunk(dataset, H5P_DEFAULT, offset, &mask, &nothing);
  const auto& reads = recorder.reads();
  if (status < 0) {
    H5Eclear2(H5E_DEFAULT);
    if (reads.count == 0) return false;
  }
  if (status < 0 || reads.count != 1 || reads.outside || reads.size > UINT32_MAX) {
    throw input_error("damaged chunk index: a chunk does not lie inside the file", where);
  }
  extent = {reads.address, static_cast<std::uint32_t>(reads.size), mask};
  return true;
}

// One walk through the index.
hsize_t count_stored(hid_t dataset, const std::string& where) {
  const H5Space space(H5Dget_space(dataset), "read the shape", where);
  hsize_t stored = 0;
  h5_check(H5Dget_num_chunks(dataset, space, &stored), "count the chunks", where);
  return stored;
}

}  // namespace

H5Plist recording_access() {
  H5Plist access(H5Pcreate(H5P_FILE_ACCESS), "prepare to open", "");
  const hid_t driver = h5_check(recording_driver(), "register the file driver", "");
  h5_check(H5Pset_driver(access, driver, nullptr), "set the file driver", "");
  return access;
}

Recorder::Recorder(hid_t file) {
  h5_check(H5Fget_vfd_handle(file, H5P_DEFAULT, &driver_file_), "reach the file driver", "");
  static_cast<RecordingFile*>(driver_file_)->armed = true;
  clear();
}

Recorder::~Recorder() { static_cast<RecordingFile*>(driver_file_)->armed = false; }
void Recorder::clear() { static_cast<RecordingFile*>(driver_file_)->reads = {}; }
const Recorder::Reads& Recorder::reads() const {
  return static_cast<const RecordingFile*>(driver_file_)->reads;
}

ChunkIndex record_index(const std::string& path, const std::string& dataset_path,
                        FunctionRef<void()> alive) {
  const std::string where = place_of(path, dataset_path);
  const H5Lock lock;
  const H5File file = open_input(path);
  const H5Dataset dataset = open_dataset(file, path, table_of(file, dataset_path));
  const auto [chunk, counts] = shape_of_chunks(dataset, where);
  const std::int64_t total = volume(counts);
  if (total > kMostChunks) {
    throw input_error("the data set has " + std::to_string(total) + " chunks, more than " +
                          std::to_string(kMostChunks),
                      where, "rewrite it with larger chunks");
  }
  ChunkIndex index(static_cast<std::size_t>(total));
  Recorder recorder(file);
  std::optional<hsize_t> stored;  // counted when a chunk is not found
  hsize_t found = 0;
  hsize_t offset[H5S_MAX_RANK] = {};
  Extents coordinate(counts.size());
  for (auto& extent : index) {
    for (std::size_t axis = 0; axis < counts.size(); ++axis) {
      offset[axis] = static_cast<hsize_t>(coordinate[axis] * chunk[axis]);
    }
    if (locate(dataset, offset, recorder, extent, where)) {
      ++found;
    } else if (!stored) {
      stored = count_stored(dataset, where);
    }
    if (stored && found == *stored) return index;
    next_coordinate(coordinate, counts);
    if ((&extent - index.data() + 1) % kBetweenSigns == 0) alive();
  }
  if (!stored) return index;
  // A chunk that was never written and a damaged index fail alike; only the count tells them apart.
  throw input_error("damaged chunk index: " + std::to_string(found) + " of " +
                        std::to_string(*stored) +
                        " stored chunks found; the HDF5 library gives fill values for the others",
                    where,
                    "it may come from an early version of HDF5 that numbered chunks otherwise: "
                    "read it with that version, or make it again");
}

}  // namespace rankine::io
