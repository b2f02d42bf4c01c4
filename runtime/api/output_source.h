// What a result inherits from the first data set in its expression.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/expr/node.h"

namespace rankine::api {

// An axis over which a reduction with a word in CF 7.3 was taken.
struct ReducedAxis {
  expr::NodePtr array;  // before the reduction
  std::size_t axis = 0;
};

struct OutputSource {
  std::shared_ptr<const io::FileInfo> file;  // null: there is no data set in the expression
  const io::Variable* variable = nullptr;    // in *file; null if file is
  bool keeps_units = false;
  bool stored = false;       // elements as they are stored (open_stored), in other places at most
  std::string cell_methods;  // CF 7.3, of the reductions on the way: "time: mean lat: lon: maximum"
  std::vector<ReducedAxis> reduced;  // of these, innermost first
};

// Walks from the node to its leftmost data set (`where` counts its condition last).
OutputSource find_source(const expr::NodePtr& node);

// The `_FillValue` of a result: the input's own if a float of type dtype can hold it and no result
// is likely to equal it, else netCDF's default. None for integers and bool.
std::optional<io::Numbers> output_fill(const OutputSource& source, DType dtype);

// The `_FillValue` of a copy of what is stored: the variable's own, for NaN netCDF's default. None
// if it declares none.
std::optional<io::Numbers> stored_fill(const io::Variable& variable);

// Whether an attribute says how its variable is packed or which values are valid: untrue of
// results.
bool describes_packing(const std::string& attribute_name);

}  // namespace rankine::api
