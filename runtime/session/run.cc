#include "runtime/session/run.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <thread>
#include <utility>

#include "collectives/broadcast.h"
#include "collectives/environment.h"
#include "collectives/failed_start.h"
#include "collectives/loopback.h"
#include "collectives/mpi/mpi_communicator.h"
#include "io/posix_file.h"
#include "io/probe.h"
#include "runtime/api/history.h"
#include "runtime/base/archive.h"
#include "runtime/base/current_error.h"
#include "runtime/base/stop_signals.h"
#include "runtime/session/launch.h"
#include "runtime/worker/team.h"

namespace rankine {
namespace {

using session::kMostThreads;

std::int64_t parse_memory(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string unit(end, text.data() + text.size());
  int shift = -1;
  if (unit.empty() || unit == "B") shift = 0;
  if (unit == "KiB") shift = 10;
  if (unit == "MiB") shift = 20;
  if (unit == "GiB") shift = 30;
  if (problem != std::errc() || shift < 0 || number <= 0 ||
      number > (std::int64_t{1} << 62) >> shift) {
    throw usage_error("'" + text + "' is no amount of memory",
                      "write bytes, or KiB, MiB, GiB: 4GiB");
  }
  return number << shift;
}

int parse_threads(const std::string& text) {
  int number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size() || number < 1 ||
      number > kMostThreads) {
    throw usage_error("'" + text + "' is no number of threads",
                      "give --threads a number from 1 to " + std::to_string(kMostThreads));
  }
  return number;
}

// "gpu=1,licence=4"
std::map<std::string, std::int64_t> parse_resources(const std::string& text) {
  std::map<std::string, std::int64_t> resources;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    const std::size_t equals = part.find('=');
    std::int64_t amount = -1;
    if (equals != std::string::npos && equals > 0) {
      const char* last = part.data() + part.size();
      const auto [stop, problem] = std::from_chars(part.data() + equals + 1, last, amount);
      if (problem != std::errc() || stop != last) amount = -1;
    }
    if (amount < 0) {
      throw usage_error("--resources does not take '" + text + "'",
                        "give names with whole numbers: gpu=1,licence=4");
    }
    resources[part.substr(0, equals)] = amount;
    begin = end + 1;
  }
  return resources;
}

session::Reuse parse_reuse(const std::string& text) {
  if (text == "hold") return session::Reuse::kHold;
  if (text == "reread") return session::Reuse::kReread;
  if (text == "spill") return session::Reuse::kSpill;
  throw usage_error("--reuse does not take '" + text + "'", "give it hold, reread or spill");
}

bool parse_switch(const std::string& option, const std::string& text) {
  if (text == "on") return true;
  if (text == "off") return false;
  throw usage_error(option + " does not take '" + text + "'", "give it on or off");
}

// A failure of the client is the last word: no table and no other failure after its block.
void show_stages(Session& session, bool failed) {
  if (!session.stages().any()) return;
  if (!session.settings().quiet && !failed) std::fputs(session.stages().text().c_str(), stderr);
  try {
    session.write_stages();
  } catch (const Error&) {
    if (!failed) throw;
  }
}

int run_client(session::Engine& engine, const RunSettings& settings, const Client& client) {
  int code = 0;
  try {
    Session session(engine, settings);
    try {
      client(session);
    } catch (...) {
      code = report_current_exception();
    }
    show_stages(session, code != 0);
  } catch (...) {
    code = report_current_exception();
  }
  return code;
}

// An environment variable; 0 turns off what it is for. Throws Error (usage).
double seconds_from(const char* variable, double otherwise) {
  const char* text = std::getenv(variable);
  if (text == nullptr || *text == '\0') return otherwise;
  double seconds = 0;
  const char* end = text + std::strlen(text);
  const auto [stop, problem] = std::from_chars(text, end, seconds);
  if (problem != std::errc() || stop != end || !(seconds >= 0)) {
    throw usage_error(std::string(variable) + " is no number of seconds: '" + text + "'",
                      "give it seconds, or 0 for never");
  }
  return seconds;
}

using session::RankFacts;

// Settings for which the plan fits every rank.
RunSettings fitting_every_rank(const std::vector<RankFacts>& ranks, RunSettings settings) {
  for (const RankFacts& theirs : ranks) {
    const std::string& here = ranks.front().page_cache;
    settings.most_threads = std::max(settings.most_threads, theirs.seat.threads);
    settings.scratch_bytes = std::min(settings.scratch_bytes, theirs.scratch_bytes);
    settings.resources_of_ranks.push_back(theirs.resources);
    // One page cache for all of them (io/fixed_places.h).
    settings.straight &= ranks.size() == 1 || (!here.empty() && theirs.page_cache == here);
    if (theirs.memory_bytes == 0) continue;
    settings.memory_bytes = settings.memory_bytes == 0
                                ? theirs.memory_bytes
                                : std::min(settings.memory_bytes, theirs.memory_bytes);
  }
  return settings;
}

