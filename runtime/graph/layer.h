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
#include "runtime/graph/explicit.h"
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
// One everywhere inside the piece's domain, zero outside: the mask of shift and concatenate.
struct InsideMask {
  bool operator==(const InsideMask&) const = default;
  template <class Archive>
  void serialize(Archive&) {}
};
using Source = std::variant<FileData, LayerOutput, Ramp, InsideMask>;

// What a program reads: elements of a source, defined for iteration indices inside `domain` (one
// interval per iteration axis), zero elsewhere.
struct Leaf {
  Source source;
  DType dtype = DType::kFloat64;
  InlineVector<Term, kMaxAxes> terms;  // one per axis of the source
  Box domain;
  bool operator==(const Leaf&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(source, dtype, domain, terms);
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
struct Store {                 // encode the chunk and append it to the rank's log
  std::uint32_t variable = 0;  // index into Graph::outputs
  template <class Archive>
  void serialize(Archive& archive) {
    archive(variable);
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
// accumulators of its Partial heads kept.
struct Map {
  ChunkGrid grid;
  std::optional<ChunkGrid> steps;
  std::vector<Leaf> leaves;
  kernels::Program program;
  std::vector<Head> heads;  // one per output of the program
  template <class Archive>
  void serialize(Archive& archive) {
    archive(grid, steps, leaves, program, heads);
  }
};

// A tree of fixed fan-in over the partial states that a Partial head left, one tree per kept
// chunk. Leaves are the chunks along the reduced axes in row-major order; nodes are numbered level
// by level, the root last. Task position = kept chunk position * nodes + node.
struct Reduce {
  LayerOutput source;
  kernels::ReduceSpec spec;
  Extents reduced;        // of the source's axes
  ChunkGrid source_grid;  // tasks of the source
  std::int64_t fan_in = 8;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(source, spec, reduced, source_grid, fan_in);
  }
};

using Kind = std::variant<Map, Reduce, Explicit, Collect, HeldArray, HeldValues>;

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
