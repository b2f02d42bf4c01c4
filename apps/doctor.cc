// doctor: how this program was started here, on all ranks, and what is wrong with it.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "apps/launchers.h"
#include "apps/program.h"
#include "apps/text.h"
#include "apps/verbs.h"
#include "collectives/broadcast.h"
#include "collectives/environment.h"
#include "collectives/gather.h"
#include "collectives/mpi/version.h"
#include "io/folder.h"
#include "io/posix_file.h"
#include "runtime/base/archive.h"
#include "runtime/session/launch.h"

namespace rankine::apps {
namespace {

using session::LaunchTrouble;
using session::RankFacts;

// The folder of an output, as a rank finds it.
struct Folder {
  std::string problem;  // why nothing can be written there; "" if it can
  bool shared = true;   // what rank 0 makes there appears here
  bool locks = true;
  std::int64_t free_bytes = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(problem, shared, locks, free_bytes);
  }
};

// A file that rank 0 makes for the others to find; gone when it is destroyed.
class Sign {
 public:
  Sign(const std::string& folder, bool makes) {
    if (!makes) return;
    path_ = fmt::format("{}/.rankine-doctor-{}", folder, ::getpid());
    try {
      io::PosixFile::create_new(path_, 0600);
    } catch (const Error&) {
      path_.clear();  // that nothing can be written is said by why_not_writable
    }
  }
  Sign(const Sign&) = delete;
  Sign& operator=(const Sign&) = delete;
  ~Sign() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Network file systems show a new file late.
bool appears(const std::string& path) {
  constexpr int kPatienceMs = 10000, kStepMs = 50;
  for (int ms = 0; ms < kPatienceMs; ms += kStepMs) {
    if (::access(path.c_str(), F_OK) == 0) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(kStepMs));
  }
  return false;
}

// Collective. By rank, on rank 0.
std::vector<Folder> look_at_folder(collectives::Communicator& communicator,
                                   const std::string& path) {
  const Sign sign(path, communicator.rank() == 0 && communicator.size() > 1);
  Bytes name = to_bytes(sign.path());
  collectives::broadcast(communicator, 0, name);
  const auto wanted = from_bytes<std::string>(name);
  const Folder mine{io::why_not_writable(path), wanted.empty() || appears(wanted),
                    io::has_locks(path), io::room_on_disk(path)};
  std::vector<Folder> folders;
  for (const Bytes& bytes : collectives::gather(communicator, 0, to_bytes(mine))) {
    folders.push_back(from_bytes<Folder>(bytes));
  }
  return folders;
}

// Collective. By rank, on rank 0: why nothing can be written to its scratch folder; "" if it can. A
// run finds out when it needs the folder.
std::vector<std::string> look_at_scratch(collectives::Communicator& communicator,
                                         const RunSettings& settings) {
  std::vector<std::string> problems;
  for (const Bytes& bytes :
       collectives::gather(communicator, 0, to_bytes(io::why_not_writable(settings.scratch)))) {
    problems.push_back(from_bytes<std::string>(bytes));
  }
  return problems;
}

std::string at_rank(const std::vector<RankFacts>& ranks, std::size_t rank) {
  return ranks.size() == 1 ? ""
                           : fmt::format(", as rank {} on {} sees it", rank, ranks[rank].seat.node);
}

void add_folder_troubles(const std::string& path, const std::vector<RankFacts>& ranks,
                         const std::vector<Folder>& folders, std::vector<LaunchTrouble>& troubles) {
  for (std::size_t rank = 0; rank < folders.size(); ++rank) {
    const Folder& folder = folders[rank];
    if (!folder.problem.empty()) {
      troubles.push_back({fmt::format("nothing can be written to {} ({}){}", path, folder.problem,
                                      at_rank(ranks, rank)),
                          "write outputs to a folder that all nodes share and you may write to"});
    } else if (!folder.shared) {
      troubles.push_back({fmt::format("{} is another folder on {} than on {}: files of one do not "
                                      "appear on the other",
                                      path, ranks[rank].seat.node, ranks.front().seat.node),
                          "write outputs to a file system that all nodes share"});
    } else if (!folder.locks) {
      troubles.push_back(
          {fmt::format("the file system of {} has no locks{}", path, at_rank(ranks, rank)),
           "runs work without; never let two write one output"});
    } else {
      continue;
    }
    return;  // other ranks mostly see the same
  }
}

void add_scratch_trouble(const std::vector<RankFacts>& ranks,
                         const std::vector<std::string>& problems,
                         std::vector<LaunchTrouble>& troubles) {
  const auto bad = std::ranges::find_if(problems, [](const auto& text) { return !text.empty(); });
  if (bad == problems.end()) return;
  const auto rank = static_cast<std::size_t>(bad - problems.begin());
  troubles.push_back({fmt::format("nothing can be written to the scratch folder {} ({}){}",
                                  ranks[rank].scratch, *bad, at_rank(ranks, rank)),
                      "name a folder on a local disk by --scratch"});
}

std::string counted(std::size_t count, const std::string& what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

// Ranks of one node with as many threads and cores.
struct Alike {
  std::vector<std::int32_t> ranks;
  std::vector<std::int32_t> cores;  // of all of them
};

std::string text_of(const Alike& alike, const RankFacts& first) {
  const bool several = alike.ranks.size() > 1;
  const char* each = several ? " each" : "";
  const std::string cores = alike.cores.empty()
                                ? "cores unknown"
                                : fmt::format("{}{} ({})", counted(first.seat.cores.size(), "core"),
                                              each, session::ranges_text(alike.cores));
  return fmt::format(
      "{:<10} rank{} {}: {} on {}, memory {}{} of the node's {}\n", first.seat.node,
      several ? "s" : "", session::ranges_text(alike.ranks),
      counted(static_cast<std::size_t>(first.seat.threads), "thread"), cores,
      byte_size(static_cast<std::uint64_t>(first.memory_bytes)), each,
      first.node_bytes == 0 ? "unknown" : byte_size(static_cast<std::uint64_t>(first.node_bytes)));
}

std::string nodes_text(const std::vector<RankFacts>& ranks) {
  std::map<std::tuple<std::string, std::int32_t, std::size_t>, Alike> groups;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const collectives::Seat& seat = ranks[i].seat;
    Alike& alike = groups[{seat.node, seat.threads, seat.cores.size()}];
    alike.ranks.push_back(static_cast<std::int32_t>(i));
    alike.cores.insert(alike.cores.end(), seat.cores.begin(), seat.cores.end());
  }
  std::string text;
  for (auto& [key, alike] : groups) {
    std::sort(alike.cores.begin(), alike.cores.end());
    alike.cores.erase(std::unique(alike.cores.begin(), alike.cores.end()), alike.cores.end());
    text += text_of(alike, ranks[static_cast<std::size_t>(alike.ranks.front())]);
  }
  return text;
}

std::string report(const std::string& folder, const std::vector<RankFacts>& ranks,
                   const std::vector<Folder>& folders, const std::vector<LaunchTrouble>& troubles,
                   const std::vector<std::string>& launchers) {
  std::string text;
  const auto line = [&](const char* label, const std::string& value) {
    text += fmt::format("{:<10} {}\n", label, value);
  };
  line("started", collectives::launch_text());
  const std::string mpi = collectives::mpi_library();
  line("MPI",
       fmt::format("{}, standard {}", mpi.substr(0, mpi.find(", ")), collectives::mpi_standard()));
  for (const std::string& launcher : launchers) line("launcher", launcher);
  text += nodes_text(ranks);
  line("scratch", fmt::format("{}, {} free", ranks.front().scratch,
                              byte_size(static_cast<std::uint64_t>(ranks.front().scratch_bytes))));
  line("folder", fmt::format("{}, {} free", folder,
                             byte_size(static_cast<std::uint64_t>(folders.front().free_bytes))));
  for (const LaunchTrouble& trouble : troubles) {
    text += fmt::format("\ntrouble: {}\n    try: {}\n", trouble.what, trouble.remedy);
  }
  if (troubles.empty()) text += "\nno trouble found\n";
  return text;
}

// On rank 0 whether there is trouble.
bool examine(World& world, const RunSettings& settings, const std::string& folder) {
  collectives::Communicator& communicator = world.communicator();
  const std::vector<RankFacts> ranks = session::gather_facts(communicator, settings);
  const std::vector<Folder> folders = look_at_folder(communicator, folder);
  const std::vector<std::string> scratch = look_at_scratch(communicator, settings);
  if (communicator.rank() != 0) return false;
  std::vector<LaunchTrouble> troubles = session::launch_troubles(ranks);
  add_scratch_trouble(ranks, scratch, troubles);
  add_folder_troubles(folder, ranks, folders, troubles);
  const std::vector<std::string> launchers = find_launchers(troubles);
  print_result(report(folder, ranks, folders, troubles, launchers));
  return !troubles.empty();
}

}  // namespace

void add_doctor(Cli& cli) {
  const auto folder = std::make_shared<std::string>(".");
  CLI::App& verb =
      cli.add_verb({"doctor", "[FOLDER] [options]",
                    "Tells how it was started here, on all ranks, and what is wrong with that.",
                    "srun -n 8 rankine doctor /scratch/me"},
                   Ranks::kAll, [&cli, folder] {
                     const RunSettings settings = run_settings(cli);
                     return run_world(settings, [&](World& world) {
                       const bool trouble = examine(world, settings, *folder);
                       return trouble ? static_cast<int>(ExitCode::kUsage) : 0;
                     });
                   });
  verb.add_option("FOLDER", *folder, "where outputs are to be written (default: here)");
  add_run_options(verb, Runs::kPlans);
}

}  // namespace rankine::apps
