// How a record of a log lies on the disk. Between log.cc, which writes them, and log_scan.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/base/hash.h"

namespace rankine::io::log_format {

// As it lies in the log, host order: a log is read where it was written. Records begin at
// multiples of kAlignment, so a scan that lost its way finds the next one.
struct Header {
  std::uint32_t magic = 0;
  std::uint32_t variable = 0;
  std::int64_t chunk = 0;
  std::uint32_t size = 0;
  std::uint32_t filter_mask = 0;
  std::uint64_t graph = 0;
  std::uint64_t payload_checksum = 0;
  std::uint64_t header_checksum = 0;  // of the fields above, seeded with the record's position: a
                                      // header inside a payload or a moved block is no header
};
static_assert(sizeof(Header) == 48);

inline constexpr std::uint32_t kMagic = 0x324c4b52;        // "RKL2"
inline constexpr std::uint32_t kPlacedMagic = 0x324c4b50;  // "PKL2": no payload follows
inline constexpr std::uint64_t kAlignment = 8;

inline std::uint64_t aligned(std::uint64_t offset) {
  return (offset + kAlignment - 1) / kAlignment * kAlignment;
}

inline std::uint64_t header_checksum(const Header& header, std::uint64_t position) {
  const auto bytes = std::as_bytes(std::span(&header, 1));
  return hash_bytes(bytes.first(offsetof(Header, header_checksum)), position);
}

inline std::uint64_t payload_bytes(const Header& header) {
  return header.magic == kPlacedMagic ? 0 : header.size;
}

}  // namespace rankine::io::log_format
