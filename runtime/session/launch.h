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

inline constexpr std::int32_t kMostThreads = 4096;  // of a rank

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
  std::string page_cache;          // collectives::host_name()
  collectives::Launcher launcher = collectives::Launcher::kNone;
  std::int32_t most_threads = 1;  // that it could start
  bool shares_cores_out = false;  // RunSettings::shares_cores_out
  std::map<std::string, std::int64_t> resources;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(program, seat, job_tasks, granted_cores, memory_bytes, node_bytes, scratch,
            scratch_bytes, page_cache, launcher, most_threads, shares_cores_out, resources);
  }
};

RankFacts own_facts(const RunSettings& settings);

// What a rank says first, in a form that all releases of the program share and none may change: of
// what other builds say next not even the length of a word is known. Text of four lines,
// "rankine 1", the build-id, the node and the path.
std::string greeting(const kernels::Module& program, const std::string& node);
// By rank. With ranks of several builds a run would give wrong answers or end in the middle. Throws
// Error (usage).
void check_greetings(const std::vector<std::string>& greetings);

// Threads of those whose cores are to be shared out, now that all cores are known.
void settle_threads(std::vector<RankFacts>& ranks);

// Collective. By rank, threads settled; empty on ranks other than 0. There it throws Error (usage)
// if the ranks do not fit together.
std::vector<RankFacts> gather_facts(collectives::Communicator& communicator,
                                    const RunSettings& settings);

// What a run survives, but not as its user means it.
struct LaunchTrouble {
  std::string what;
  std::string remedy;
};
std::vector<LaunchTrouble> launch_troubles(const std::vector<RankFacts>& ranks);

// "0-3,7", of ascending numbers.
std::string ranges_text(const std::vector<std::int32_t>& numbers);

}  // namespace rankine::session
