// Copies of the small variables that go along with a result, cut as the result's axes are.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/h5/output_spec.h"
#include "runtime/api/coordinate_reader.h"
#include "runtime/api/coordinates.h"

namespace rankine::api {

struct CopiedVariable {
  std::shared_ptr<const io::FileInfo> file;
  const io::Variable* variable = nullptr;  // in *file: name and attributes
  SourceArray values;
  bool decoded = false;  // it was packed: the attributes that say how are untrue now
};

// The path of the dimension that the axis has in its file; "" if it has none.
std::string dimension_path(const AxisSegment& segment);
// Whether its dimension may grow; of an axis without one, the data set itself.
bool is_unlimited(const AxisSegment& segment);

// The elements of `variable` that the segments of each of its axes choose; stored numbers as they
// are, packed ones decoded. Segments of other files take the variable with the same path there.
// Empty if that cannot be said for certain: the files disagree (type, units, calendar, lengths),
// more than one axis has several segments, or a segment reaches past the end of the variable.
std::optional<CopiedVariable> copy_along(CoordinateReader& reader,
                                         const std::shared_ptr<const io::FileInfo>& file,
                                         const io::Variable& variable,
                                         const std::vector<AxisSegments>& axes);

// Equal numbers that mean the same (units, calendar).
bool same_values(const CopiedVariable& a, const CopiedVariable& b);

bool same_attributes(const io::Variable& a, const io::Variable& b);

// The whole of one axis of a variable.
AxisSegments whole_axis(const std::shared_ptr<const io::FileInfo>& file,
                        const io::Variable& variable, std::size_t axis);

// As a variable of the output, with neither name nor attributes. A fill value is set only if
// something is missing and `may_miss` is true.
io::OutputVariable output_variable(const CopiedVariable& copy, std::vector<std::string> dims,
                                   bool may_miss);

}  // namespace rankine::api
