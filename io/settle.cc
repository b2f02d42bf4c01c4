#include "io/settle.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <map>

#include "io/fixed_places.h"
#include "io/open_inputs.h"
#include "io/posix_file.h"

namespace rankine::io {
namespace {

// Shorter segments are gathered and written together; longer ones are worth a call each.
constexpr std::size_t kLongSegment = std::size_t{256} << 10;
constexpr std::size_t kGather = std::size_t{4} << 20;

std::string chunk_name(const OutputFile& file, std::size_t variable, std::int64_t chunk) {
  return "chunk " + std::to_string(chunk) + " of " + file.variables[variable].name;
}

// first[v]: position of chunk 0 of variable v among all logged chunks; one more entry for the end.
std::vector<std::int64_t> first_chunks(const OutputFile& file) {
  std::vector<std::int64_t> first{0};
  for (const OutputVariable& variable : file.variables) {
    const std::int64_t chunks = is_logged(variable) ? chunk_grid(variable).chunk_count() : 0;
    first.push_back(first.back() + chunks);
  }
  return first;
}

// Copies segments into the part file in the order given; opens each log when it is first needed.
class Copier {
 public:
  Copier(std::string log_folder, const std::string& part_path, std::span<const CopiedInput> inputs)
      : log_folder_(std::move(log_folder)),
        inputs_(inputs),
        part_(open_elsewhere([&] { return PosixFile::open_read_write(part_path); })) {}

  void copy(const CopySegment& segment) {
    if (segment.size < kLongSegment) return gather(segment);
    flush();
    copy_long(segment);
  }

  void finish() {
    flush();
    sync_part(part_);
    close_part(part_);
  }

 private:
  const PosixFile& log(std::int32_t number) {
    auto found = logs_.find(number);
    if (found != logs_.end()) return found->second;
    if (logs_.size() >= most_open_inputs()) logs_.clear();
    return logs_.emplace(number, open(number)).first->second;
  }

  PosixFile open(std::int32_t number) const {
    if (number < kFirstInput) {
      const std::string path = log_path(log_folder_, number);
      return open_elsewhere([&] { return PosixFile::open_read(path); });
    }
    const CopiedInput& input = inputs_[static_cast<std::size_t>(number - kFirstInput)];
    PosixFile file = PosixFile::open_read(input.path);
    if (file.size() != input.size || file.mtime_ns() != input.mtime_ns) {
      throw input_error("the file has changed since it was opened", input.path);
    }
    return file;
  }

  void gather(const CopySegment& segment) {
    const bool continues = segment.address == gathered_at_ + gathered_;
    if (!continues || gathered_ + segment.size > kGather) flush();
    if (gathered_ == 0) gathered_at_ = segment.address;
    log(segment.log)
        .pread_full(std::span(buffer_).subspan(gathered_, segment.size), segment.offset);
    gathered_ += segment.size;
  }

  void flush() {
    if (gathered_ > 0) part_.pwrite_full(std::span(buffer_).first(gathered_), gathered_at_);
    gathered_ = 0;
  }

  // In the kernel where it can; whatever it does not do, for whatever reason, is read and written,
  // and those calls say what is wrong.
  void copy_long(const CopySegment& segment) {
    std::uint64_t done = in_kernel_ ? copy_in_kernel(segment) : 0;
    in_kernel_ = done == segment.size;
    while (done < segment.size) {
      const auto bytes = std::span(buffer_).first(std::min(kGather, segment.size - done));
      log(segment.log).pread_full(bytes, segment.offset + done);
      part_.pwrite_full(bytes, segment.address + done);
      done += bytes.size();
    }
  }

  std::uint64_t copy_in_kernel(const CopySegment& segment) {
    const int from = log(segment.log).descriptor();
    std::uint64_t done = 0;
    while (done < segment.size) {
      auto offset = static_cast<off64_t>(segment.offset + done);
      auto address = static_cast<off64_t>(segment.address + done);
      const ssize_t moved =
          ::copy_file_range(from, &offset, part_.descriptor(), &address, segment.size - done, 0);
      if (moved < 0 && errno == EINTR) continue;
      if (moved <= 0) break;
      done += static_cast<std::uint64_t>(moved);
    }
    return done;
  }

