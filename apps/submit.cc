// submit: a job for Slurm that runs a command on many ranks, with sizes from its plan.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "apps/job_proposal.h"
#include "apps/run_program.h"
#include "apps/text.h"
#include "apps/verbs.h"
#include "collectives/mpi/version.h"

namespace rankine::apps {
namespace {

constexpr const char* kExample =
    "rankine submit --nodes 2 -- eval 'm = mean(t2m, time)' era5.nc -o m.nc";

struct SubmitOptions {
  JobWish wish;
  std::vector<std::string> command;  // behind "--": verb and arguments
  bool separated = false;            // there was a "--"
  bool print = false;
};

// As the user called it where the nodes will find it so, else the absolute path.
std::string program_name(const std::string& called) {
  namespace fs = std::filesystem;
  std::error_code problem;
  if (called.find('/') != std::string::npos) {
    const fs::path path = fs::absolute(called, problem).lexically_normal();
    if (!problem) return path.string();
  }
  const char* folders = std::getenv("PATH");
  std::istringstream path(folders == nullptr ? "" : folders);
  for (std::string folder; std::getline(path, folder, ':');) {
    const std::string candidate = (folder.empty() ? "." : folder) + "/" + called;
    if (folder.starts_with('/') && ::access(candidate.c_str(), X_OK) == 0 &&
        fs::is_regular_file(candidate, problem)) {
      return called;
    }
  }
  const fs::path self = fs::read_symlink("/proc/self/exe", problem);
  return problem ? called : self.string();
}

// One line of what a program said on several.
std::string on_one_line(const std::string& text) {
  std::istringstream lines(text);
  std::string joined;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) joined += (joined.empty() ? "" : "; ") + printable(line);
  }
  return joined;
}

// To sbatch a variable counts more than a line of the script, which is what was shown; and those of
// a job around this process would be in the way of the new one's.
std::vector<std::string> against_the_script(const JobWish& wish) {
  std::vector<std::string> names{"SBATCH_JOB_NAME",    "SBATCH_MEM_PER_NODE", "SBATCH_MEM_PER_CPU",
                                 "SBATCH_MEM_PER_GPU", "SBATCH_TIMELIMIT",    "SBATCH_OUTPUT",
                                 "SBATCH_OPEN_MODE",   "SBATCH_SIGNAL",       "SBATCH_REQUEUE",
                                 "SBATCH_NO_REQUEUE",  "SLURM_MEM_PER_NODE",  "SLURM_MEM_PER_CPU",
                                 "SLURM_MEM_PER_GPU"};
  if (!wish.account.empty()) names.push_back("SBATCH_ACCOUNT");
  if (!wish.partition.empty()) names.push_back("SBATCH_PARTITION");
  for (const std::string& option : wish.others) {
    if (!option.starts_with("--")) continue;
    std::string name = "SBATCH_" + option.substr(2, option.find('=') - 2);
    std::ranges::transform(name, name.begin(), [](char c) {
      return c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 0x20) : c;
    });
    names.push_back(std::move(name));
  }
  return names;
}

void give_to_sbatch(const std::string& script, const JobWish& wish) {
  const ProgramRun run = run_program({"sbatch"}, script, against_the_script(wish));
  if (!run.found) {
    throw usage_error("there is no sbatch here, so the script was only printed",
                      "where Slurm is: rankine submit; or --print, and give the script to sbatch");
  }
  if (run.code != 0) {
    std::string said = on_one_line(run.errors + run.output);
    if (said.empty()) said = fmt::format("exit code {}", run.code);
    throw usage_error("sbatch did not take the job: " + said,
                      "give other options before the --, or correct the script (--print > FILE)");
  }
  std::fputs(run.errors.c_str(), stderr);
  print_result(run.output);
}

// strange: what stands before the command and means nothing there.
void check_command(const SubmitOptions& options, const std::vector<std::string>& strange) {
  if (!options.separated || options.command.empty()) {
    throw usage_error("the command of the job is missing: it stands behind --", kExample);
  }
  if (!strange.empty()) {
    throw usage_error("submit does not take '" + printable(strange.front()) + "'",
                      "more options of sbatch stand behind --sbatch, the command behind --");
  }
}

