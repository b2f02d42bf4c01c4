// Who shares cores with whom. Launchers mostly bind ranks to cores of their own, but not all do,
// and a node may be given more threads than it has cores; a thread that waits must know.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "collectives/progress.h"

namespace rankine::collectives {

// Where the threads of one rank may run.
struct Seat {
  std::string node;
  std::vector<std::int32_t> cores;  // of its affinity mask, ascending; empty: unknown
  std::int32_t threads = 1;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(node, cores, threads);
  }
};

// Of this process, by affinity_list and gethostname.
Seat own_seat(int threads);

// Ranks of one node whose cores overlap, also by way of others: they share them all.
struct CoreGroup {
  std::vector<std::int32_t> ranks;  // ascending
  std::int64_t cores = 0;           // 0: unknown, of one rank
  std::int64_t threads = 0;
};
// By the first rank of each. O(cores + ranks).
std::vector<CoreGroup> core_groups(const std::vector<Seat>& seats);

// By rank: those of a group that has no more threads than cores have cores of their own.
std::vector<Cores> cores_of(const std::vector<Seat>& seats);

// By rank: as many threads as the cores of its group make for each there, and as it has cores
// itself; at least 1. Whose cores are unknown keeps its threads.
std::vector<std::int32_t> threads_of(const std::vector<Seat>& seats);

}  // namespace rankine::collectives
