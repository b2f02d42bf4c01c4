// Plans of what compute was asked for before: asked again, it is not described, optimized and
// serialized again. Of a graph of a million tasks that is most of what it costs before it starts.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "runtime/session/known_graphs.h"
#include "runtime/session/prepare.h"
#include "runtime/session/request.h"

namespace rankine::session {

// What was asked for, to know it again: arrays, grids and tasks never change once they are made.
// Keeps nothing of it alive, and is never equal to what came after it at the same address.
class RequestKey {
 public:
  explicit RequestKey(const Request& request)
      : arena_(request.arena ? request.arena->id() : 0),
        tasks_(request.tasks) {
    for (const Array& array : request.arrays) arrays_.push_back(array.node());
    for (const api::GridAsk& ask : request.grids) grids_.emplace_back(ask.layer, ask.box);
  }
  bool operator==(const RequestKey& other) const {
    if (arena_ != other.arena_ || tasks_ != other.tasks_ ||
        arrays_.size() != other.arrays_.size() || grids_.size() != other.grids_.size()) {
      return false;
    }
    for (std::size_t i = 0; i < arrays_.size(); ++i) {
      if (!same(arrays_[i], other.arrays_[i])) return false;
    }
    for (std::size_t i = 0; i < grids_.size(); ++i) {
      if (!same(grids_[i].first, other.grids_[i].first)) return false;
      if (grids_[i].second != other.grids_[i].second) return false;
    }
    return true;
  }

 private:
  template <class T>
  static bool same(const std::weak_ptr<T>& a, const std::weak_ptr<T>& b) {
    return !a.owner_before(b) && !b.owner_before(a);
  }

  std::uint64_t arena_;  // 0: none
  std::vector<std::uint32_t> tasks_;
  std::vector<std::weak_ptr<const expr::Node>> arrays_;
  std::vector<std::pair<std::weak_ptr<const api::GridLayer>, Box>> grids_;
};

struct RecentPlan {
  PrepareOptions options;
  std::shared_ptr<const Prepared> prepared;
};
using RecentPlans = Recent<RequestKey, RecentPlan>;

}  // namespace rankine::session
