// The time of a dimension of length 1 that is left of a reduction (keepdims): with the bounds of
// all that went in (CF 1.11, 7.1 and 7.4).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/api/output_related.h"
#include "runtime/api/output_source.h"

namespace rankine::api {

class ReducedTimes {
 public:
  // Keeps references to all.
  ReducedTimes(CoordinateReader& reader, OutputDimensions& dimensions, RelatedVariables& related,
               io::OutputFile& file)
      : reader_(reader),
        dimensions_(dimensions),
        related_(related),
        file_(file) {}

  // All arrays come here before the first one is added.
  void look_at(const OutputSource& source, const std::vector<PlacedAxis>& axes);

  // Appends coordinate and bounds of each time axis that was reduced on the way to the array and of
  // which keepdims left a dimension, once per dimension. `axes`: of the array. After all
  // coordinates of dimensions are in the file.
  void add(const OutputSource& source, const std::vector<PlacedAxis>& axes);

 private:
  // From the earliest bound to the latest one, or from the first to the last time where the file
  // has no bounds.
  struct Cell {
    CopiedVariable times;
    const io::Variable* bounds = nullptr;  // null: the file has none
    bool climatology = false;
    double middle = 0, lower = 0, upper = 0;
  };

  const std::optional<Cell>& cell_of(const ReducedAxis& axis);
  std::optional<Cell> find_cell(const ReducedAxis& axis);
  void take_bounds(const AxisSegments& segments, Cell& cell);
  // The dimension of length 1 that keepdims left of the axis; "" if there is none.
  std::string kept_dimension(const ReducedAxis& axis, const std::vector<PlacedAxis>& axes) const;
  void write(const std::string& name, const Cell& cell);

  CoordinateReader& reader_;
  OutputDimensions& dimensions_;
  RelatedVariables& related_;
  io::OutputFile& file_;
  std::map<std::pair<const expr::Node*, std::size_t>, std::optional<Cell>> cells_;
  // What arrays would call a dimension that keepdims left: more than one time is none.
  std::map<std::string, std::set<std::pair<double, double>>> wanted_;
  std::set<std::string> written_;  // coordinates
};

}  // namespace rankine::api