// What rank 0 tells all of them.
struct Seating {
  std::vector<std::int32_t> threads;       // by rank
  std::vector<std::uint8_t> shares_cores;  // by rank
  std::string scheduler_node;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(threads, shares_cores, scheduler_node);
  }
};

// Collective.
Seating seat_ranks(collectives::Communicator& communicator, const std::vector<RankFacts>& ranks) {
  Seating seating;
  std::vector<collectives::Seat> seats;
  for (const RankFacts& rank : ranks) {
    seats.push_back(rank.seat);
    seating.threads.push_back(rank.seat.threads);
  }
  for (const collectives::Cores cores : collectives::cores_of(seats)) {
    seating.shares_cores.push_back(cores == collectives::Cores::kShared ? 1 : 0);
  }
  if (!ranks.empty()) seating.scheduler_node = ranks.front().seat.node;
  Bytes bytes = to_bytes(seating);
  collectives::broadcast(communicator, 0, bytes);
  return from_bytes<Seating>(bytes);
}

void tell_launch(const std::vector<RankFacts>& ranks) {
  if (const std::string restarts = collectives::restart_text(); !restarts.empty()) {
    std::fprintf(stderr, "rankine: %s\n", restarts.c_str());
  }
  for (const session::LaunchTrouble& trouble : session::launch_troubles(ranks)) {
    const std::string line =
        "rankine: warning: " + trouble.what + "\n  try: " + trouble.remedy + "\n";
    std::fputs(line.c_str(), stderr);
  }
}

int run_rank(collectives::Communicator& communicator, bool launched, RunSettings settings,
             const Client& client, bool tell) {
  const std::vector<RankFacts> ranks = session::gather_facts(communicator, settings);
  if (tell && communicator.rank() == 0) tell_launch(ranks);
  const Seating seating = seat_ranks(communicator, ranks);
  const auto own = static_cast<std::size_t>(communicator.rank());
  settings.threads = seating.threads[own];
  const RunSettings fitting = fitting_every_rank(ranks, settings);
  session::EngineOptions options;
  options.threads = settings.threads;
  options.cores =
      seating.shares_cores[own] != 0 ? collectives::Cores::kShared : collectives::Cores::kOwn;
  options.nodes = {seating.scheduler_node};
  for (std::size_t rank = 1; rank < ranks.size(); ++rank) {
    options.nodes.push_back(ranks[rank].seat.node);
  }
  if (launched) {
    options.stop_s = collectives::launcher() == collectives::Launcher::kOpenMpi ? 0.5 : 20;
    options.stop_after_usr1_s = 20;
  }
  options.scratch = settings.scratch;
  options.resources = settings.resources;
  options.memory_bytes = settings.memory_bytes;
  options.stall_s = seconds_from("RANKINE_STALL_SECONDS", options.stall_s);
  options.silence_s = seconds_from("RANKINE_SILENCE_SECONDS", options.silence_s);
  if (!settings.quiet) {
    options.on_stall = [](const std::string& text) {
      std::fputs(("rankine: " + text).c_str(), stderr);
    };
  }
  session::Engine engine(communicator, options);
  if (communicator.rank() != 0) {
    engine.serve();
    return 0;
  }
  int code = 0;
  if (settings.dedicated_scheduler && communicator.size() < 2) {
    const Error error =
        usage_error("--dedicated-scheduler needs two ranks", "start with mpirun -n 2 or more");
    std::fputs(error.block().c_str(), stderr);
    code = static_cast<int>(error.exit_code);
  } else {
    code = run_client(engine, fitting, client);
  }
  engine.quit();
  return code;
}

}  // namespace

int report_current_exception() {
  Error told = current_error();
  // Where a signal met the run means nothing.
  if (!told.task_story.empty() && !is_stop(told)) {
    told.where += (told.where.empty() ? "" : ", ") + ("in task " + told.task_story);
  }
  std::fputs(told.block().c_str(), stderr);
  return static_cast<int>(told.exit_code);
}

int report_failed_start() {
  constexpr std::chrono::seconds kTimeToSpeak{2};
  int code = 0;
  if (collectives::launcher_rank() == 0) {
    code = report_current_exception();
  } else {
    std::this_thread::sleep_for(kTimeToSpeak);
    code = static_cast<int>(current_error().exit_code);
  }
  collectives::leave_before_start(code);
  return code;
}

