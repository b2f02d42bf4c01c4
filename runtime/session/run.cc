#include "runtime/session/run.h"

#include <charconv>
#include <cstdio>
#include <fstream>
#include <memory>
#include <new>

#include "collectives/environment.h"
#include "collectives/loopback.h"
#include "collectives/mpi/mpi_communicator.h"
#include "io/probe.h"
#include "runtime/api/history.h"
#include "runtime/base/error.h"
#include "runtime/base/stop_signals.h"

namespace rankine {
namespace {

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
    throw usage_error("'" + text + "' is no amount of memory", "write bytes, or KiB, MiB, GiB: 4GiB");
  }
  return number << shift;
}

int parse_threads(const std::string& text) {
  int number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size() || number < 1 || number > 4096) {
    throw usage_error("'" + text + "' is no number of threads", "give --threads a number from 1 on");
  }
  return number;
}

session::Reuse parse_reuse(const std::string& text) {
  if (text == "hold") return session::Reuse::kHold;
  if (text == "reread") return session::Reuse::kReread;
  throw usage_error("--reuse does not take '" + text + "'", "give it hold or reread");
}

void write_stages(const Session& session, const RunSettings& settings) {
  if (!session.stages().any()) return;
  if (!settings.quiet) std::fputs(session.stages().text().c_str(), stderr);
  if (settings.stages_file.empty()) return;
  std::ofstream file(settings.stages_file);
  file << session.stages().json(settings.threads);
  file.close();
  if (!file) {
    throw Error(ExitCode::kTaskFailed, "cannot write the stages", settings.stages_file,
                "is the folder there and writable?");
  }
}

int run_client(session::Engine& engine, const RunSettings& settings, const Client& client) {
  int code = 0;
  try {
    Session session(engine, settings);
    RunSettings report = settings;
    try {
      client(session);
    } catch (...) {
      code = report_current_exception();
      report.quiet = true;  // the error block is the last word
    }
    write_stages(session, report);
  } catch (...) {
    code = report_current_exception();
  }
  return code;
}

}  // namespace

int report_current_exception() {
  try {
    throw;
  } catch (const Error& error) {
    Error told = error;
    if (!told.task_story.empty()) {
      told.where += (told.where.empty() ? "" : ", ") + ("in task " + told.task_story);
    }
    std::fputs(told.block().c_str(), stderr);
    return static_cast<int>(told.exit_code);
  } catch (const std::bad_alloc&) {
    std::fputs(Error(ExitCode::kTaskFailed, "out of memory").block().c_str(), stderr);
  } catch (const std::exception& failure) {
    std::fputs(Error(ExitCode::kTaskFailed, failure.what()).block().c_str(), stderr);
  }
  return static_cast<int>(ExitCode::kTaskFailed);
}

RunSettings take_run_options(int& argc, char** argv) {
  RunSettings settings;
  settings.command = api::clean_command(argc, argv);
  settings.threads = collectives::default_threads();
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
    const bool takes_value =
        name == "--threads" || name == "--memory" || name == "--stages" || name == "--reuse";
    const bool flag = name == "--quiet" || name == "--no-history" ||
                      name == "--dedicated-scheduler" || name == "--no-fuse";
    if (!open || (!takes_value && !flag)) {
      argv[kept++] = argv[i];
      continue;
    }
    if (takes_value && !inline_value) {
      if (i + 1 >= argc) throw usage_error(name + " needs a value", "see --help");
      value = argv[++i];
    }
    if (name == "--threads") settings.threads = parse_threads(value);
    if (name == "--memory") settings.memory_bytes = parse_memory(value);
    if (name == "--stages") settings.stages_file = value;
    if (name == "--reuse") settings.reuse = parse_reuse(value);
    if (name == "--quiet") settings.quiet = true;
    if (name == "--no-history") settings.history = false;
    if (name == "--dedicated-scheduler") settings.dedicated_scheduler = true;
    if (name == "--no-fuse") settings.fuse = false;
  }
  argc = kept;
  argv[argc] = nullptr;
  return settings;
}

int run_with(const RunSettings& settings, const Client& client) {
  // Launchers pass a signal on to every rank: rank 0 acts on it, the others wait for its word.
  const StopSignals signals;
  std::unique_ptr<collectives::MpiWorld> world;
  std::unique_ptr<collectives::LoopbackNetwork> alone;
  if (collectives::launched()) {
    world = std::make_unique<collectives::MpiWorld>();
  } else {
    alone = std::make_unique<collectives::LoopbackNetwork>(1);
  }
  collectives::Communicator& communicator = world ? world->communicator() : alone->rank(0);
  session::EngineOptions options;
  options.threads = settings.threads;
  options.cores = collectives::cores_for(settings.threads * collectives::local_size(),
                                         collectives::affinity_cores());
  session::Engine engine(communicator, options);
  if (communicator.rank() != 0) {
    engine.serve();
    return 0;
  }
  int code = 0;
  if (settings.dedicated_scheduler && communicator.size() < 2) {
    std::fputs(usage_error("--dedicated-scheduler needs two ranks", "start with mpirun -n 2 or more")
                   .block()
                   .c_str(),
               stderr);
    code = static_cast<int>(ExitCode::kUsage);
  } else {
    code = run_client(engine, settings, client);
  }
  engine.quit();
  return code;
}

int run(int& argc, char**& argv, const Client& client) {
  if (const auto code = io::run_probe_child(argc, argv)) return *code;
  try {
    return run_with(take_run_options(argc, argv), client);
  } catch (...) {
    const int code = report_current_exception();
    return collectives::launcher_rank() == 0 ? code : 0;
  }
}

}  // namespace rankine
