// A file system with little room, for what happens when a disk is full.
#pragma once

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace rankine::testing {

// Mounted over a folder from here to its end, when no file in it may be open any more. A test skips
// if there is a reason why it could not be.
class SmallDisk {
 public:
  // The size as mount takes it: "64k".
  SmallDisk(const std::string& folder, const std::string& size) : folder_(folder) {
    if (::geteuid() != 0) {
      missing_ = "mounting a small file system needs root";
    } else if (::mount("tmpfs", folder.c_str(), "tmpfs", 0, ("size=" + size).c_str()) != 0) {
      missing_ = std::string("this machine does not let root mount a file system: ") +
                 std::strerror(errno);
    }
  }
  ~SmallDisk() {
    if (missing_.empty()) {
      EXPECT_EQ(::umount(folder_.c_str()), 0) << std::strerror(errno);
    }
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  const std::string& missing() const { return missing_; }

 private:
  std::string folder_;
  std::string missing_;  // why there is none; empty if there is
};

}  // namespace rankine::testing
