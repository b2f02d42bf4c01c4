#include "io/fixed_places.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <system_error>

#include "io/settle.h"

namespace rankine::io {
namespace {

// So many fit the message by which ranks learn of them; more variables go by way of the log.
constexpr std::size_t kMostVariables = 2048;

template <class Action>
void removing_if_it_fails(const std::string& path, Action action) {
  try {
    action();
  } catch (const SystemError&) {
    ::unlink(path.c_str());
    throw;
  }
}

// Whether another user, or another name, could have a hand in it.
bool is_ours_alone(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         status.st_uid == ::geteuid() && status.st_nlink == 1;
}

// A run that was killed while it wrote metadata leaves some before the chunks and behind them. HDF5
// does not write every byte of what it allocates: a file begun afresh has zeros there.
void leave_chunks_only(const PartPlaces& part) {
  PosixFile file = PosixFile::open_read_write(part.part);
  if (file.size() > part.places.end) file.truncate(part.places.end);
  constexpr std::array<std::byte, kDataStart> kZeros{};
  if (file.size() > 0) file.pwrite_full(kZeros, 0);
  file.close();
}

}  // namespace

FixedPlaces fixed_places(const OutputFile& logged) {
  FixedPlaces places;
  for (const OutputVariable& variable : logged.variables) {
    const bool fixed = is_logged(variable) && filters_of(variable).count == 0;
    if (!fixed || places.variables.size() == kMostVariables) break;
    const std::uint64_t bytes =
        static_cast<std::uint64_t>(volume(variable.chunk)) * size_of(variable.dtype);
    places.variables.push_back({places.end, static_cast<std::uint32_t>(bytes)});
    places.end += bytes * static_cast<std::uint64_t>(chunk_grid(variable).chunk_count());
  }
  return places;
}

void prepare_part(const PartPlaces& part, bool take_over) {
  const bool wanted = !part.places.empty();
  if (wanted && take_over && is_ours_alone(part.part)) return leave_chunks_only(part);
  std::error_code problem;
  std::filesystem::remove(part.part, problem);
  if (problem) {
    throw SystemError(ExitCode::kTaskFailed, "cannot remove what an earlier run left", part.part,
                      problem.value());
  }
  if (wanted) create_part(part.part);
}

void sync_part(const PosixFile& part) {
  removing_if_it_fails(part.path(), [&] { part.fdatasync(); });
}

void close_part(PosixFile& part) {
  removing_if_it_fails(part.path(), [&] { part.close(); });
}

}  // namespace rankine::io
