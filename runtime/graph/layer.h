// What runs: layers, not tasks. A layer is an N-dimensional grid of tasks that run one kernel with
// one set of parameters; a task is (layer, position) and is never stored unless it is live. All of
// this is plain data: it is what travels to the ranks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "io/dataset.h"
#include "io/h5/output_spec.h"
#include "runtime/base/chunk_grid.h"
#include "runtime/graph/call.h"
#include "runtime/graph/explicit.h"
#include "runtime/graph/grid.h"
#include "runtime/graph/held.h"
#include "runtime/graph/layer_output.h"
#include "runtime/kernels/program.h"
#include "runtime/kernels/reduce.h"

namespace rankine::graph {

// How an element of the iteration space finds its element in a source: per source axis, source
// index = step * (iteration index along `axis`) + offset. axis -1: the index is `offset`.
struct Term {
  std::int32_t axis = -1;
  std::int64_t step = 0;
  std::int64_t offset = 0;
  bool operator==(const Term&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    Varint a{axis}, s{step}, o{offset};
    archive(a, s, o);
    axis = static_cast<std::int32_t>(a.value);
    step = s.value;
    offset = o.value;
  }
};

// A data set of the graph, by index.
struct FileData {
  std::uint32_t dataset = 0;
  bool operator==(const FileData&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(dataset);
  }
};
// A 1-d ramp: start + i * step. With step 0 a constant with any number of axes.
struct Ramp {
  Literal start;
  Literal step;
  bool operator==(const Ramp&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(start, step);
  }
};
// The same value everywhere.
inline bool is_constant(const Ramp& ramp) {
  return ramp.step.kind == Literal::Kind::kFloat ? ramp.step.real == 0 : ramp.step.integer == 0;
}
// One everywhere inside the piece's domain, zero outside: the mask of shift and concatenate.
struct InsideMask {
  bool operator==(const InsideMask&) const = default;
  template <class Archive>
  void serialize(Archive&) {}
};
// What a call of the same task made, over the box that the task computes.
struct CallResult {
  std::uint32_t call = 0;  // index into Map::calls
  bool operator==(const CallResult&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(call);
  }
};
using Source = std::variant<FileData, LayerOutput, Ramp, InsideMask, CallResult>;

// What a program reads: elements of a source, defined for iteration indices inside `domain` (one
// interval per iteration axis), zero elsewhere.
struct Leaf {
  Source source;
  DType dtype = DType::kFloat64;
  InlineVector<Term, kMaxAxes> terms;  // one per axis of the source
  Box domain;
  std::int32_t call = -1;  // the call it is for, over whose grid it is read; -1: the program
  bool operator==(const Leaf&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    Varint c{call};
    archive(source, dtype, domain, terms, c);
    call = static_cast<std::int32_t>(c.value);
  }
};

// What becomes of one output of the program.
struct Keep {  // a chunk for other layers
  template <class Archive>
  void serialize(Archive&) {}
};
struct Partial {  // the head of a reduction: a state per kept element
  kernels::ReduceSpec spec;
  Extents reduced;        // 1 for each reduced axis of the iteration space
  bool complete = false;  // one task covers all reduced axes: the output is the final value
  template <class Archive>
  void serialize(Archive& archive) {
    archive(spec, reduced, complete);
  }
};
// Which chunks of which variable the log calls the chunks of an output.
struct LoggedAs {
  std::uint32_t variable = 0;
  Extents first;   // the chunk of the variable that is the output's first one
  Extents counts;  // chunks of the variable along each axis
  template <class Archive>
  void serialize(Archive& archive) {
    archive(variable, first, counts);
  }
};
struct Store {                 // encode the chunk and append it to the rank's log
  std::uint32_t variable = 0;  // index into Graph::outputs
  LoggedAs logged;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(variable, logged);
  }
};
struct Fetch {               // copy the chunk into a result in the memory of rank 0
  std::uint32_t result = 0;  // index into Graph::results
  template <class Archive>
  void serialize(Archive& archive) {
    archive(result);
  }
};
struct Hold {              // leave the chunk on its rank, beyond the end of the graph (held.h)
  std::uint32_t slot = 0;  // distinct within a graph
  template <class Archive>
  void serialize(Archive& archive) {
    archive(slot);
  }
};
using Head = std::variant<Keep, Partial, Store, Fetch, Hold>;

