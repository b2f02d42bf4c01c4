// How the ranks of a run were started: what each brings along, and what is wrong with it.
//
// The checks are pure: the facts of all ranks go in, sentences come out. Sources: the launch
// failures that users of Slurm and Open MPI report (srun without SRUN_CPUS_PER_TASK since 22.05,
// mpirun's binding to one core, budgets that add up to more than the node).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "collectives/communicator.h"
#include "collectives/environment.h"
#include "collectives/seats.h"
#include "runtime/base/error.h"
#include "runtime/kernels/registry.h"
#include "runtime/session/session.h"

namespace rankine::session {

// What a rank says of itself.
struct RankFacts {
  kernels::Module program;
  collectives::Seat seat;          // node, cores it may use, threads
  std::int32_t job_tasks = 1;      // of the batch job, if this process is alone in it
  std::int32_t granted_cores = 0;  // of each rank, as the batch system says; 0: it does not
  std::int64_t memory_bytes = 0;   // its budget; 0: no limit
  std::int64_t node_bytes = 0;     // what all ranks of its node may use; 0: unknown
  std::string scratch;             // the folder for what does not fit the memory
  std::int64_t scratch_bytes = 0;  // free there
  std::string scratch_problem;     // why nothing can be written there; "" if it can
  std::string page_cache;          // collectives::host_name()
  collectives::Launcher launcher = collectives::Launcher::kNone;
  std::map<std::string, std::int64_t> resources;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(program, seat, job_tasks, granted_cores, memory_bytes, node_bytes, scratch,
            scratch_bytes, scratch_problem, page_cache, launcher, resources);
  }
};

RankFacts own_facts(const RunSettings& settings);

// Collective. By rank; empty on ranks other than 0.
std::vector<RankFacts> gather_facts(collectives::Communicator& communicator,
                                    const RunSettings& settings);

// A run with it would give wrong answers or end in the middle: ranks of other builds.
// Throws Error (usage).
void check_launch(const std::vector<RankFacts>& ranks);

// What a run survives, but not as its user means it.
struct LaunchTrouble {
  std::string what;
  std::string remedy;
  bool at_start = true;  // false: a run that it matters to is refused, saying so
};
std::vector<LaunchTrouble> launch_troubles(const std::vector<RankFacts>& ranks);

// "0-3,7", of ascending numbers.
std::string ranges_text(const std::vector<std::int32_t>& numbers);

}  // namespace rankine::session
