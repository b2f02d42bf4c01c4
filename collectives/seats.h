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

// By rank. Ranks of one node whose cores overlap, also by way of others, share them all; each of
// them has cores of its own if they have no more threads than cores. O(cores + ranks).
std::vector<Cores> cores_of(const std::vector<Seat>& seats);

}  // namespace rankine::collectives
