// Graphs to simulate, by name: users' tasks, and arrays that nobody has to read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/graph/layer.h"

namespace rankine::simulate {

struct ShapeOptions {
  std::int64_t tasks = 1000;        // about so many
  std::uint64_t seed = 1;           // of random shapes
  std::int64_t chunk_bytes = 8192;  // of arrays
};

struct ShapeName {
  std::string name;
  std::string text;  // what it is, in a few words
};
std::vector<ShapeName> shape_names();

// Throws Error (usage) for an unknown name and for more tasks than a graph of users' tasks may
// have.
std::shared_ptr<graph::Graph> make_shape(const std::string& name, const ShapeOptions& options);

}  // namespace rankine::simulate
