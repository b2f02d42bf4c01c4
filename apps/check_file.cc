#include "apps/check_file.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <optional>

#include "apps/info.h"
#include "runtime/api/open.h"
#include "runtime/api/reduction.h"
#include "runtime/base/clock.h"

namespace rankine::apps {
namespace {

constexpr std::size_t kTogether = 32;  // data sets in one graph
constexpr std::int64_t kTogetherBytes = 1 << 20;
constexpr std::size_t kMostBad = 16;  // chunks of one data set that are named

struct Checked {
  const io::Variable* variable;
  Array array;
};

// Of the filters that keep a checksum of a chunk: zlib's Adler-32, Fletcher-32, bzip2's CRC.
bool has_checksum(const io::Variable& variable) {
  constexpr std::uint32_t kDeflate = 1, kFletcher32 = 3, kBzip2 = 307;
  return std::ranges::any_of(variable.filters, [](const io::Filter& filter) {
    return filter.id == kDeflate || filter.id == kFletcher32 || filter.id == kBzip2;
  });
}

// So many neighbours to a task that their elements take about kTogetherBytes: a file of a million
// small chunks is no graph of a million tasks.
ChunkGrid grid_to_read(const Array& array) {
  const ChunkGrid& grid = array.chunks();
  if (grid.chunk_count() == 0 || grid.largest_chunk() > kTogetherBytes) return grid;
  std::int64_t room =
      kTogetherBytes / static_cast<std::int64_t>(size_of(array.dtype())) / grid.largest_chunk();
  std::vector<AxisChunks> axes = grid.axes();
  for (std::size_t axis = axes.size(); axis-- > 0 && room > 1;) {
    const AxisChunks& cuts = grid.axis(axis);
    const std::int64_t some = std::min(room, cuts.count());
    axes[axis] = AxisChunks::regular(cuts.length(), cuts.longest() * some);
    // Once an axis is cut, the ones before it go one by one.
    room = some < cuts.count() ? 1 : room / some;
  }
  return ChunkGrid(std::move(axes));
}

// Reads every chunk of an array and counts the elements.
Array elements_read(const Array& chunked) {
  const Array array = chunked.rechunk(grid_to_read(chunked));
  return visit_dtype(array.dtype(), [&]<class T>(TypeTag<T>) {
    return reduction(
        array, {},
        [](Block<const T> chunk, Block<std::int64_t> count) { count[0] = chunk.full_size(); },
        [](Block<std::int64_t> into, Block<const std::int64_t> next) { into[0] += next[0]; },
        {.name = "verify"});
  });
}

// What is wrong with one of these, if anything is.
std::optional<Error> failure_of(Session& session, const std::vector<Array>& arrays) {
  std::vector<Array> counts;
  for (const Array& array : arrays) counts.push_back(elements_read(array));
  try {
    const std::vector<NdArray> read = session.compute_all(counts);
    for (std::size_t i = 0; i < read.size(); ++i) {
      if (read[i].item<std::int64_t>() == arrays[i].size()) continue;
      throw Error(ExitCode::kTaskFailed, "not every element was read");
    }
    return std::nullopt;
  } catch (const Error& error) {
    // A chunk too large for the memory is a matter of its data set.
    if (error.exit_code != ExitCode::kInput && error.exit_code != ExitCode::kRefused) throw;
    return error;
  }
}

// The part of an array that a box of its chunks holds.
Array part_of(const Array& array, const Box& chunks) {
  std::vector<Index> ranges;
  for (std::size_t axis = 0; axis < chunks.rank(); ++axis) {
    const AxisChunks& cuts = array.chunks().axis(axis);
    ranges.push_back(Range{cuts.chunk(chunks.lo[axis]).lo, cuts.chunk(chunks.hi[axis] - 1).hi, 1});
  }
  return array.slice(ranges);
}

// Appends the failure of every damaged chunk in the box, in row-major order, until kMostBad are
// found. Which of several ends a graph depends on who is faster; halves do not, and a single
// damaged chunk takes no more reads than twice what the box has. Precondition: the box holds
// damage, and `error` is of a part that holds no other damage than the box.
void find_failures(Session& session, const Array& array, const Box& box, Error error,
                   std::vector<Error>& found) {
  std::size_t axis = 0;
  while (axis < box.rank() && box.hi[axis] - box.lo[axis] == 1) ++axis;
  if (axis == box.rank()) return found.push_back(std::move(error));
  Box low = box;
  Box high = box;
  low.hi[axis] = high.lo[axis] = std::midpoint(box.lo[axis], box.hi[axis]);
  auto failure = failure_of(session, {part_of(array, low)});
  const bool only_high = !failure;
  if (failure) find_failures(session, array, low, std::move(*failure), found);
  if (found.size() >= kMostBad) return;
  failure =
      only_high ? std::optional(std::move(error)) : failure_of(session, {part_of(array, high)});
  if (failure) find_failures(session, array, high, std::move(*failure), found);
}

// What failed without naming a chunk fails everywhere; data read through the library are read
// whole, by the child that looks into files.
bool has_places(const io::Variable& variable, const Error& error) {
  return variable.layout == io::Layout::kChunked && variable.direct_problem.empty() &&
         error.where.find(", chunk ") != std::string::npos;
}

// A place begins with the path of the file, which stands above.
Finding finding_of(const std::string& data_set, const Error& error) {
  const std::size_t found = error.where.rfind(":" + data_set + ", chunk ");
  const bool known = found != std::string::npos;
  return {known ? error.where.substr(found + 1) : data_set, error.message, error.remedy};
}

void check_together(Session& session, const std::vector<Checked>& some, FileCheck& check) {
  std::vector<Array> arrays;
  for (const Checked& one : some) arrays.push_back(one.array);
  if (arrays.empty() || !failure_of(session, arrays)) return;
  for (const auto& [variable, array] : some) {
    auto error = failure_of(session, {array});
    if (!error) continue;
    std::vector<Error> found;
    if (has_places(*variable, *error)) {
      const Box all = Box::whole(array.chunks().counts());
      find_failures(session, array, all, std::move(*error), found);
    } else {
      found.push_back(std::move(*error));
    }
    for (const Error& each : found) check.bad.push_back(finding_of(variable->path, each));
    if (found.size() == kMostBad) {
      const std::string word = "after " + std::to_string(kMostBad) + " bad chunks";
      check.unchecked.push_back({variable->path, "the rest of it, " + word, ""});
    }
  }
}

std::int64_t stored_chunks(const io::Variable& variable, const Array& array) {
  if (variable.layout != io::Layout::kChunked) return 1;
  return saturated_volume(array.chunks().counts());
}

void count(const io::Variable& variable, const Array& array, FileCheck& check) {
  check.chunks += stored_chunks(variable, array);
  check.stored_bytes += variable.stored_bytes;
  check.raw_bytes += raw_bytes(variable).value_or(0);
  if (!has_checksum(variable)) check.without_checksum.push_back(variable.path);
}

// The data set, if there is something to decode; else a word in the result.
std::optional<Checked> opened(const std::shared_ptr<const io::FileInfo>& file,
                              const io::Variable& variable, FileCheck& check) {
  if (!variable.dtype) {
    check.unchecked.push_back({variable.path, variable.type_name, ""});
    return std::nullopt;
  }
  ++check.data_sets;
  const bool nothing = variable.null_space || std::ranges::count(variable.shape, 0) > 0;
  const bool in_file =
      variable.layout == io::Layout::kChunked || variable.layout == io::Layout::kContiguous;
  const bool unwritten = in_file && variable.stored_bytes == 0;
  if (nothing || unwritten) return std::nullopt;
  try {
    Array array = api::open_variable(file, variable.path, Here::current());
    count(variable, array, check);
    return Checked{&variable, std::move(array)};
  } catch (const Error& error) {
    if (error.exit_code != ExitCode::kInput) throw;
    check.bad.push_back(finding_of(variable.path, error));
    return std::nullopt;
  }
}

void check_data_sets(Session& session, const std::shared_ptr<const io::FileInfo>& file,
                     FileCheck& check) {
  for (const std::string& note : file->notes) check.unchecked.push_back({"", note, ""});
  std::vector<Checked> some;
  for (const io::Variable& variable : file->variables) {
    // The fields of a table lie in the same chunks, and checking one checks all.
    const bool checked = variable.is_field && variable.element.offset > 0;
    if (!is_listed(variable) || checked) continue;
    if (auto one = opened(file, variable, check)) some.push_back(std::move(*one));
    if (some.size() < kTogether) continue;
    check_together(session, some, check);
    some.clear();
  }
  check_together(session, some, check);
}

}  // namespace

FileCheck check_file(Session& session, const std::string& path) {
  FileCheck check;
  check.path = path;
  const Stopwatch watch;
  try {
    check_data_sets(session, api::file_info(path), check);
  } catch (const Error& error) {
    if (error.exit_code != ExitCode::kInput) throw;
    check.bad.push_back({"", error.message, error.remedy});
  }
  check.seconds = watch.seconds();
  return check;
}

}  // namespace rankine::apps
