// Which tasks another rank than their home may run, and how many at one time (worker/steal.h). A
// task that moves takes its inputs along and its results come home, so where it runs changes no bit
// of them.
#pragma once

#include <cstdint>

#include "runtime/plan/placement.h"

namespace rankine::plan {

// Tasks of others that a rank has at one time, from the moment it sets memory aside until their
// results have left; and of its own that are away.
inline std::int64_t taken_tasks(int threads) { return 2 * std::int64_t{threads} + 1; }
inline std::int64_t lent_tasks(int threads) { return 4 * std::int64_t{threads} + 8; }
// Of one task: the inputs it takes along, and their bytes in blocks of the pool. Others stay at
// home.
inline constexpr std::int64_t kMovedInputs = 64;
inline constexpr std::int64_t kMovedInputBytes = std::int64_t{4} << 20;

// Whether tasks of the layer may move: Map tasks, unless they leave something on their rank
// (results on rank 0, chunks for later graphs, spilled chunks), nodes of reductions, users' tasks.
bool layer_moves(const graph::Topology& topology, const Placement& placement, std::uint32_t layer);

// Whether a task's chunks belong to trees, which are bounded by the order in which leaves start: of
// those only tasks without inputs move.
bool feeds_tree(const graph::Topology& topology, std::uint32_t layer);

// What tasks that moved to a rank take there at most, in buffers. At home they take what they would
// take if they ran there: their outputs count as held from the moment they arrive.
std::int64_t taken_bytes(const graph::Topology& topology, const Placement& placement, int threads);

}  // namespace rankine::plan
