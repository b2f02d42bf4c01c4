#include "apps/verbs.h"

namespace rankine::apps {

void add_all_verbs(Cli& cli) {
  add_eval(cli);
  add_info(cli);
  add_plan(cli);
  add_rechunk(cli);
  add_subset(cli);
  add_concat(cli);
  add_merge(cli);
  add_diff(cli);
  add_verify(cli);
  add_status(cli);
  add_submit(cli);
  add_sample(cli);
  add_bench(cli);
  add_simulate(cli);
  add_doctor(cli);
  add_config(cli);
}

}  // namespace rankine::apps
