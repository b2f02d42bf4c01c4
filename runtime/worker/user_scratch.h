// What a thread keeps between tasks of users.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
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
    if (result.capacity() > kKept) result = {};
  }
};

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
