// What a task is called where people read of it.
#pragma once

#include <string>

#include "runtime/graph/topology.h"

namespace rankine::graph {

// Layer or function, which task of it, and the user's line: "mean(t2m), chunk (3, 0), job.cc:12",
// "simulate, task 17, job.cc:12".
std::string story_of(const Topology& topology, TaskId task);

}  // namespace rankine::graph
