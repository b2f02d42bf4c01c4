#include "apps/chunk_advice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "apps/info.h"
#include "apps/text.h"

namespace rankine::apps {
namespace {

// Looking a chunk up and asking the system for it costs about what decoding this much does.
constexpr double kSmall = 4096;
constexpr double kMany = 256;  // chunks: fewer are no burden, whatever their size
// A task holds a few chunks, and a reader of one element decodes a whole one.
constexpr double kLarge = double{256 << 20};
constexpr double kGoodLeast = double{1 << 20}, kGoodMost = double{16 << 20};
constexpr double kLongAxis = 100;     // elements
constexpr double kMostPadding = 0.4;  // of the elements in chunks, those beyond the edges

struct Cut {
  double chunk_bytes = 0;
  double chunks = 1;
  double padding = 0;  // of all elements in chunks
};

double count_along(const io::Variable& variable, std::size_t axis) {
  return std::ceil(double(variable.shape[axis]) / double(variable.chunk[axis]));
}

Cut cut_of(const io::Variable& variable) {
  Cut cut;
  cut.chunk_bytes = double(variable.element_size);
  double elements = 1, covered = 1;
  for (std::size_t k = 0; k < variable.shape.size(); ++k) {
    cut.chunk_bytes *= double(variable.chunk[k]);
    cut.chunks *= count_along(variable, k);
    elements *= double(variable.shape[k]);
    covered *= count_along(variable, k) * double(variable.chunk[k]);
  }
  cut.padding = covered > 0 ? 1 - elements / covered : 0;
  return cut;
}

// Lengths near to what they are, of a good size together: the axis that is cut most grows first,
// the longest one shrinks first.
Extents better_chunk(const io::Variable& variable) {
  Extents chunk = variable.chunk;
  const auto bytes = [&] {
    double product = double(variable.element_size);
    for (const std::int64_t length : chunk) product *= double(length);
    return product;
  };
  for (std::size_t k = 0; k < chunk.size(); ++k) {
    chunk[k] = std::min(chunk[k], std::max<std::int64_t>(1, variable.shape[k]));
  }
  while (bytes() < kGoodLeast) {
    const auto cuts = [&](std::size_t k) { return double(variable.shape[k]) / double(chunk[k]); };
    std::size_t most = 0;
    for (std::size_t k = 1; k < chunk.size(); ++k) most = cuts(k) > cuts(most) ? k : most;
    if (cuts(most) <= 1) break;
    chunk[most] = std::min(2 * chunk[most], variable.shape[most]);
  }
  while (bytes() > kGoodMost) {
    auto longest = std::max_element(chunk.begin(), chunk.end());
    *longest = (*longest + 1) / 2;
  }
  return chunk;
}

// "--chunks time=512,lat=91", with the lengths that are to be changed.
std::string remedy(const io::Variable& variable) {
  const Extents chunk = better_chunk(variable);
  std::string named;
  for (std::size_t k = 0; k < chunk.size(); ++k) {
    if (k >= variable.dims.size() || variable.dims[k].empty()) {
      return fmt::format("rankine rechunk --chunks {}", fmt::join(chunk, ","));
    }
    if (chunk[k] == variable.chunk[k]) continue;
    named += fmt::format("{}{}={}", named.empty() ? "" : ",", variable.dims[k], chunk[k]);
  }
  return "rankine rechunk --chunks " + printable(named);
}

std::string bytes_text(double bytes) { return byte_size(static_cast<std::uint64_t>(bytes)); }

void advise_on_size(const io::Variable& variable, const Cut& cut, std::vector<std::string>& all) {
  if (cut.chunk_bytes < kSmall && cut.chunks >= kMany) {
    all.push_back(
        fmt::format("{:.0f} chunks of {}: looking them up takes longer than reading them; {}",
                    cut.chunks, bytes_text(cut.chunk_bytes), remedy(variable)));
  } else if (cut.chunk_bytes > kLarge) {
    all.push_back(fmt::format("a chunk of {} is decoded whole for any part of it; {}",
                              bytes_text(cut.chunk_bytes), remedy(variable)));
  }
}

// One element long along an axis, and whole along the others: a series reads everything.
void advise_on_thin(const io::Variable& variable, const Cut& cut, std::vector<std::string>& all) {
  if (variable.shape.size() < 2 || cut.chunk_bytes < kSmall) return;
  for (std::size_t k = 0; k < variable.shape.size(); ++k) {
    const double others = cut.chunks / count_along(variable, k);
    if (variable.chunk[k] != 1 || double(variable.shape[k]) < kLongAxis || others > 4) continue;
    const std::string name = dimension_name(variable, k);
    all.push_back(fmt::format(
        "1 along {}: good for one {} at a time, but a series at one point reads {:.0f} chunks",
        name.empty() ? fmt::format("axis {}", k) : printable(name),
        name.empty() ? "index" : printable(name), count_along(variable, k)));
  }
}

void advise_on_filters(const io::Variable& variable, std::vector<std::string>& all) {
  constexpr std::uint32_t kDeflate = 1, kShuffle = 2;
  const auto has = [&](std::uint32_t id) {
    return std::ranges::any_of(variable.filters, [&](const auto& f) { return f.id == id; });
  };
  const auto raw = raw_bytes(variable);
  const bool large = raw && double(*raw) >= kGoodLeast;
  if (large && has(kDeflate) && !has(kShuffle) && variable.element_size > 1 && variable.dtype) {
    all.push_back("deflate without shuffle: numbers mostly get smaller with it");
  }
  if (large && !variable.filters.empty() && double(variable.stored_bytes) > 0.97 * double(*raw)) {
    all.push_back("its filters save nothing; rankine rechunk --codec none reads faster");
  }
}

}  // namespace

std::vector<std::string> chunk_advice(const io::Variable& variable) {
  std::vector<std::string> all;
  if (variable.layout != io::Layout::kChunked || variable.shape.empty()) return all;
  if (std::ranges::count(variable.shape, 0) > 0 || variable.stored_bytes == 0) return all;
  const Cut cut = cut_of(variable);
  advise_on_size(variable, cut, all);
  advise_on_thin(variable, cut, all);
  if (cut.padding > kMostPadding && cut.chunks * cut.chunk_bytes > kGoodLeast) {
    all.push_back(
        fmt::format("{:.0f} % of what its chunks hold lies beyond its edges: choose lengths "
                    "that divide its own",
                    100 * cut.padding));
  }
  advise_on_filters(variable, all);
  return all;
}

}  // namespace rankine::apps
