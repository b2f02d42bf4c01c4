// What it costs to run a graph, to compare plans of one program: they differ in what is read and
// computed again and in what goes through scratch.
#pragma once

#include "runtime/plan/placement.h"

namespace rankine::plan {

// Nanoseconds of one core, by rates that are the same on every machine: O(layers). Reductions and
// transfers, which all plans have, are left out.
double cost_ns(const graph::Topology& topology, const Placement& placement);

}  // namespace rankine::plan
