#include "collectives/seats.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <unordered_map>

#include "collectives/environment.h"

namespace rankine::collectives {
namespace {

// Disjoint sets with path halving.
class Groups {
 public:
  explicit Groups(std::size_t count) : parent_(count) {
    std::iota(parent_.begin(), parent_.end(), std::size_t{0});
  }
  std::size_t of(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void join(std::size_t a, std::size_t b) { parent_[of(a)] = of(b); }

 private:
  std::vector<std::size_t> parent_;
};

}  // namespace

Seat own_seat(int threads) {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) name[0] = '\0';
  return {name.data(), affinity_list(), threads};
}

std::vector<CoreGroup> core_groups(const std::vector<Seat>& seats) {
  Groups groups(seats.size());
  std::map<std::string, std::unordered_map<std::int32_t, std::size_t>> first_user;  // of a core
  for (std::size_t rank = 0; rank < seats.size(); ++rank) {
    auto& cores = first_user[seats[rank].node];
    for (const std::int32_t core : seats[rank].cores) {
      const auto [user, fresh] = cores.emplace(core, rank);
      if (!fresh) groups.join(rank, user->second);
    }
  }
  std::vector<CoreGroup> result;
  std::unordered_map<std::size_t, std::size_t> index_of;  // of a set, in the result
  for (std::size_t rank = 0; rank < seats.size(); ++rank) {
    const auto [place, fresh] = index_of.emplace(groups.of(rank), result.size());
    if (fresh) result.emplace_back();
    CoreGroup& group = result[place->second];
    group.ranks.push_back(static_cast<std::int32_t>(rank));
    group.threads += seats[rank].threads;
  }
  for (const auto& [node, users] : first_user) {
    for (const auto& [core, user] : users) ++result[index_of.at(groups.of(user))].cores;
  }
  return result;
}

std::vector<Cores> cores_of(const std::vector<Seat>& seats) {
  std::vector<Cores> result(seats.size(), Cores::kOwn);
  for (const CoreGroup& group : core_groups(seats)) {
    if (group.threads <= group.cores) continue;
    for (const std::int32_t rank : group.ranks) {
      result[static_cast<std::size_t>(rank)] = Cores::kShared;
    }
  }
  return result;
}

std::vector<std::int32_t> threads_of(const std::vector<Seat>& seats) {
  std::vector<std::int32_t> threads(seats.size());
  for (const CoreGroup& group : core_groups(seats)) {
    const std::int64_t each = group.cores / static_cast<std::int64_t>(group.ranks.size());
    for (const std::int32_t rank : group.ranks) {
      const Seat& seat = seats[static_cast<std::size_t>(rank)];
      const auto own = static_cast<std::int64_t>(seat.cores.size());
      threads[static_cast<std::size_t>(rank)] =
          own == 0 ? seat.threads
                   : static_cast<std::int32_t>(std::clamp<std::int64_t>(each, 1, own));
    }
  }
  return threads;
}

}  // namespace rankine::collectives
