// What a thread keeps between tasks of users.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/current_error.h"

namespace rankine::worker {

struct UserScratch {
  std::vector<std::span<const std::byte>> arguments;
  // What arguments lie in that are arrays: by number of the array among those of the layer.
  std::vector<std::pair<std::uint32_t, std::vector<std::byte>>> arrays;
  std::vector<std::uint32_t> ends;  // of a grid's inputs, among the arguments
  std::vector<std::byte> result;

  // Holds nothing of a task any more. A small result's memory stays for the next one.
  void clear() {
    constexpr std::size_t kKept = std::size_t{64} << 10;
    arguments.clear();
    arrays.clear();
    ends.clear();
    result.clear();
    if (result.capacity() > kKept) result = std::vector<std::byte>();  // {} would keep it
  }
};

// Throws Error (task failed) if a result is longer than `most` bytes; 0: no limit.
inline void require_size(std::size_t bytes, std::int64_t most) {
  if (most == 0 || bytes <= static_cast<std::size_t>(most)) return;
  throw Error(ExitCode::kTaskFailed,
              "a task returned " + std::to_string(bytes) + " bytes, a rank may hold " +
                  std::to_string(most),
              {}, "return less, make several tasks of it, or allow more by --memory");
}

// Calls attempt() until it does not throw, at most 1 + retries times. Throws what the last one
// threw as an Error.
template <class Attempt>
void with_retries(std::int32_t retries, const Attempt& attempt) {
  for (std::int32_t attempts = 1;; ++attempts) {
    try {
      return attempt();
    } catch (...) {
      if (attempts <= retries) continue;
      Error error = current_error();
      if (attempts > 1) error.message += " (after " + std::to_string(attempts) + " attempts)";
      throw error;
    }
  }
}

}  // namespace rankine::worker
