// The dimensions of an output file: which axes share one, what each is called, which coordinate
// variable labels it.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "io/h5/output_spec.h"
#include "runtime/api/output.h"
#include "runtime/api/output_copy.h"

namespace rankine::api {

// A name that netCDF accepts: characters it does not allow become '_'.
std::string netcdf_name(std::string name);

// What an axis is called in an output, unless another one has the name: dim_LENGTH if it has none.
std::string base_name(const std::string& dim, std::int64_t length);

// One axis as the output has it: the name of its dimension and where its elements come from.
struct PlacedAxis {
  std::string dim;
  AxisSegments segments;  // empty: from nowhere
};

class OutputDimensions {
 public:
  struct Dimension {
    io::OutputDimension out;
    std::string base;                      // the name asked for
    std::optional<CopiedVariable> labels;  // its coordinate variable
    AxisSegments segments;                 // of the labels
    bool owned = false;                    // a stored array is its coordinate variable
    bool made_up = false;                  // no one gave it its name
  };

  // Keeps a reference to `arrays` and `reader`.
  OutputDimensions(const std::vector<NamedArray>& arrays, CoordinateReader& reader);

  // The dimension of each axis of a stored array. Axes share one if name, length and labels agree
  // (an axis without labels agrees with any); two axes of one array never do, nor does one without
  // a name with one that grows otherwise. What does not fit under its name becomes NAME_1, NAME_2,
  // ...; an axis without name dim_LENGTH. keep_groups: a dimension is in the group it has in its
  // file, else in the root.
  std::vector<PlacedAxis> place(const expr::NodePtr& array, const AxisTrace& trace,
                                bool keep_groups);
  // An axis that no stored array has, such as the corners of bounds. `used`: the other dimensions
  // of its variable.
  std::string place_extra(const std::string& name, std::int64_t length,
                          const std::vector<std::string>& used, bool unlimited = false);

  // A name that no dimension and no variable has yet: base, base_1, base_2, ...
  std::string claim_name(const std::string& base);

  const std::vector<Dimension>& all() const { return dimensions_; }
  const Dimension& named(const std::string& name) const;

  // The coordinate variable along these elements; empty if there is none, or not for certain.
  std::optional<CopiedVariable> labels_of(const AxisSegments& segments);

 private:
  struct Wanted {
    std::string base;
    std::int64_t length = 0;
    bool unlimited = false;
    bool made_up = false;
    std::optional<CopiedVariable> labels;
    AxisSegments segments;
  };

  std::string find_or_add(Wanted wanted, const std::vector<std::string>& used);
  bool is_owned(const std::string& name, const Wanted& wanted) const;

  const std::vector<NamedArray>& arrays_;
  CoordinateReader& reader_;
  std::vector<Dimension> dimensions_;
  std::set<std::string> taken_;  // by variables and dimensions
};

}  // namespace rankine::api
