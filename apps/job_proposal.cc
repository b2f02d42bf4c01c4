#include "apps/job_proposal.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "apps/info.h"
#include "apps/preflight.h"
#include "apps/text.h"
#include "io/output.h"
#include "io/probe.h"
#include "runtime/api/open.h"
#include "runtime/plan/saturate.h"

namespace rankine::apps {
namespace {

constexpr std::int64_t kGiB = std::int64_t{1} << 30;
constexpr std::int64_t kPlanned = 2 * kGiB;  // a core, that a plan may take where nobody says
constexpr std::int64_t kUnplanned = kGiB;    // a core, where there is no plan

// What a rank may hold; nothing: its share of a whole node, of which nobody knows the memory.
std::optional<std::int64_t> allowed_memory(const JobCommand& command, const JobWish& wish,
                                           const JobSizes& sizes, const RunSettings& settings) {
  if (command.given("--memory")) return settings.memory_bytes;
  if (!wish.memory.empty()) return rank_memory(wish.memory, sizes.ranks_per_node);
  return kPlanned * sizes.cores_per_rank;
}

// Ranks that believe in --memory would be killed by Slurm.
void check_memory(const JobCommand& command, const JobWish& wish, const JobSizes& sizes,
                  const RunSettings& settings) {
  if (!command.given("--memory") || wish.memory.empty()) return;
  const auto share = rank_memory(wish.memory, sizes.ranks_per_node);
  if (!share || settings.memory_bytes <= *share) return;
  throw usage_error(fmt::format("--memory allows each rank {}, its share of --mem is {}",
                                size_words(settings.memory_bytes), size_words(*share)),
                    "leave out --memory, or ask for more by --mem");
}

PlanReport plan_for(const std::vector<optimize::Target>& targets, const RunSettings& settings,
                    const JobSizes& sizes) {
  try {
    return session::describe_plan(
        targets, session::prepare_options(settings, static_cast<int>(sizes.ranks())));
  } catch (Error& error) {
    if (error.exit_code != ExitCode::kRefused) throw;
    error.remedy += "; of a job, --nodes and --mem stand before the --";
    throw;
  }
}

std::string need_of_plan(const JobCommand& command, std::int64_t bound, std::int64_t allowed) {
  if (command.given("--memory")) {
    return fmt::format("--memory allows it {}, the plan needs at most {}", size_words(allowed),
                       size_words(bound));
  }
  return fmt::format("the plan needs at most {}", size_words(bound));
}

// What `eval` would do.
struct Program {
  NamedArrays results;
  std::optional<session::StorePlan> store;  // if there is an output
  std::vector<optimize::Target> targets;
};

Program program_of(const ProgramOptions& options, const RunSettings& settings) {
  Program program{results_of(options), {}, {}};
  tell_remarks(settings, program.results);
  if (options.output.empty()) {
    program.targets = session::targets_of(program.results);
    return program;
  }
  io::check_output(options.output, files_of(options.inputs), options.overwrite, settings.resume);
  program.store = session::plan_store(program.results, store_options(options, program.results), {});
  program.targets = program.store->targets;
  return program;
}

// How much there is to do hardly depends on how it is shared out, so a plan for one rank tells.
JobWork work_of(const Program& program, const std::string& output, const RunSettings& settings) {
  JobWork work;
  work.least_ranks = settings.dedicated_scheduler ? 2 : 1;
  const int ranks = static_cast<int>(work.least_ranks);
  session::PrepareOptions roomy = session::prepare_options(settings, ranks);
  roomy.machine.memory_bytes = 0;
  roomy.machine.refuses = false;
  const PlanReport report = session::describe_plan(program.targets, roomy);
  const Preflight known = preflight(program.results, report, settings, ranks,
                                    program.store ? &*program.store : nullptr, output);
  work.side_by_side = report.side_by_side;
  work.core_seconds = known.core_seconds;
  work.known_from = "by the plan";
  work.assumption = assumption(known);
  return work;
}

JobProposal propose_by_plan(JobCommand& command, const JobWish& wish) {
  const ProgramOptions& options = command.program();
  RunSettings settings = command.settings(1);
  io::set_access(settings.access);
  const Program program = program_of(options, settings);
  const JobWork work = work_of(program, options.output, settings);
  JobProposal proposal{job_sizes(wish, work), {}};
  settings = command.settings(proposal.sizes.cores_per_rank);
  check_memory(command, wish, proposal.sizes, settings);
  const auto allowed = allowed_memory(command, wish, proposal.sizes, settings);
  settings.memory_bytes = allowed.value_or(0);
  const std::int64_t bound = plan_for(program.targets, settings, proposal.sizes).memory_bound_bytes;
  const std::int64_t need = command.given("--memory") ? settings.memory_bytes : bound;
  proposal.limits = job_limits(wish, work, proposal.sizes, need,
                               need_of_plan(command, bound, settings.memory_bytes));
  return proposal;
}

// The inputs of a verb without a plan.
std::vector<std::string> inputs_of(const JobCommand& command, const RunSettings& settings) {
  std::vector<std::string> words;
  for (const std::string& argument : command.kind().inputs) {
    for (std::string& word : command.values(argument)) words.push_back(std::move(word));
  }
  std::string output;
  if (command.kind().copies) {
    const auto named = command.values("--output");
    if (!named.empty()) output = named.back();
    if (output.empty() && words.size() > 1) {
      output = words.back();
      words.pop_back();
    }
    if (output.empty()) throw usage_error("there is no output", "name it last, or by -o");
  }
  for (std::string& word : words) word = api::split_location(word).file;
  const std::vector<std::string> files = api::files_named(words);
  if (!output.empty() && command.stores()) {
    io::check_output(output, files, command.given("--overwrite"), settings.resume);
  }
  return files;
}

struct RawSizes {
  std::int64_t bytes = 0, chunks = 0, largest_chunk = 0;
};

void add(const io::Variable& variable, RawSizes& sizes) {
  constexpr std::int64_t kPiece = std::int64_t{4} << 20;  // in which contiguous data are read
  if (!variable.dtype || variable.is_field) return;
  const std::int64_t bytes = plan::bytes_of(raw_bytes(variable).value_or(UINT64_MAX));
  std::int64_t chunks = 1, chunk = plan::bytes_of(variable.element_size);
  if (variable.layout == io::Layout::kChunked) {
    for (std::size_t k = 0; k < variable.shape.size(); ++k) {
      const std::int64_t length = std::max<std::int64_t>(1, variable.chunk[k]);
      chunks = plan::times(chunks, variable.shape[k] / length + (variable.shape[k] % length != 0));
      chunk = plan::times(chunk, length);
    }
  } else {
    chunks = bytes / kPiece + 1;
    chunk = std::min(bytes, kPiece);
  }
  sizes.bytes = plan::plus(sizes.bytes, bytes);
  sizes.chunks = plan::plus(sizes.chunks, chunks);
  sizes.largest_chunk = std::max(sizes.largest_chunk, chunk);
}

RawSizes sizes_of(const std::vector<std::string>& files) {
  RawSizes sizes;
  for (const io::FileInfo& info : io::probe_files(files)) {
    for (const io::Variable& variable : info.variables) add(variable, sizes);
  }
  return sizes;
}

JobWork work_on(const RawSizes& raw, bool stores) {
  Preflight known;
  known.core_seconds = decode_seconds(raw.bytes);
  if (stores) {
    known.output = OutputSizes();
    known.output->codec = StoreOptions().codec;
    known.core_seconds += compress_seconds(raw.bytes, known.output->codec);
  }
  JobWork work;
  work.side_by_side = std::max<std::int64_t>(1, raw.chunks);
  work.core_seconds = known.core_seconds;
  work.known_from = "by the sizes of the inputs, without a plan";
  work.assumption = assumption(known);
  return work;
}

JobProposal propose_without_plan(JobCommand& command, const JobWish& wish) {
  const RunSettings settings = command.settings(1);
  io::set_access(settings.access);
  RawSizes raw;
  JobWork work;
  work.known_from = "nothing tells how much there is to do";
  work.side_by_side = std::int64_t{1} << 20;
  if (!command.kind().inputs.empty()) {
    raw = sizes_of(inputs_of(command, settings));
    work = work_on(raw, command.stores());
  }
  work.least_ranks = settings.dedicated_scheduler ? 2 : 1;
  JobProposal proposal{job_sizes(wish, work), {}};
  check_memory(command, wish, proposal.sizes, settings);
  const std::int64_t cores = proposal.sizes.cores_per_rank;
  const std::int64_t chunks = plan::times(plan::times(raw.largest_chunk, 4), cores);
  std::int64_t need = std::max(kUnplanned * cores, chunks);
  std::string why =
      need > chunks ? "a GiB for each core" : "four of the largest chunks for each core";
  why += fmt::format(", as no plan of {} was made", command.kind().name);
  if (command.given("--memory")) {
    need = settings.memory_bytes;
    why = fmt::format("--memory allows it {}", size_words(need));
  }
  proposal.limits = job_limits(wish, work, proposal.sizes, need, why);
  return proposal;
}

}  // namespace

JobProposal propose_job(JobCommand& command, const JobWish& asked) {
  JobWish wish = asked;
  const RunSettings settings = command.settings(1);
  if (command.given("--threads")) {
    const std::int64_t cores = asked.cores_per_rank.value_or(settings.threads);
    if (settings.threads > cores) {
      throw usage_error(
          fmt::format("--threads starts {} threads in each rank, --cpus-per-task gives it {}",
                      settings.threads, counted(cores, "core")),
          "leave out --threads, or ask for more cores by -c");
    }
    wish.cores_per_rank = cores;
  }
  JobProposal proposal = command.kind().name == "eval" ? propose_by_plan(command, wish)
                                                       : propose_without_plan(command, wish);
  if (!asked.cores_per_rank && wish.cores_per_rank) {
    proposal.sizes.cores_why = "As many as --threads starts.";
  }
  if (settings.dedicated_scheduler && proposal.sizes.ranks() < 2) {
    throw usage_error("--dedicated-scheduler needs two ranks",
                      "ask for more than one by --nodes and --ntasks-per-node");
  }
  return proposal;
}

}  // namespace rankine::apps
