// Opening a file for reading. Only for io/h5: the headers above it know no HDF5.
#pragma once

#include <cstdint>
#include <string>

#include "io/h5/handles.h"

namespace rankine::io {

// Through the recording driver, disarmed: plain reads and no file lock. The HDF5 lock is held.
// Throws Error (input) that says in the user's words what is wrong with the file.
H5File open_input(const std::string& path);

// The data set at an absolute path. Throws Error (input).
H5Dataset open_dataset(hid_t file, const std::string& path, const std::string& dataset);

// "/table" of "/table.field" if there is no data set of that name.
std::string table_of(hid_t file, const std::string& dataset);

// "file:/path", the place in messages.
std::string place_of(const std::string& path, const std::string& dataset);

// Access to files through the recording driver; registers it on first use.
H5Plist recording_access();

// The reads of raw data that the driver of one open file withheld while it was armed.
class Recorder {
 public:
  explicit Recorder(hid_t file);  // a file opened with recording_access(); must outlive this
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  ~Recorder();  // disarms

  struct Reads {
    int count = 0;              // since clear()
    std::uint64_t address = 0;  // of the last one; absolute
    std::uint64_t size = 0;
    bool outside = false;  // one of them does not lie inside the file
  };
  void clear();
  const Reads& reads() const;

 private:
  void* driver_file_;
};

}  // namespace rankine::io
