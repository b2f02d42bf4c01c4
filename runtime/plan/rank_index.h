// Numbers ranks in the order in which they are first seen: quickly for a few, in O(1) for thousands
// (a chunk that every rank needs).
#pragma once

#include <algorithm>
#include <cstddef>
#include <unordered_map>
#include <utility>
#include <vector>

namespace rankine::plan {

class RankIndex {
 public:
  // The number of a rank, and whether it was not seen before. Equal ranks mostly come in a row.
  std::pair<std::size_t, bool> add(int rank) {
    if (last_ < ranks_.size() && ranks_[last_] == rank) return {last_, false};
    last_ = find(rank);
    const bool fresh = last_ == ranks_.size();
    if (fresh) {
      if (ranks_.size() >= kFew) numbers_.emplace(rank, ranks_.size());
      ranks_.push_back(rank);
    }
    return {last_, fresh};
  }
  const std::vector<int>& ranks() const { return ranks_; }
  std::vector<int> take() { return std::move(ranks_); }
  void clear() {
    ranks_.clear();
    if (!numbers_.empty()) numbers_.clear();
    last_ = 0;
  }

 private:
  static constexpr std::size_t kFew = 16;
  std::size_t find(int rank) const {
    const auto few = ranks_.begin() + static_cast<std::ptrdiff_t>(std::min(kFew, ranks_.size()));
    const auto known = std::find(ranks_.begin(), few, rank);
    if (known != few) return static_cast<std::size_t>(known - ranks_.begin());
    const auto number = numbers_.find(rank);
    return number == numbers_.end() ? ranks_.size() : number->second;
  }

  std::vector<int> ranks_;
  std::unordered_map<int, std::size_t> numbers_;  // of those after the first few
  std::size_t last_ = 0;
};

}  // namespace rankine::plan
