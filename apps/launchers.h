// The launchers that are installed here: mpirun and srun, as they describe themselves.
#pragma once

#include <string>
#include <vector>

#include "runtime/session/launch.h"

namespace rankine::apps {

// A line for each. Runs them, so that it is of no use among the ranks of one: then nothing. Adds
// what is wrong with them: an mpirun of another MPI than the one this program was built with, one
// that refuses root.
std::vector<std::string> find_launchers(std::vector<session::LaunchTrouble>& troubles);

}  // namespace rankine::apps
