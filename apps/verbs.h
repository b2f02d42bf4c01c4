// The verbs, one source file each: <verb>.cc.
#pragma once

#include "apps/cli.h"

namespace rankine::apps {

void add_all_verbs(Cli& cli);  // in the order of --help

void add_bench(Cli& cli);
void add_concat(Cli& cli);
void add_config(Cli& cli);
void add_diff(Cli& cli);
void add_doctor(Cli& cli);
void add_eval(Cli& cli);
void add_info(Cli& cli);
void add_merge(Cli& cli);
void add_plan(Cli& cli);
void add_rechunk(Cli& cli);
void add_sample(Cli& cli);
void add_simulate(Cli& cli);
void add_status(Cli& cli);
void add_submit(Cli& cli);
void add_subset(Cli& cli);
void add_verify(Cli& cli);

}  // namespace rankine::apps
