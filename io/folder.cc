#include "io/folder.h"

#include <sys/file.h>

#include <cerrno>

#include "io/posix_file.h"

namespace rankine::io {

std::string why_not_writable(const std::string& folder) try {
  PosixFile::create_unnamed(folder);
  return {};
} catch (const SystemError& error) {
  return error_text(error.error_number);
}

bool has_locks(const std::string& folder) try {
  const PosixFile file = PosixFile::create_unnamed(folder);
  int result = 0;
  do {
    result = ::flock(file.descriptor(), LOCK_EX | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  return result == 0;
} catch (const SystemError&) {
  return false;
}

}  // namespace rankine::io
