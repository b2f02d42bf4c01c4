// What a launcher, the batch system and the node say about this process, read from environment
// variables and small files only: no MPI call, so it serves before MPI_Init and without it.
//
// MPI_Init may set variables of its own, so those of this process are read once, at the first
// question, which is before it. Every function is a pure function of the given Surroundings. A
// variable that holds no plain number counts as not set.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace rankine::collectives {

struct Surroundings {
  std::function<std::optional<std::string>(const std::string& name)> variable;
  std::function<std::optional<std::string>(const std::string& path)> file;  // whole text
  int cores = 1;                                                            // in the affinity mask

  // Variables and cores as they were at the first call, files as they are.
  static const Surroundings& of_process();
};

// Whether a launcher started this process: OMPI_COMM_WORLD_SIZE, PMIX_RANK or PMI_RANK is set, or
// it is a task of a Slurm step with several tasks (not a batch script or an interactive shell).
bool launched(const Surroundings& surroundings = Surroundings::of_process());
// Whose launcher that was. kHydra: the mpiexec of MPICH and its kin (MVAPICH, Intel MPI).
enum class Launcher : std::uint8_t { kNone, kSrun, kOpenMpi, kHydra, kOther };
Launcher launcher(const Surroundings& surroundings = Surroundings::of_process());
// By whom, for people: "alone", "by srun (Slurm job 7), 4 processes, start 2 of the job".
std::string launch_text(const Surroundings& surroundings = Surroundings::of_process());
// "job 7 was requeued 2 times" (by itself, its user, or after a lost node); "" if it was not.
std::string restart_text(const Surroundings& surroundings = Surroundings::of_process());
// Rank and ranks as the launcher counts them; 0 and 1 without a launcher. Size 1 if it is unknown.
int launcher_rank(const Surroundings& surroundings = Surroundings::of_process());
int launcher_size(const Surroundings& surroundings = Surroundings::of_process());
// This rank among those of its node, and their number. If the launcher does not say, all ranks
// are taken to share the node (which divides memory and cores too much, never too little).
int local_rank(const Surroundings& surroundings = Surroundings::of_process());
int local_size(const Surroundings& surroundings = Surroundings::of_process());

// The machine and its running kernel: equal for processes that share one page cache, and for others
// mostly not. Empty if the system does not say.
std::string host_name(const Surroundings& surroundings = Surroundings::of_process());

// Cores that this process may use (sched_getaffinity, or the places where OpenMP binds its
// threads), at least 1.
int affinity_cores(const Surroundings& surroundings = Surroundings::of_process());
// Their numbers, ascending; empty if the system does not say.
std::vector<std::int32_t> affinity_list();
// OMP_NUM_THREADS (its first number), if it is set.
std::optional<int> wished_threads(const Surroundings& surroundings = Surroundings::of_process());
// Threads of a rank unless --threads says otherwise: wished_threads, else the affinity mask / the
// ranks on the node, or all of the mask if it is what Slurm gave each rank; at least 1. Ranks that
// know each other's masks share them out better (seats.h).
int default_threads(const Surroundings& surroundings = Surroundings::of_process());
// Tasks of the Slurm job of which no launcher made ranks: more than 1 if this process runs alone in
// a job that asked for several.
int unused_tasks(const Surroundings& surroundings = Surroundings::of_process());
// Cores that the batch system says it gave each rank (SLURM_CPUS_PER_TASK, in a step); 0: it does
// not say.
int granted_cores(const Surroundings& surroundings = Surroundings::of_process());
// What all ranks of the node may use together: the smallest of the cgroup limits (v1 or v2, all
// levels), SLURM_MEM_PER_NODE or SLURM_MEM_PER_CPU, and MemAvailable. 0: nothing is known.
std::int64_t node_memory_bytes(const Surroundings& surroundings = Surroundings::of_process());
// Bytes of a rank unless --memory says otherwise: those of the node / ranks on it x 0.8. If nothing
// is known the node counts as 1 GiB.
std::int64_t default_memory_bytes(const Surroundings& surroundings = Surroundings::of_process());

// The folder for what does not fit the memory unless --scratch says otherwise: SLURM_TMPDIR, else
// TMPDIR, else /tmp.
std::string default_scratch(const Surroundings& surroundings = Surroundings::of_process());

}  // namespace rankine::collectives
