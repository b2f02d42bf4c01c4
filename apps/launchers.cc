#include "apps/launchers.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string_view>

#include "collectives/environment.h"
#include "collectives/mpi/version.h"

namespace rankine::apps {
namespace {

// What a command writes; "" if it is not there or fails.
std::string output_of(const std::string& command) {
  std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "re");
  if (pipe == nullptr) return {};
  std::string text;
  std::array<char, 4096> buffer;
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    text.append(buffer.data(), got);
  }
  return ::pclose(pipe) == 0 ? text : "";
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// "Open MPI" of "mpirun (Open MPI) 4.1.4", "MPICH" of the lines of Hydra; "" if it is another.
std::string flavour_of(const std::string& version) {
  for (const char* name : {"Open MPI", "OpenRTE", "HYDRA", "MPICH", "Intel(R) MPI"}) {
    if (version.find(name) == std::string::npos) continue;
    const std::string found = name;
    if (found == "OpenRTE") return "Open MPI";
    return found == "HYDRA" ? "MPICH" : found;
  }
  return {};
}

// "mpirun (MPICH) 4.0.2" of the lines of Hydra, the first of others.
std::string title_of(const std::string& version) {
  constexpr std::string_view kLabel = "Version:";
  const std::size_t label = version.find(kLabel);
  if (!version.starts_with("HYDRA") || label == std::string::npos) return first_line(version);
  const std::size_t begin = version.find_first_not_of(' ', label + kLabel.size());
  return begin == std::string::npos ? first_line(version)
                                    : "mpirun (MPICH) " + first_line(version.substr(begin));
}

// By which name the launcher of a library can be started where another is "mpirun"; "" if by none.
std::string other_name_of(const std::string& flavour) {
  const std::vector<std::string> names =
      flavour == "Open MPI" ? std::vector<std::string>{"mpirun.openmpi", "orterun", "prterun"}
                            : std::vector<std::string>{"mpiexec.mpich", "mpiexec.hydra"};
  for (const std::string& name : names) {
    if (flavour_of(output_of(name + " --version")) == flavour) return name;
  }
  return {};
}

void check_flavour(const std::string& mpirun, std::vector<session::LaunchTrouble>& troubles) {
  const std::string theirs = flavour_of(mpirun);
  const std::string ours = flavour_of(collectives::mpi_library());
  if (theirs.empty() || ours.empty() || theirs == ours) return;
  const std::string other = other_name_of(ours);
  troubles.push_back(
      {fmt::format("mpirun is that of {}, but rankine was built with {}: it would start processes "
                   "that do not find each other",
                   theirs, ours),
       "start with " + (other.empty() ? "the mpirun of " + ours : other) +
           ", or build rankine with the other MPI"});
}

void check_root(const std::string& mpirun, std::vector<session::LaunchTrouble>& troubles) {
  const bool allowed = std::getenv("OMPI_ALLOW_RUN_AS_ROOT") != nullptr &&
                       std::getenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM") != nullptr;
  if (::geteuid() != 0 || allowed || flavour_of(mpirun) != "Open MPI") return;
  troubles.push_back({"mpirun of Open MPI refuses to run as root",
                      "start it as another user, or with --allow-run-as-root in a container"});
}

// "pmix pmi2" of the list that `srun --mpi=list` writes, one word a line below a heading.
std::string plugins_of(const std::string& list) {
  std::istringstream lines(list);
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    const auto begin = line.find_first_not_of(" \t");
    if (begin == std::string::npos || line.find(' ', begin) != std::string::npos) continue;
    text += (text.empty() ? "" : " ") + line.substr(begin);
  }
  return text;
}

}  // namespace

std::vector<std::string> find_launchers(std::vector<session::LaunchTrouble>& troubles) {
  std::vector<std::string> lines;
  if (collectives::launched()) return lines;
  if (const std::string mpirun = output_of("mpirun --version"); !mpirun.empty()) {
    const bool counts_slots = flavour_of(mpirun) == "Open MPI";
    lines.push_back(title_of(mpirun) +
                    (counts_slots ? "; more ranks than cores need --oversubscribe" : ""));
    check_flavour(mpirun, troubles);
    check_root(mpirun, troubles);
  }
  if (const std::string srun = output_of("srun --version"); !srun.empty()) {
    lines.push_back(fmt::format("srun of {}, --mpi={}", first_line(srun),
                                plugins_of(output_of("srun --mpi=list"))));
  }
  return lines;
}

}  // namespace rankine::apps
