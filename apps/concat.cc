// concat: several files as one along a dimension.
#include "apps/copy_file.h"
#include "apps/program.h"
#include "apps/verbs.h"

namespace rankine::apps {

void add_concat(Cli& cli) {
  const auto options = std::make_shared<CopyOptions>();
  CLI::App& verb = cli.add_verb({"concat", "IN... OUT [--dim NAME] [-v NAME,...] [options]",
                                 "Joins files along their record dimension.",
                                 "rankine concat era5_2000.nc era5_2001.nc era5.nc"},
                                Ranks::kAll, [&cli, options] { return copy_files(cli, *options); });
  add_copy_options(verb, options);
  verb.add_option("--dim", options->dimension,
                  "the dimension to join along (default: the only unlimited one; without names, "
                  "the first axis of all data sets where it is unlimited)")
      ->type_name("NAME");
  add_run_options(verb, Runs::kStores);
}

}  // namespace rankine::apps
