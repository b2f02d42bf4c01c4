// Attributes that name other variables (CF 1.11: bounds, climatology, coordinates, grid_mapping,
// cell_measures, ancillary_variables, formula_terms): what they name is copied where all its
// dimensions remain, and they are rewritten to what is there.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "runtime/api/output_dimensions.h"
#include "runtime/api/output_filters.h"

namespace rankine::api {

class RelatedVariables {
 public:
  // Keeps references to all. Copies are appended to file.variables with names from `dimensions`.
  RelatedVariables(CoordinateReader& reader, OutputDimensions& dimensions, OutputFilters& filters,
                   io::OutputFile& file, const OutputOptions& options)
      : reader_(reader),
        dimensions_(dimensions),
        filters_(filters),
        file_(file),
        options_(options) {}

  // Looks up the chunk indexes of everything `variable` refers to with one probe child.
  void prepare(const io::FileInfo& file, const io::Variable& variable);

  // `variable` is in the output as `copy`, cut as who names it; what names it stays true.
  void add_stored(const io::FileInfo& file, const io::Variable& variable,
                  const io::OutputVariable& copy);

  // Text that a copied file has beside what its variables name, along the dimensions that are
  // there. After the attributes of all arrays.
  void add_text(const std::shared_ptr<const io::FileInfo>& file, const io::Variable& variable);

  // The coordinate variable of a dimension; nothing if it has none or a stored array is it.
  void add_coordinate(const OutputDimensions::Dimension& dimension);

  // The attributes of a variable whose axes lie as given, without _FillValue; drop_packing: also
  // without those that describes_packing.
  std::vector<io::Attribute> attributes(const std::shared_ptr<const io::FileInfo>& file,
                                        const io::Variable& variable,
                                        const std::vector<PlacedAxis>& axes, bool drop_packing);

 private:
  using Key = std::tuple<std::string, std::string, std::vector<std::string>>;  // file, path, dims

  // What a name in an attribute leads to: the variable it is in, and how its axes lie.
  struct Referrer {
    const std::shared_ptr<const io::FileInfo>& file;
    const io::Variable& variable;
    const std::vector<PlacedAxis>& axes;
  };

  static bool shares_axes(const Referrer& from, const io::Variable& variable,
                          const std::vector<std::string>& dims);
  std::optional<std::string> rewritten(const Referrer& from, const std::string& attribute,
                                       const std::string& text);
  // The name in the output of the variable that `name` means, copied if need be; empty if it cannot
  // go along.
  std::optional<std::string> target(const Referrer& from, const std::string& attribute,
                                    const std::string& name);
  // Corners of bounds get no dimension yet.
  std::optional<std::vector<PlacedAxis>> axes_of(const Referrer& from, const io::Variable& variable,
                                                 bool with_corners);
  std::string add(const Referrer& from, const Key& key, const CopiedVariable& copy,
                  std::vector<PlacedAxis> axes);
  std::string add_grid_mapping(const Referrer& from, const Key& key, const io::Variable& variable);
  std::string append(const Referrer& from, const Key& key, const io::Variable& source,
                     io::OutputVariable variable, const std::vector<PlacedAxis>& axes,
                     bool drop_packing);

  CoordinateReader& reader_;
  OutputDimensions& dimensions_;
  OutputFilters& filters_;
  io::OutputFile& file_;
  const OutputOptions& options_;
  // A copy in the output.
  struct Added {
    std::string name;
    const io::Variable* source;
  };
  std::map<Key, Added> added_;
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> stored_;  // -> dims
};

}  // namespace rankine::api
