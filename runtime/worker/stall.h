// Why a rank stands still, in words: for the log of a run in which nothing completes any more.
#pragma once

#include <string>

#include "runtime/worker/board.h"
#include "runtime/worker/reactor.h"

namespace rankine::worker {

// Some lines, however much is live: what runs, which tasks wait for which inputs and where those
// are at home (the earliest in the graph first: what is behind them waits for them), from which
// ranks inputs are missing in all, which pulled chunks have not come, and which ranks have not
// taken what was announced to them. Pure: O(live tasks and their inputs), to be called while nobody
// changes board and reactor.
std::string explain_stall(const graph::Topology& topology, const plan::Placement& placement,
                          const Board& board, const Reactor& reactor);

}  // namespace rankine::worker
