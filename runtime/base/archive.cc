#include "runtime/base/archive.h"

#include <bit>
#include <cstdint>
#include <cstring>

#include "runtime/base/hash.h"

namespace rankine {
namespace {

struct Header {
  std::uint32_t magic;
  std::uint32_t version;
  std::uint64_t length;
  std::uint64_t checksum;
};
constexpr std::uint32_t kMagic = 0x4b4e4152;  // "RANK", little-endian
constexpr std::uint32_t kVersion = 1;

}  // namespace

ArchiveReader::ArchiveReader(std::string_view payload) : InputArchive(this), rest_(payload) {
  std::uint8_t little_endian = 0;
  read(&little_endian, 1);
  if ((little_endian != 0) != (std::endian::native == std::endian::little)) {
    throw input_error("an archive was written on a machine of another byte order", "");
  }
}

void ArchiveReader::read(void* data, std::size_t size) {
  if (size > rest_.size()) throw input_error("an archive is cut short", "");
  if (size > 0) std::memcpy(data, rest_.data(), size);
  rest_.remove_prefix(size);
}

Bytes seal(std::string_view payload) {
  const Header header{kMagic, kVersion, payload.size(), hash_text(payload)};
  Bytes bytes(sizeof header + payload.size());
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + sizeof header, payload.data(), payload.size());
  return bytes;
}

std::string_view unseal(std::span<const std::byte> bytes) {
  Header header{};
  if (bytes.size() < sizeof header) throw input_error("an archive is cut short", "");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != kMagic) throw input_error("these bytes are no archive of ours", "");
  if (header.version != kVersion) {
    throw input_error("an archive was written by another version", "",
                      "run the same rankine on every rank");
  }
  const std::string_view payload(reinterpret_cast<const char*>(bytes.data()) + sizeof header,
                                 bytes.size() - sizeof header);
  if (header.length != payload.size() || header.checksum != hash_text(payload)) {
    throw input_error("an archive is damaged: its checksum does not match", "");
  }
  return payload;
}

}  // namespace rankine
