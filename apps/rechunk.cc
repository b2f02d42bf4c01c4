// rechunk: the same file in other chunks, or with another codec.
#include "apps/copy_file.h"
#include "apps/program.h"
#include "apps/verbs.h"

namespace rankine::apps {

void add_rechunk(Cli& cli) {
  const auto options = std::make_shared<CopyOptions>();
  CLI::App& verb = cli.add_verb(
      {"rechunk", "IN... OUT --chunks DIM=N,... [--codec CODEC] [options]",
       "Copies a file into other chunks or by another codec.",
       "rankine rechunk era5.nc era5_t.nc --chunks time=8760,lat=32,lon=32 --memory 1GiB"},
      Ranks::kAll, [&cli, options] { return copy_files(cli, *options); });
  add_copy_options(verb, options);
  verb.add_option("-c,--chunks", options->chunks,
                  "lengths of chunks by dimension, -1 for the whole; or one number per axis")
      ->type_name("DIM=N,...");
  verb.add_option("--dim", options->dimension, "along which several files are joined")
      ->type_name("NAME");
  add_run_options(verb, Runs::kStores);
}

}  // namespace rankine::apps
