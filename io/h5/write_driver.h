// An HDF5 file driver for files whose chunk data are already in place. HDF5 creates the metadata
// and is told, chunk by chunk, where the data lie: while the driver is armed with (address, size),
// the one allocation of raw data must ask exactly that size and is given that address, and the one
// write of exactly that address and size is skipped. Every other write goes to the file, raw data
// or not: HDF5 writes global heaps as raw data, also from inside H5Dwrite_chunk when its cache
// evicts. Other allocations lie below kDataStart or after the data, and a write that would touch
// the data is refused.
// HDF5 itself is not told of failures (it crashes over files that it cannot close): they are kept
// here, nothing is written any more, and whoever drives HDF5 must look at problem() after closing.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <memory>
#include <string>

namespace rankine::io {

class WriteDriver {
 public:
  // data_end: first byte after the chunk data, >= kDataStart. Registers the driver with HDF5.
  // One file, one thread; the caller holds the HDF5 lock in every call.
  explicit WriteDriver(std::uint64_t data_end);
  WriteDriver(const WriteDriver&) = delete;
  WriteDriver& operator=(const WriteDriver&) = delete;
  ~WriteDriver();  // after the file is closed

  // Makes the file opened through `fapl` use this driver. The file must exist and H5Fcreate with
  // H5F_ACC_TRUNC keeps its bytes, but sees an empty file.
  void install(hid_t fapl);

  // The next allocation and write of raw data are those of a chunk that is already in the file.
  void arm(std::uint64_t address, std::uint64_t size);
  // Ends what arm began. False unless allocation and write happened exactly once; problem() says
  // what was missing.
  bool disarm();

  // What the driver refused or the system reported first; empty if nothing.
  const std::string& problem() const;
  int error_number() const;   // errno of the system's refusal, else 0
  std::uint64_t end() const;  // the end of what HDF5 allocated: the length of the closed file

  struct State;  // shared with the C callbacks

 private:
  std::shared_ptr<State> state_;
  hid_t driver_ = -1;
};

}  // namespace rankine::io
