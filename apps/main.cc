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
  apps::add_eval(cli);
  apps::add_info(cli);
  apps::add_plan(cli);
  apps::add_rechunk(cli);
  apps::add_subset(cli);
  apps::add_concat(cli);
  apps::add_diff(cli);
  apps::add_verify(cli);
  apps::add_status(cli);
  apps::add_submit(cli);
  apps::add_sample(cli);
  apps::add_bench(cli);
  apps::add_simulate(cli);
  apps::add_doctor(cli);
  apps::add_config(cli);
  return cli.run();
}
