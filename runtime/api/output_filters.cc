#include "runtime/api/output_filters.h"

#include <algorithm>

namespace rankine::api {

void OutputFilters::choose(const io::Variable* from, io::OutputVariable& to) {
  to.codec = options_.codec;
  to.shuffle = options_.shuffle.value_or(true);
  to.fletcher32 = options_.fletcher32;
  if (!options_.keep_filters || from == nullptr || to.texts) return;
  if (from->layout != io::Layout::kVirtual) keep(*from, to);
}

void OutputFilters::keep(const io::Variable& from, io::OutputVariable& to) {
  const io::KeptFilters kept = io::kept_filters(from.filters, options_.codec);
  to.codec = kept.codec;
  to.shuffle = options_.shuffle.value_or(kept.shuffle);
  to.fletcher32 = options_.fletcher32 || kept.fletcher32;
  // Small variables lie in one piece, without filters. A checksum needs a chunk.
  const bool small = to.inline_data && to.chunk.empty();
  if (small && kept.fletcher32 && volume(to.shape) > 0) to.chunk = to.shape;
  if (kept.lost.empty() || (small && to.chunk.empty())) return;
  lost_[{kept.lost, io::to_string(kept.codec)}].push_back(from.path);
}

std::vector<std::string> OutputFilters::remarks() const {
  constexpr std::size_t kMostNamed = 8;
  std::vector<std::string> remarks;
  for (const auto& [lost, paths] : lost_) {
    std::string names;
    for (std::size_t i = 0; i < std::min(kMostNamed, paths.size()); ++i) {
      names += (i > 0 ? ", " : "") + paths[i];
    }
    if (paths.size() > kMostNamed) {
      names += ", ... (" + std::to_string(paths.size()) + " data sets)";
    }
    remarks.push_back(lost.filter + " cannot be written here: " + names + " get " + lost.instead +
                      "; choose with --codec");
  }
  return remarks;
}

}  // namespace rankine::api