int submit(const std::string& called, const std::vector<std::string>& strange,
           SubmitOptions options) {
  if (!options.command.empty() && options.command.front() == "rankine") {
    options.command.erase(options.command.begin());
  }
  check_command(options, strange);
  check_wish(options.wish);
  JobCommand command(options.command);
  const JobProposal proposal = propose_job(command, options.wish);
  Job job;
  job.command = command.in_job(program_name(called));
  job.resumes = command.stores();
  job.wish = options.wish;
  job.sizes = proposal.sizes;
  job.limits = proposal.limits;
  const std::string script = job_script(job);
  print_result(script);
  if (!options.print) give_to_sbatch(script, options.wish);
  return 0;
}

// CLI11 sees what stands before --sbatch and before "--": behind them stand options of others.
void take_command(Cli& cli, SubmitOptions& options) {
  if (cli.argc() < 2 || std::string(cli.argv()[1]) != "submit") return;
  const std::vector<std::string> words(cli.argv(), cli.argv() + cli.argc());
  const auto end = std::find(words.begin() + 2, words.end(), "--");
  options.separated = end != words.end();
  if (options.separated) options.command.assign(end + 1, words.end());
  const auto others = std::find(words.begin() + 2, end, "--sbatch");
  if (others != end) options.wish.others.assign(others + 1, end);
  cli.argc() = static_cast<int>(others - words.begin());
}

void add_size_options(CLI::App& verb, const std::shared_ptr<SubmitOptions>& options) {
  JobWish& wish = options->wish;
  const auto count = [&](const char* name, std::optional<std::int64_t>& to, int most,
                         const char* help) {
    verb.add_option(name, to, help)->check(CLI::Range(1, most))->type_name("N");
  };
  count("-N,--nodes", wish.nodes, 1 << 20, "nodes");
  count("--ntasks-per-node", wish.ranks_per_node, 4096, "ranks on each");
  count("-c,--cpus-per-task", wish.cores_per_rank, 4096, "cores of each rank, for its threads");
  verb.add_option("--mem", wish.memory, "memory of each node: 64G; 0 is all of it")
      ->type_name("SIZE");
  verb.add_option("-t,--time", wish.time, "time limit: 30 (minutes), 1:30:00, 2-12:00:00")
      ->type_name("TIME");
  verb.add_option("-p,--partition", wish.partition, "where")->type_name("NAME");
  verb.add_option("-A,--account", wish.account, "whose hours")->type_name("NAME");
}

}  // namespace

void add_submit(Cli& cli) {
  const auto options = std::make_shared<SubmitOptions>();
  const auto strange = std::make_shared<std::vector<std::string>>();
  const std::string called = cli.argc() > 0 ? cli.argv()[0] : "rankine";
  take_command(cli, *options);
  CLI::App& verb = cli.add_verb(
      {"submit", "[--print] [options] [--sbatch OPTION...] -- VERB ARGUMENTS...",
       "Makes a Slurm job of a command, sized by its plan, and submits it.", kExample},
      Ranks::kFirstOnly, [called, strange, options] { return submit(called, *strange, *options); });
  add_size_options(verb, options);
  options->wish.mpi = collectives::srun_plugin();
  verb.add_option("--mpi", options->wish.mpi, "how srun and MPI meet: see srun --mpi=list")
      ->capture_default_str()
      ->type_name("TYPE");
  verb.add_flag("--print", options->print, "print the script, submit nothing");
  // Taken before (take_command); stands here for --help.
  verb.add_option("--sbatch", options->wish.others,
                  "all up to -- are options of sbatch as they are")
      ->type_name("OPTION...");
  // A command without a "--" before it has a message of its own.
  verb.allow_extras();
  verb.final_callback([&verb, strange] { *strange = verb.remaining(); });
}

}  // namespace rankine::apps
