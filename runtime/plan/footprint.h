// How much memory a graph takes on one rank, bounded in closed form from the layers. Of users'
// tasks it knows what they are given; what their functions allocate, and results longer than a few
// words, come on top.
#pragma once

#include <cstdint>

#include "runtime/plan/placement.h"

namespace rankine::plan {

// What the bound relies on. Bulk sends under way from a rank (others that are pulled wait): a piece
// of a chunk is packed only while it is sent. Several only while they are not longer than
// kBulkBytes together. Packets under way to one rank, and their length.
inline constexpr std::int64_t kBulkSends = 4;
inline constexpr std::int64_t kBulkBytes = std::int64_t{64} << 20;
// Chunks that are received to be spilled, at one time; and what reading a spilled chunk takes
// beside the elements that are read.
inline constexpr std::int64_t kSpillReceives = 2;
inline constexpr std::int64_t kSpillWindow = std::int64_t{256} << 10;
inline constexpr std::int64_t kPackets = 18;
inline constexpr std::int64_t kPacketBytes = std::int64_t{68} << 10;

// Bytes; none is above kTooMuch (saturate.h).
struct Footprint {
  std::int64_t task_bytes = 0;       // what a thread and the task it runs take at most
  std::int64_t task_pool_bytes = 0;  // of it, what comes from the pool
  std::int64_t held_bytes = 0;       // chunks that wait for their consumers, at most at one time
  std::int64_t persisted_bytes = 0;  // of held_bytes, what stays beyond the end of the graph
  std::int64_t sent_bytes = 0;       // chunks and pieces on their way between ranks
  std::int64_t taken_bytes = 0;      // inputs and outputs of tasks that came from other ranks
  std::int64_t spilled_bytes = 0;    // chunks that wait in scratch, at most: not in memory
  std::int64_t result_bytes = 0;     // arrays fetched to rank 0
  // Chunk indexes of inputs, records of written chunks, descriptions of users' tasks, in the copies
  // they pass through on rank 0.
  std::int64_t index_bytes = 0;
  // What some rank certainly has at one time: all fetched arrays, or the largest chunk. All other
  // numbers are bounds from above.
  std::int64_t least_bytes = 0;
  // Under admission (reserve.h), instead of task_bytes for each thread and held_bytes: the budget,
  // and what comes on top. 0: there is none.
  std::int64_t budget_bytes = 0;
  std::int64_t noted_bytes = 0;

  std::int64_t most_held_bytes = 0;  // by the layer `most_holding`
  std::string most_holding;
  std::string largest_task;  // the layer of task_bytes

  std::int64_t total(int threads) const;
  std::int64_t beside_budget() const;          // what a rank takes that admission does not count
  std::int64_t pool_bytes(int threads) const;  // of it, what comes from the pool
  // What takes most: "the fetched results", "a task of layer 'mean'", ...
  std::string largest(int threads) const;
};

// The largest footprint of any rank. Partial states of a reduction are counted by the window of
// the tree if the layer's order keeps the chunks of one result together (fan-in x levels x
// threads), else all that may live on a rank; chunks of other layers are counted as a rank's whole
// share, those of spilled layers not at all. threads: of a rank.
Footprint footprint(const graph::Topology& topology, const Placement& placement, int threads = 1);

// What a layer would no longer hold in memory if it were spilled; 0 if it cannot be: a user's task
// takes whole arrays, and nothing is gained if those wait on disk; states that a user's function
// joins must be in memory.
std::int64_t spillable_bytes(const graph::Topology& topology, const Placement& placement,
                             std::uint32_t layer, int threads);

}  // namespace rankine::plan
