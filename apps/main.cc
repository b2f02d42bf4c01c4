#include "apps/cli.h"
#include "apps/starter.h"
#include "apps/verbs.h"
#include "io/posix_file.h"
#include "io/probe.h"
#include "runtime/base/stop_signals.h"

int main(int argc, char** argv) {
  using namespace rankine;
  io::open_standard_streams();
  // This executable may have been started by itself, to look into a file (io/probe.h).
  if (const auto code = io::run_probe_child(argc, argv)) return *code;
  if (apps::starter_ignored_hangup()) StopSignals::hangup_was_ignored();
  apps::Cli cli(argc, argv);
  apps::add_all_verbs(cli);
  return cli.run();
}
