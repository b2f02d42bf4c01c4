// subset: a part of a file, by index, coordinate value or date.
#include "apps/copy_file.h"
#include "apps/program.h"
#include "apps/verbs.h"

namespace rankine::apps {

void add_subset(Cli& cli) {
  const auto options = std::make_shared<CopyOptions>();
  CLI::App& verb = cli.add_verb(
      {"subset", "IN... OUT [-d DIM,FROM,TO[,STEP]]... [-v NAME,...] [options]",
       "Copies a part of a file, with all that belongs to it.",
       "rankine subset era5.nc may.nc -v t2m -d time,2000-05-01,2000-05-31 -d lat,30.0,60.0"},
      Ranks::kAll, [&cli, options] { return copy_files(cli, *options); });
  add_copy_options(verb, options);
  verb.add_option(
          "-d", options->hyperslabs,
          "dim,from,to[,step]: to is inclusive; numbers with a point are coordinate values, "
          "2000-01-31 a date")
      ->type_name("DIM,FROM,TO")
      ->allow_extra_args(false);
  verb.add_option("--dim", options->dimension, "along which several files are joined")
      ->type_name("NAME");
  add_run_options(verb, Runs::kStores);
}

}  // namespace rankine::apps
