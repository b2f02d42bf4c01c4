// `bench hop`: what it costs to go on with a result on another rank.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/session/run.h"

namespace rankine::apps {

struct HopFigure {
  double hop_us = 0;       // from a task to the one on the other rank that waits for it
  double pingpong_us = 0;  // the same bytes one way, by MPI_Send and MPI_Recv
};

// Collective over at least two ranks: a chain of tasks that changes the rank with every one, and
// messages between the same two, in turn `repeat` times; medians on rank 0. bytes: 8, 1024 or
// 65536. Returns not 0 if a session failed. Throws Error (usage) on one rank.
int measure_hop(World& world, const RunSettings& settings, std::int64_t bytes, std::int64_t rounds,
                int repeat, HopFigure& figure);

std::string text_of(const HopFigure& figure, std::int64_t bytes);
void write_json(const std::string& path, const HopFigure& figure);

}  // namespace rankine::apps
