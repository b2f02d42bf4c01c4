#include "collectives/environment.h"

#include <omp.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <string_view>
#include <thread>
#include <vector>

namespace rankine::collectives {
namespace {

using Text = std::string;

std::map<Text, Text> variables_of_process() {
  std::map<Text, Text> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    variables.emplace(text.substr(0, equals), text.substr(equals + 1));  // the first counts
  }
  return variables;
}

std::optional<Text> file_of_node(const Text& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return std::nullopt;
  return Text(std::istreambuf_iterator<char>(stream), {});
}

int cores_of_process() {
  const std::vector<std::int32_t> cores = affinity_list();
  return cores.empty() ? static_cast<int>(std::thread::hardware_concurrency())
                       : static_cast<int>(cores.size());
}

// The non-negative number at the start of `text`, which may be followed by `end_marks` only.
std::optional<std::int64_t> number(std::string_view text, std::string_view end_marks = "\n") {
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || value < 0) return std::nullopt;
  const bool whole = end == text.data() + text.size();
  if (!whole && end_marks.find(*end) == std::string_view::npos) return std::nullopt;
  return value;
}

std::optional<std::int64_t> number_in(const Surroundings& surroundings, const char* name) {
  const auto text = surroundings.variable(name);
  return text ? number(*text) : std::nullopt;
}

std::optional<int> count_in(const Surroundings& surroundings, const char* name) {
  const auto value = number_in(surroundings, name);
  if (!value || *value > INT32_MAX) return std::nullopt;
  return static_cast<int>(*value);
}

// Slurm numbers batch scripts, interactive shells and the like from here.
constexpr std::int64_t kFirstSpecialStep = 0xfffffff0;

// The tasks of the Slurm step this process is one of; 1 outside a step.
int slurm_tasks(const Surroundings& surroundings) {
  auto step = number_in(surroundings, "SLURM_STEP_ID");
  if (!step) step = number_in(surroundings, "SLURM_STEPID");
  if (!step || *step >= kFirstSpecialStep || !count_in(surroundings, "SLURM_PROCID")) return 1;
  if (const auto tasks = count_in(surroundings, "SLURM_STEP_NUM_TASKS")) return std::max(1, *tasks);
  return std::max(1, count_in(surroundings, "SLURM_NTASKS").value_or(1));
}

// Entry `node` of a list such as "2(x3),1", which is 2, 2, 2, 1.
std::optional<int> tasks_of_node(std::string_view list, std::int64_t node) {
  while (!list.empty()) {
    const std::string_view entry = list.substr(0, list.find(','));
    const auto tasks = number(entry, "(");
    if (!tasks || *tasks > INT32_MAX) return std::nullopt;
    const std::size_t times = entry.find("(x");
    std::int64_t nodes = 1;
    if (times != std::string_view::npos) {
      nodes = number(entry.substr(times + 2), ")").value_or(1);
    }
    if (node < nodes) return static_cast<int>(*tasks);
    node -= nodes;
    list.remove_prefix(std::min(list.size(), entry.size() + 1));
  }
  return std::nullopt;
}

std::optional<int> slurm_local_size(const Surroundings& surroundings) {
  if (slurm_tasks(surroundings) == 1) return std::nullopt;
  const auto node = number_in(surroundings, "SLURM_NODEID");
  for (const char* name : {"SLURM_STEP_TASKS_PER_NODE", "SLURM_TASKS_PER_NODE"}) {
    const auto list = surroundings.variable(name);
    if (list && node) return tasks_of_node(*list, *node);
  }
  return std::nullopt;
}

}  // namespace

const Surroundings& Surroundings::of_process() {
  static const std::map<Text, Text> variables = variables_of_process();
  const auto variable = [](const Text& name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
  static const Surroundings process{variable, file_of_node, cores_of_process()};
  return process;
}

bool launched(const Surroundings& surroundings) {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"}) {
    if (surroundings.variable(name)) return true;
  }
  return slurm_tasks(surroundings) > 1;
}

Launcher launcher(const Surroundings& surroundings) {
  if (!launched(surroundings)) return Launcher::kNone;
  if (surroundings.variable("OMPI_COMM_WORLD_SIZE")) return Launcher::kOpenMpi;
  for (const char* name : {"HYDI_CONTROL_FD", "HYDRA_PROXY_ID", "PMI_PORT"}) {
    if (surroundings.variable(name)) return Launcher::kHydra;
  }
  return surroundings.variable("SLURM_STEP_ID") ? Launcher::kSrun : Launcher::kOther;
}

static const char* name_of(Launcher launcher) {
  switch (launcher) {
    case Launcher::kNone: return "alone";
    case Launcher::kSrun: return "by srun";
    case Launcher::kOpenMpi: return "by mpirun";
    case Launcher::kHydra: return "by mpiexec (Hydra)";
    case Launcher::kOther: break;
  }
  return "by a launcher";
}

std::string launch_text(const Surroundings& surroundings) {
  const auto job = surroundings.variable("SLURM_JOB_ID");
  std::string text = name_of(launcher(surroundings));
  if (job) text += " (Slurm job " + *job + ")";
  if (!launched(surroundings)) return text;
  text += ", " + std::to_string(launcher_size(surroundings)) + " processes";
  const auto restarts = count_in(surroundings, "SLURM_RESTART_COUNT");
  if (restarts && *restarts > 0) text += ", start " + std::to_string(*restarts + 1) + " of the job";
  return text;
}

