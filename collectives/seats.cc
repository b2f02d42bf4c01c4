#include "collectives/seats.h"

#include <unistd.h>

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

std::vector<Cores> cores_of(const std::vector<Seat>& seats) {
  Groups groups(seats.size());
  std::map<std::string, std::unordered_map<std::int32_t, std::size_t>> first_user;  // of a core
  for (std::size_t rank = 0; rank < seats.size(); ++rank) {
    auto& cores = first_user[seats[rank].node];
    for (const std::int32_t core : seats[rank].cores) {
      const auto [user, fresh] = cores.emplace(core, rank);
      if (!fresh) groups.join(rank, user->second);
    }
  }
  std::vector<std::int64_t> threads(seats.size(), 0);
  std::vector<std::int64_t> cores(seats.size(), 0);
  for (std::size_t rank = 0; rank < seats.size(); ++rank) {
    threads[groups.of(rank)] += seats[rank].threads;
  }
  for (const auto& [node, users] : first_user) {
    for (const auto& [core, user] : users) ++cores[groups.of(user)];
  }
  std::vector<Cores> result;
  for (std::size_t rank = 0; rank < seats.size(); ++rank) {
    const std::size_t group = groups.of(rank);
    result.push_back(threads[group] > cores[group] ? Cores::kShared : Cores::kOwn);
  }
  return result;
}

}  // namespace rankine::collectives
