// Brings the elements that a leaf of a Map task needs to where the evaluator can see them: from a
// file, from chunks of other layers, or made up. Where the elements already lie in one buffer they
// are viewed in place, else they are gathered into one.
#pragma once

#include <memory>
#include <vector>

#include "io/reader.h"
#include "runtime/base/function_ref.h"
#include "runtime/base/pool.h"
#include "runtime/graph/topology.h"
#include "runtime/kernels/evaluate.h"
#include "runtime/worker/held_chunk.h"

namespace rankine::worker {

// Chunks of other layers, by name: the inputs of a running task, which stay where they are until it
// is over. Quickest in the order of Topology::for_each_input.
using FindChunk = FunctionRef<const HeldChunk&(const graph::ChunkId&)>;

// What a call of the task made, over a box of the indices of those who read it.
struct MadeBlock {
  SharedBuffer buffer;
  Box box;
};

struct LoadSources {
  const graph::Topology& topology;
  const std::vector<std::unique_ptr<io::DatasetReader>>& readers;  // by data set of the graph
  const FindChunk& find_chunk;
  Pool& pool;
  std::vector<MadeBlock> made = {};  // by calls of the task, as far as they have run
};

// A leaf's elements over a box of the iteration space. The view is valid while this lives.
struct LoadedLeaf {
  kernels::View view;
  std::vector<SharedBuffer> keeps;
};

// box: elements of the iteration space; not empty. Throws Error (input) from reading.
LoadedLeaf load_leaf(const graph::Leaf& leaf, const Box& box, const LoadSources& sources,
                     io::ReadScratch& scratch, io::ReadStats& stats);

}  // namespace rankine::worker
