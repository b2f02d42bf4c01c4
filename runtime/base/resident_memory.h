// Resident memory of this process, in bytes.
#pragma once

#include <cstdint>

namespace rankine {

std::int64_t resident_bytes();
std::int64_t peak_resident_bytes();  // the most there was

}  // namespace rankine
