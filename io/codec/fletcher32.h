// HDF5's filter 3: a checksum of 4 bytes behind the data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace rankine::io {

inline constexpr std::size_t kChecksumBytes = 4;

// HDF5's Fletcher checksum: 16-bit big-endian words, an odd last byte padded with zero.
std::uint32_t fletcher32(std::span<const std::byte> bytes);

// The data before the checksum. Throws Error (input) if it is wrong or missing.
std::span<const std::byte> checked_payload(std::span<const std::byte> bytes);

void write_checksum(std::uint32_t sum, std::byte* to);  // kChecksumBytes

}  // namespace rankine::io