// Task t computes the program over chunk t of `grid`. With `steps`, a finer grid, each
// chunk of `grid` is a box of its chunks, which the task takes in row-major order with the
// accumulators of its Partial heads kept. Before the program the calls run, in order, box by box;
// with `steps` none has a grid of its own.
struct Map {
  ChunkGrid grid;
  std::optional<ChunkGrid> steps;
  std::vector<Leaf> leaves;  // first those of the program, then those of the calls' pieces
  kernels::Program program;
  std::vector<Head> heads;  // one per output of the program
  std::vector<Call> calls;  // those whose results others take come before them
  template <class Archive>
  void serialize(Archive& archive) {
    archive(grid, steps, leaves, program, heads, calls);
  }

  // The grid over which a leaf is read: task t reads it over chunk t, widened by the reach.
  const ChunkGrid& grid_of(const Leaf& leaf) const;
  Reach reach_of(const Leaf& leaf, std::size_t axis) const;
  // Throws Error (input) if leaves, program and calls do not fit together.
  void check() const;
};

// A tree of fixed fan-in over the partial states that a Partial head left, one tree per kept
// chunk. Leaves are the chunks along the reduced axes in row-major order; nodes are numbered level
// by level, the root last. Task position = kept chunk position * nodes + node.
// A user's function joins states instead, which are chunks of the source as they are.
struct Combination {
  kernels::BlockFunction function;
  DType dtype = DType::kFloat64;
  Extents start;  // index of the first element in the whole array
  template <class Archive>
  void serialize(Archive& archive) {
    archive(function, dtype, start);
  }
};
struct Reduce {
  LayerOutput source;
  kernels::ReduceSpec spec;
  Extents reduced;        // of the source's axes
  ChunkGrid source_grid;  // tasks of the source
  std::int64_t fan_in = 8;
  std::optional<Combination> combination;  // `spec` says nothing then
  template <class Archive>
  void serialize(Archive& archive) {
    archive(source, spec, reduced, source_grid, fan_in, combination);
  }
  DType result_dtype() const {
    return combination ? combination->dtype : kernels::result_dtype(spec);
  }
  // Of so many kept elements.
  std::int64_t state_bytes(std::int64_t elements) const {
    return combination ? elements * static_cast<std::int64_t>(size_of(combination->dtype))
                       : static_cast<std::int64_t>(kernels::state_bytes(spec, elements));
  }
};

using Kind = std::variant<Map, Reduce, Explicit, Collect, HeldArray, HeldValues, Grid, GridCollect>;

struct Layer {
  std::string name;      // "mean(t2m)": for plans, traces and errors
  std::string location;  // "job.cc:12" or "expression, column 8"
  Kind kind;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(name, location, kind);
  }
};

// What ends in the memory of rank 0: an array, or the result of a task, whose length is not known
// before.
struct Result {
  DType dtype = DType::kFloat64;
  Extents shape;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(dtype, shape);
  }
};

struct Graph {
  std::vector<Layer> layers;  // producers before consumers
  std::vector<io::Dataset> datasets;
  std::vector<io::OutputVariable> outputs;  // without attributes: what encoding needs
  std::vector<Result> results;
  // Of targets that stay chunks: which target, and which layer makes it. Not on the wire.
  std::vector<std::pair<std::int32_t, LayerOutput>> kept;
  template <class Archive>
  void serialize(Archive& archive) {
    const AxisTableScope once;
    archive(layers, datasets, outputs, results);
  }
};

}  // namespace rankine::graph
