// From the arrays a user stores to the description of the file that holds them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/h5/output_spec.h"
#include "runtime/base/shape.h"
#include "runtime/expr/node.h"

namespace rankine::api {

struct NamedArray {
  std::string name;  // of the variable
  expr::NodePtr node;
};

struct OutputOptions {
  io::Codec codec;
  std::optional<bool> shuffle;  // default: yes, or as what is kept has it
  bool fletcher32 = false;
  // Elements per axis of one chunk, for every variable that has this rank; clipped to the shape, -1
  // is the whole axis.
  std::optional<Extents> chunks;
  std::map<std::string, Extents> chunks_of;  // likewise, of single variables, by name
  // The arrays are variables of files, or parts of them that are cut alike, under their own paths:
  // they stay in their groups, and attributes that name them stay true.
  bool copies = false;
  // What is stored (open_stored) and what goes along with it keep their filters, and get `codec`
  // where these cannot be applied here. What `shuffle` and `fletcher32` ask for is added.
  bool keep_filters = false;
  // Of a copied file: data sets of text that go along, by path.
  std::shared_ptr<const io::FileInfo> texts_file;
  std::vector<std::string> texts;
  bool history = true;       // false: the old attribute is copied unchanged
  std::string history_line;  // goes before it (history.h)
};

// Dimensions, coordinate variables, bounds and attributes of a file that holds the arrays, by the
// CF conventions 1.11. variables[i] is arrays[i], without inline data (an array of rank 0 needs it
// from the caller); coordinates and what they refer to follow, with their values. Reads those
// values from the inputs (starting the probe child), nothing else. Rank 0 only. Throws Error:
// (usage) for names, chunks or lengths that netCDF does not allow, (input) if a coordinate cannot
// be read.
io::OutputFile describe_output(const std::vector<NamedArray>& arrays, const OutputOptions& options);

}  // namespace rankine::api
