// The program that `bench graph` measures: about 30 layers that use every kind of edge.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/api/array.h"

namespace rankine::apps {

// On a grid of `chunks` chunks per axis, ragged at the end, the first axis cut irregularly: slices,
// arithmetic, shifts, tree reductions, rechunks, concatenations, products. The number of tasks is
// of the order of chunks^3.
std::vector<Array> bench_program(std::int64_t chunks);

}  // namespace rankine::apps