  const std::string log_folder_;
  const std::span<const CopiedInput> inputs_;
  PosixFile part_;
  std::map<std::int32_t, PosixFile> logs_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(kGather);
  std::uint64_t gathered_at_ = 0;  // address of buffer_[0]
  std::size_t gathered_ = 0;       // bytes in buffer_ not yet written
  bool in_kernel_ = true;
};

void take_records(const OutputFile& file, const std::vector<std::int64_t>& first,
                  const std::vector<LogRecord>& records, std::int32_t log, Settlement& settlement,
                  std::vector<std::uint64_t>& checksums) {
  for (const LogRecord& record : records) {
    if (record.is_state()) continue;
    const std::size_t v = record.variable;
    if (v >= file.variables.size() || record.chunk < 0 || record.chunk >= first[v + 1] - first[v]) {
      const std::string where =
          log < kFirstInput ? "log " + std::to_string(log) : std::string("an input");
      throw Error(ExitCode::kTaskFailed, where + " holds a chunk that the output does not have");
    }
    const auto at = static_cast<std::size_t>(first[v] + record.chunk);
    Placement& placement = settlement.placements[at];
    if (placement.size != 0) {
      if (placement.size == record.size && checksums[at] == record.checksum) continue;
      throw Error(ExitCode::kTaskFailed,
                  chunk_name(file, v, record.chunk) + " was written twice, with other bytes");
    }
    checksums[at] = record.checksum;
    placement = {record.variable, record.filter_mask, record.chunk, 0, record.size};
    settlement.sources[at] = {record.placed ? kPlaced : log, record.offset};
  }
}

void append_joined(std::vector<CopySegment>& segments, const CopySegment& next) {
  if (next.size == 0 || next.log == kPlaced) return;
  if (!segments.empty()) {
    CopySegment& last = segments.back();
    if (last.log == next.log && last.offset + last.size == next.offset &&
        last.address + last.size == next.address) {
      last.size += next.size;
      return;
    }
  }
  segments.push_back(next);
}

}  // namespace

Settlement place_chunks(const OutputFile& file, std::span<const std::vector<LogRecord>> logs,
                        std::span<const CopiedInput> inputs) {
  const std::vector<std::int64_t> first = first_chunks(file);
  Settlement settlement;
  settlement.placements.resize(static_cast<std::size_t>(first.back()));
  settlement.sources.resize(static_cast<std::size_t>(first.back()));
  std::vector<std::uint64_t> checksums(settlement.placements.size());
  for (std::size_t log = 0; log < logs.size(); ++log) {
    take_records(file, first, logs[log], static_cast<std::int32_t>(log), settlement, checksums);
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    take_records(file, first, inputs[i].records, kFirstInput + static_cast<std::int32_t>(i),
                 settlement, checksums);
  }
  for (std::size_t at = 0; at < settlement.placements.size(); ++at) {
    Placement& placement = settlement.placements[at];
    if (placement.size == 0) {
      const auto after = std::upper_bound(first.begin(), first.end(), std::int64_t(at));
      const auto v = static_cast<std::size_t>(after - first.begin() - 1);
      throw Error(ExitCode::kTaskFailed,
                  chunk_name(file, v, std::int64_t(at) - first[v]) + " was not written");
    }
    placement.address = settlement.data_end;
    const LogOffset& source = settlement.sources[at];
    if (source.log == kPlaced && source.offset != placement.address) {
      throw Error(ExitCode::kTaskFailed, chunk_name(file, placement.variable, placement.chunk) +
                                             " lies at another place than its own");
    }
    settlement.data_end += placement.size;
  }
  return settlement;
}

std::vector<std::vector<CopySegment>> plan_copies(const Settlement& settlement, int ranks,
                                                  int first_log) {
  std::vector<std::vector<CopySegment>> lists(static_cast<std::size_t>(ranks));
  // The owner of a page is the rank of the chunk that covers the page's first data byte. So a
  // chunk's bytes up to the next page boundary belong to whoever began that page, the rest to the
  // rank that wrote the chunk.
  const std::uint64_t bytes = std::max<std::uint64_t>(1, settlement.data_end - kDataStart);
  const auto owner_of = [&](std::size_t i) {
    const std::int32_t log = settlement.sources[i].log;
    if (log == kPlaced) return 0;
    if (log < first_log) return log % ranks;
    if (log < kFirstInput) return log - first_log;
    const std::uint64_t before = settlement.placements[i].address - kDataStart;
    const double share = static_cast<double>(before) / static_cast<double>(bytes);
    return std::min(static_cast<std::int32_t>(share * ranks), ranks - 1);
  };
  std::int32_t page_owner = 0;
  for (std::size_t i = 0; i < settlement.placements.size(); ++i) {
    const Placement& placement = settlement.placements[i];
    const LogOffset& source = settlement.sources[i];
    const bool begins_page = i == 0 || placement.address % kSettlePage == 0;
    if (begins_page) page_owner = owner_of(i);
    const std::uint64_t to_boundary = kSettlePage - placement.address % kSettlePage;
    const auto head = std::min<std::uint64_t>(placement.size, to_boundary);
    append_joined(lists[static_cast<std::size_t>(page_owner)],
                  {source.log, source.offset, placement.address, head});
    if (head == placement.size) continue;
    page_owner = owner_of(i);
    append_joined(
        lists[static_cast<std::size_t>(page_owner)],
        {source.log, source.offset + head, placement.address + head, placement.size - head});
  }
  return lists;
}

void create_part(const std::string& part_path) { PosixFile::create_new(part_path).close(); }

void copy_segments(const std::string& log_folder, const std::string& part_path,
                   std::span<const CopySegment> segments, std::span<const CopiedInput> inputs) {
  if (segments.empty()) return;
  Copier copier(log_folder, part_path, inputs);
  for (const CopySegment& segment : segments) copier.copy(segment);
  copier.finish();
}

}  // namespace rankine::io