RunSettings take_run_options(int& argc, char** argv) {
  RunSettings settings;
  settings.command = api::clean_command(argc, argv);
  settings.words.assign(argv, argv + argc);
  settings.threads = std::min(collectives::default_threads(), kMostThreads);
  settings.shares_cores_out = !collectives::wished_threads();
  settings.memory_bytes = collectives::default_memory_bytes();
  int kept = 1;
  bool open = true;  // before "--"
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    if (name == "--") open = false;
    std::string value;
    const std::size_t equals = name.find('=');
    const bool inline_value = name.rfind("--", 0) == 0 && equals != std::string::npos;
    if (inline_value) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    const bool takes_value = name == "--threads" || name == "--memory" || name == "--stages" ||
                             name == "--reuse" || name == "--scratch" || name == "--resources" ||
                             name == "--steal" || name == "--straight" || name == "--shard";
    const bool flag = name == "--quiet" || name == "--no-history" ||
                      name == "--dedicated-scheduler" || name == "--no-fuse" ||
                      name == "--resume" || name == "--merge" || name == "--allow-plugins" ||
                      name == "--allow-external" || name == "--allow-missing" ||
                      name == "--default-fill";
    if (!open || (!takes_value && !flag)) {
      argv[kept++] = argv[i];
      continue;
    }
    if (flag && inline_value) throw usage_error(name + " takes no value", "leave out =" + value);
    if (takes_value && !inline_value) {
      if (i + 1 >= argc) throw usage_error(name + " needs a value", "see --help");
      value = argv[++i];
    }
    if (name == "--threads") {
      settings.threads = parse_threads(value);
      settings.shares_cores_out = false;
    }
    if (name == "--memory") settings.memory_bytes = parse_memory(value);
    if (name == "--stages") settings.stages_file = value;
    if (name == "--reuse") settings.reuse = parse_reuse(value);
    if (name == "--steal") settings.steal = parse_switch(name, value);
    if (name == "--straight") settings.straight = parse_switch(name, value);
    if (name == "--scratch") settings.scratch = value;
    if (name == "--shard") settings.shard = io::parse_shard(value);
    if (name == "--resources") settings.resources = parse_resources(value);
    if (name == "--quiet") settings.quiet = true;
    if (name == "--no-history") settings.history = false;
    if (name == "--resume") settings.resume = true;
    if (name == "--merge") settings.merge = true;
    if (name == "--dedicated-scheduler") settings.dedicated_scheduler = true;
    if (name == "--no-fuse") settings.fuse = false;
    if (name == "--allow-plugins") settings.access.plugins = true;
    if (name == "--allow-external") settings.access.external = true;
    if (name == "--allow-missing") settings.access.missing = true;
    if (name == "--default-fill") settings.access.default_fill = true;
  }
  argc = kept;
  argv[argc] = nullptr;
  if (settings.shard && settings.merge) {
    throw usage_error("--shard and --merge exclude each other", "merge when all shards are made");
  }
  settings.threads = std::min(settings.threads, worker::most_threads());
  settings.scratch_bytes = io::room_on_disk(settings.scratch) / collectives::local_size();
  return settings;
}

int World::session(const RunSettings& settings, const Client& client) {
  const bool tell = !settings.quiet && !std::exchange(told_, true);
  Bytes code = to_bytes(run_rank(communicator_, launched_, settings, client, tell));
  collectives::broadcast(communicator_, 0, code);
  return from_bytes<int>(code);
}

int run_world(const RunSettings& settings, const std::function<int(World&)>& body) {
  // Launchers pass a signal on to every rank: rank 0 acts on it, the others wait for its word.
  StopSignals signals;
  io::set_access(settings.access);
  if (!collectives::launched()) {
    collectives::LoopbackNetwork alone(1);
    World world(alone.rank(0), false);
    return body(world);
  }
  collectives::MpiWorld mpi;
  try {
    signals.renew();
    World world(mpi.communicator(), true);
    return body(world);
  } catch (...) {
    if (mpi.communicator().size() == 1) throw;
    mpi.abort(report_current_exception());  // the other ranks would wait
  }
}

// Only rank 0 returns the code of the program.
int run_with(const RunSettings& settings, const Client& client) {
  return run_world(settings, [&](World& world) {
    const int code = world.session(settings, client);
    return world.communicator().rank() == 0 ? code : 0;
  });
}

int run(int& argc, char**& argv, const Client& client) {
  io::open_standard_streams();
  if (const auto code = io::run_probe_child(argc, argv)) return *code;
  try {
    return run_with(take_run_options(argc, argv), client);
  } catch (...) {
    return report_failed_start();
  }
}

}  // namespace rankine
