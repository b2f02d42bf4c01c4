// What a user's task left: a value or an error, as bytes. The last byte says which; the others are
// the value (base/value.h) or the Error.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "runtime/base/archive.h"
#include "runtime/base/error.h"

namespace rankine::kernels {

inline constexpr std::byte kValue{0};
inline constexpr std::byte kError{1};

// The bytes so far are a value.
inline void end_value(std::vector<std::byte>& bytes) { bytes.push_back(kValue); }

inline std::vector<std::byte> failed_outcome(const Error& error) {
  Bytes bytes = to_bytes(error);
  bytes.push_back(kError);
  return bytes;
}

// The bytes of the value. Throws the Error that it is instead.
inline std::span<const std::byte> value_of(std::span<const std::byte> outcome) {
  if (outcome.empty()) throw Error(ExitCode::kTaskFailed, "a result arrived without its end");
  const auto bytes = outcome.first(outcome.size() - 1);
  if (outcome.back() == kError) throw from_bytes<Error>(bytes);
  return bytes;
}

}  // namespace rankine::kernels
