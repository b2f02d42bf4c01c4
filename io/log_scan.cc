#include <algorithm>
#include <cstring>
#include <optional>

#include "io/log.h"
#include "io/log_format.h"

namespace rankine::io {
namespace {

using namespace log_format;

constexpr std::size_t kScanBlock = std::size_t{1} << 20;

bool all_zero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

// Walks through a log: known positions by their headers, lost ones by looking for the next header.
class Scanner {
 public:
  explicit Scanner(const std::string& path)
      : file_(PosixFile::open_read(path)),
        size_(file_.size()) {}

  LogScan run() {
    LogScan scan;
    std::uint64_t at = 0;
    while (at < size_) {
      const auto found = next_header(at);
      if (!found) break;
      if (found->position > at) note_gap(at, found->position, scan);
      take(*found, scan);
      at = aligned(found->position + sizeof(Header) + payload_bytes(found->header));
    }
    scan.torn = std::min(at, size_) < size_;
    scan.end = std::min(at, size_);
    return scan;
  }

 private:
  struct Found {
    std::uint64_t position;
    Header header;
  };

  // A header counts if its checksum holds and its payload lies inside the file.
  bool is_header(const Header& header, std::uint64_t position) const {
    return (header.magic == kMagic || header.magic == kPlacedMagic) &&
           header.header_checksum == header_checksum(header, position) &&
           payload_bytes(header) <= size_ - position - sizeof(Header);
  }

  // The first header at or after `from`, a multiple of kAlignment. Mostly it is there, and a block
  // read for every small record would be most of the work.
  std::optional<Found> next_header(std::uint64_t from) {
    Header header;
    if (file_.pread_some(std::as_writable_bytes(std::span(&header, 1)), from) == sizeof header &&
        is_header(header, from)) {
      return Found{from, header};
    }
    for (std::uint64_t at = from; at < size_;) {
      const std::size_t have = file_.pread_some(block_, at);
      if (have < sizeof header) return std::nullopt;
      for (std::size_t i = 0; i + sizeof header <= have; i += kAlignment) {
        std::memcpy(&header, block_.data() + i, sizeof header);
        if (is_header(header, at + i)) return Found{at + i, header};
      }
      at += aligned(have - sizeof header + 1);
    }
    return std::nullopt;
  }

  void take(const Found& found, LogScan& scan) {
    const Header& header = found.header;
    if (header.magic == kPlacedMagic) {
      scan.records.push_back({header.variable, header.filter_mask, header.chunk, header.graph, 0,
                              header.size, header.payload_checksum, true});
      return;
    }
    payload_.resize(header.size);
    const std::uint64_t offset = found.position + sizeof header;
    file_.pread_full(payload_, offset);
    if (hash_bytes(payload_) != header.payload_checksum) {
      if (header.graph != 0 && all_zero(payload_)) return;
      scan.damaged.push_back("chunk " + std::to_string(header.chunk) + " of variable " +
                             std::to_string(header.variable) + " at byte " +
                             std::to_string(offset) + " is damaged");
      return;
    }
    scan.records.push_back({header.variable, header.filter_mask, header.chunk, header.graph, offset,
                            header.size, header.payload_checksum});
  }

  // Space that was reserved but never written reads as zeros and is no damage.
  void note_gap(std::uint64_t from, std::uint64_t to, LogScan& scan) {
    for (std::uint64_t at = from; at < to;) {
      const auto bytes = std::span(block_).first(std::min<std::uint64_t>(block_.size(), to - at));
      file_.pread_full(bytes, at);
      if (!all_zero(bytes)) {
        scan.damaged.push_back("bytes " + std::to_string(from) + " to " + std::to_string(to) +
                               " hold no record");
        return;
      }
      at += bytes.size();
    }
  }

  PosixFile file_;
  std::uint64_t size_;
  std::vector<std::byte> block_ = std::vector<std::byte>(kScanBlock);
  std::vector<std::byte> payload_;
};

// The chunks in a part file, which may hold anything or not be there.
class Placed {
 public:
  explicit Placed(const PartPlaces& part) : places_(part.places) {
    try {
      if (!part.part.empty()) file_ = PosixFile::open_read(part.part);
      size_ = file_.is_open() ? file_.size() : 0;
    } catch (const SystemError& error) {
      if (error.error_number != ENOENT) throw;
    }
  }

  // Gives the record its offset and returns true, if the chunk is there.
  bool find(LogRecord& record) {
    if (record.variable >= places_.variables.size() || record.chunk < 0) return false;
    const auto& [address, bytes] = places_.variables[record.variable];
    const auto chunk = static_cast<std::uint64_t>(record.chunk);
    const bool inside =
        bytes != 0 && record.size == bytes && address <= size_ && chunk < (size_ - address) / bytes;
    if (!inside) return false;
    record.offset = address + chunk * bytes;
    bytes_.resize(bytes);
    file_.pread_full(bytes_, record.offset);
    return hash_bytes(bytes_) == record.checksum;
  }

 private:
  const FixedPlaces& places_;
  PosixFile file_;
  std::uint64_t size_ = 0;
  std::vector<std::byte> bytes_;
};

}  // namespace

LogScan scan_log(const std::string& path) { return Scanner(path).run(); }

void check_placed(LogScan& scan, const PartPlaces& part) {
  const auto is_placed = [](const LogRecord& record) { return record.placed; };
  if (std::ranges::none_of(scan.records, is_placed)) return;
  Placed placed(part);
  std::vector<LogRecord> kept;
  for (LogRecord& record : scan.records) {
    if (!record.placed || placed.find(record)) {
      kept.push_back(record);
      continue;
    }
    scan.damaged.push_back("chunk " + std::to_string(record.chunk) + " of variable " +
                           std::to_string(record.variable) + " is not at its place");
  }
  scan.records = std::move(kept);
}

}  // namespace rankine::io