std::string restart_text(const Surroundings& surroundings) {
  const auto restarts = count_in(surroundings, "SLURM_RESTART_COUNT");
  const auto job = surroundings.variable("SLURM_JOB_ID");
  if (!job || restarts.value_or(0) == 0) return {};
  return "job " + *job + " was requeued " +
         (*restarts == 1 ? "once" : std::to_string(*restarts) + " times");
}

int launcher_rank(const Surroundings& surroundings) {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"}) {
    if (const auto rank = count_in(surroundings, name)) return *rank;
  }
  if (slurm_tasks(surroundings) == 1) return 0;
  return count_in(surroundings, "SLURM_PROCID").value_or(0);
}

int launcher_size(const Surroundings& surroundings) {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}) {
    if (const auto size = count_in(surroundings, name)) return std::max(1, *size);
  }
  return slurm_tasks(surroundings);
}

int local_rank(const Surroundings& surroundings) {
  for (const char* name : {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID"}) {
    if (const auto rank = count_in(surroundings, name)) return *rank;
  }
  if (slurm_tasks(surroundings) > 1) {
    if (const auto rank = count_in(surroundings, "SLURM_LOCALID")) return *rank;
  }
  return launcher_rank(surroundings);
}

int local_size(const Surroundings& surroundings) {
  for (const char* name : {"OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS"}) {
    if (const auto size = count_in(surroundings, name)) return std::max(1, *size);
  }
  return std::max(1, slurm_local_size(surroundings).value_or(launcher_size(surroundings)));
}

// Containers of one machine may have names of their own, and those of two the same.
std::string host_name(const Surroundings& surroundings) {
  const auto name = surroundings.file("/proc/sys/kernel/hostname");
  const auto boot = surroundings.file("/proc/sys/kernel/random/boot_id");
  return name && boot ? *name + *boot : std::string();
}

// With OMP_PROC_BIND OpenMP binds the first thread to its place before main(), and the mask of the
// process is in its places alone.
static std::vector<std::int32_t> cores_of_places() {
  std::vector<std::int32_t> cores;
  if (omp_get_proc_bind() == omp_proc_bind_false) return cores;
  for (int place = 0; place < omp_get_num_places(); ++place) {
    std::vector<int> processors(static_cast<std::size_t>(omp_get_place_num_procs(place)));
    omp_get_place_proc_ids(place, processors.data());
    cores.insert(cores.end(), processors.begin(), processors.end());
  }
  std::sort(cores.begin(), cores.end());
  cores.erase(std::unique(cores.begin(), cores.end()), cores.end());
  return cores;
}

// The kernel's mask may be longer than cpu_set_t, so the set grows until the call accepts it.
std::vector<std::int32_t> affinity_list() {
  std::vector<std::int32_t> cores = cores_of_places();
  if (!cores.empty()) return cores;
  for (int cpus = CPU_SETSIZE; cpus <= (1 << 20); cpus *= 2) {
    cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(cpus));
    if (set == nullptr) break;
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(cpus));
    const int failed = sched_getaffinity(0, bytes, set);
    const int reason = errno;
    for (int cpu = 0; failed == 0 && cpu < cpus; ++cpu) {
      if (CPU_ISSET_S(static_cast<std::size_t>(cpu), bytes, set)) cores.push_back(cpu);
    }
    CPU_FREE(set);
    if (failed == 0 || reason != EINVAL) break;
  }
  return cores;
}

int affinity_cores(const Surroundings& surroundings) { return std::max(1, surroundings.cores); }

std::optional<int> wished_threads(const Surroundings& surroundings) {
  const auto wish = surroundings.variable("OMP_NUM_THREADS");
  const auto threads = wish ? number(*wish, ",") : std::nullopt;  // "8,2": per nesting level
  if (!threads || *threads < 1 || *threads > INT32_MAX) return std::nullopt;
  return static_cast<int>(*threads);
}

int default_threads(const Surroundings& surroundings) {
  if (const auto wish = wished_threads(surroundings)) return *wish;
  const int cores = affinity_cores(surroundings);
  if (granted_cores(surroundings) == cores) return cores;  // bound: they are this rank's alone
  return std::max(1, cores / local_size(surroundings));
}

int unused_tasks(const Surroundings& surroundings) {
  if (launched(surroundings) || !surroundings.variable("SLURM_JOB_ID")) return 1;
  return std::max(1, count_in(surroundings, "SLURM_NTASKS").value_or(1));
}

int granted_cores(const Surroundings& surroundings) {
  if (!launched(surroundings)) return 0;
  return count_in(surroundings, "SLURM_CPUS_PER_TASK").value_or(0);
}

std::string default_scratch(const Surroundings& surroundings) {
  for (const char* name : {"SLURM_TMPDIR", "TMPDIR"}) {
    const auto folder = surroundings.variable(name);
    if (folder && !folder->empty()) return *folder;
  }
  return "/tmp";
}

}  // namespace rankine::collectives
