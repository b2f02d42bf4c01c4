#include "io/join.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include "io/calendar.h"
#include "io/coordinate_difference.h"
#include "io/h5/texts.h"
#include "io/join_order.h"
#include "io/parts.h"
#include "runtime/base/error.h"

namespace rankine::io {
namespace {

constexpr const char* kPackingAttributes[] = {"scale_factor",  "add_offset", "_FillValue",
                                              "missing_value", "valid_min",  "valid_max",
                                              "valid_range",   "_Unsigned"};

std::optional<TimeUnits> time_units(const Variable& variable) {
  return TimeUnits::parse(variable.text("units"), variable.text("calendar"));
}

std::string extent(const Variable& variable) {
  return variable.type_name + " of shape " + to_string(variable.shape);
}

class Join {
 public:
  Join(std::vector<FileInfo> files, const std::string& name)
      : record_(record_dimension(files.front())) {
    sort_by_record(files, record_);
    joined_->members = std::move(files);
    whole_ = first();
    whole_.path = name;
  }

  FileInfo run() {
    for (std::size_t i = 1; i < members().size(); ++i) check_dimensions(members()[i]);
    whole_.size = 0;
    for (const FileInfo& member : members()) {
      whole_.size += member.size;
      whole_.mtime_ns = std::max(whole_.mtime_ns, member.mtime_ns);
    }
    for (Variable& variable : whole_.variables) join(variable);
    for (Dimension& dimension : whole_.dimensions) {
      if (dimension.path != record_.path) continue;
      dimension.length = 0;
      for (const FileInfo& member : members()) dimension.length += record_length(member, record_);
    }
    joined_->word = std::to_string(members().size()) + " files as one along " + record_.name() +
                    ", in the order of " + record_.order;
    whole_.joined = std::move(joined_);
    return std::move(whole_);
  }

 private:
  const std::vector<FileInfo>& members() const { return joined_->members; }
  const FileInfo& first() const { return members().front(); }

  [[noreturn]] void refuse(const FileInfo& other, const std::string& what) const {
    throw input_error("the files do not fit together: " + what, other.path,
                      "leave the file out, or make it like " + first().path);
  }

  void check_dimensions(const FileInfo& other) const {
    for (const Dimension& dimension : first().dimensions) {
      if (dimension.path == record_.path) continue;
      const auto found = std::ranges::find(other.dimensions, dimension.path, &Dimension::path);
      if (found == other.dimensions.end() || found->length == dimension.length) continue;
      refuse(other, "dimension " + dimension.name + " has length " + std::to_string(found->length) +
                        " here and " + std::to_string(dimension.length) + " in " + first().path);
    }
    for (const CoordinateSummary& coordinate : first().coordinates) {
      if (coordinate.path == record_.path) continue;
      const auto found =
          std::ranges::find(other.coordinates, coordinate.path, &CoordinateSummary::path);
      if (found == other.coordinates.end()) continue;
      const bool known = found->count != 0 && coordinate.count != 0;
      if (known && found->hash == coordinate.hash) continue;
      const std::string difference =
          difference_of(stored_values(other, coordinate.path),
                        stored_values(first(), coordinate.path), first().path);
      if (difference.empty()) continue;  // 0 and -0
      throw input_error(
          "the files do not fit together: the coordinate " + coordinate.path + ": " + difference,
          other.path, remedy_of_difference(coordinate.path, first().path, other.path));
    }
  }

  // Bounds count in the units of their coordinate, which need not be repeated.
  const Variable& carrier_of_units(const FileInfo& file, const Variable& variable) const {
    if (!variable.text("units").empty()) return variable;
    for (const Variable& other : file.variables) {
      const std::string group = other.path.substr(0, other.path.rfind('/') + 1);
      for (const char* name : {"bounds", "climatology"}) {
        const std::string bounds = other.text(name);
        if (!bounds.empty() && group + bounds == variable.path) return other;
      }
    }
    return variable;
  }

  // What decodes the variable of a member so that it counts time as the first file does; changed is
  // set if that takes more than its own decoding. The reason in `problem` if they do not fit.
  Decode decode_of(const FileInfo& member, const Variable& variable, bool& changed,
                   std::string& problem) const {
    Decode decode = make_decode(variable);
    const Variable& own = carrier_of_units(member, variable);
    const Variable& wanted = carrier_of_units(first(), *first().variable(variable.path));
    const std::string units = own.text("units");
    const auto theirs = time_units(own);
    const auto ours = time_units(wanted);
    if (!ours || !theirs) {
      if (units != wanted.text("units")) {
        problem = "its units are \"" + units + "\" here and \"" + wanted.text("units") + "\" in " +
                  first().path;
      }
      return decode;
    }
    if (ours->calendar() != theirs->calendar()) {
      problem = "its calendar is " + calendar_name(own) + " here and " + calendar_name(wanted) +
                " in " + first().path;
      return decode;
    }
    if (*ours == *theirs) return decode;
    changed = true;
    const double scale = ours->scale_of(*theirs);
    decode.offset = decode.offset * scale + ours->from(*theirs, 0);
    decode.scale *= scale;
    decode.scaled = decode.scale != 1 || decode.offset != 0;
    return decode;
  }

  static std::string calendar_name(const Variable& variable) {
    const std::string name = variable.text("calendar");
    return name.empty() ? "standard" : name;
  }

  // Why a member's variable is not more of the first one's; "" if it is.
  std::string misfit(const Variable& variable, const Variable& other, std::size_t axis) const {
    const bool same_rank = variable.shape.size() == other.shape.size();
    bool same = same_rank && variable.dims == other.dims && variable.dtype && other.dtype;
    for (std::size_t k = 0; same && k < variable.shape.size(); ++k) {
      same = k == axis || variable.shape[k] == other.shape[k];
    }
    if (!same) {
      return "it is " + extent(other) + " here and " + extent(variable) + " in " + first().path;
    }
    if (other.null_space) return "it has no elements here";
    return other.read_problem.empty() ? "" : "here " + other.read_problem;
  }

  void join(Variable& variable) {
    const auto axis = record_axis(variable, record_);
    if (!axis) return;
    if (holds_text(variable)) return join_text(variable, *axis);
    JoinedVariable joined;
    joined.axis = *axis;
    std::vector<Decode> decodes;
    bool changed = false;
    std::string problem;
    const FileInfo* at = nullptr;
    const Variable& own = *first().variable(variable.path);
    for (const FileInfo& member : members()) {
      at = &member;
      const Variable* other = member.variable(variable.path);
      problem = other == nullptr ? "it is not in this file" : misfit(own, *other, *axis);
      if (!problem.empty()) break;
      decodes.push_back(decode_of(member, *other, changed, problem));
      if (!problem.empty()) break;
    }
    if (!problem.empty()) return does_not_fit(variable, *at, problem);
    changed = changed || !std::ranges::all_of(members(), [&](const FileInfo& member) {
                return *member.variable(variable.path)->dtype == *own.dtype;
              });
    changed = changed ||
              !std::ranges::all_of(decodes, [&](const Decode& d) { return d == decodes.front(); });
    if (changed) become_decoded(variable, decodes);
    std::int64_t start = 0;
    variable.stored_bytes = 0;
    for (std::size_t i = 0; i < members().size(); ++i) {
      const Variable& other = *members()[i].variable(variable.path);
      if (changed && decodes[i].result != *variable.dtype) {
        return does_not_fit(variable, members()[i],
                            "decoded, it is " + std::string(name_of(decodes[i].result)) +
                                " here and " + variable.type_name + " in " + first().path);
      }
      if (!changed) decodes[i] = stored_as_it_is(*variable.dtype);
      joined.parts.push_back({start, other.shape[*axis], decodes[i]});
      // What a variable of netCDF does not have of its unlimited dimension is missing.
      start += record_.path.empty() ? other.shape[*axis] : record_length(members()[i], record_);
      variable.stored_bytes += other.stored_bytes;
    }
    if (variable.max_shape[*axis] != -1) variable.max_shape[*axis] = start;
    variable.shape[*axis] = start;
    variable.layout = Layout::kVirtual;
    variable.chunk = {};
    variable.direct_problem.clear();
    variable.big_endian = false;
    joined_->variables.emplace(variable.path, std::move(joined));
  }

  void join_text(Variable& variable, std::size_t axis) {
    std::int64_t length = 0;
    for (const FileInfo& member : members()) {
      const Variable* other = member.variable(variable.path);
      bool fits = axis == 0 && other != nullptr && holds_text(*other) &&
                  other->shape.size() == variable.shape.size() &&
                  is_characters(*other) == is_characters(variable) &&
                  other->shape[0] == record_length(member, record_);
      for (std::size_t k = 1; fits && k < variable.shape.size(); ++k) {
        fits = other->shape[k] == first().variable(variable.path)->shape[k];
      }
      if (!fits) return does_not_fit(variable, member, "its text is missing or of another shape");
      length += other->shape[0];
    }
    variable.shape[0] = length;
    joined_->texts.insert(variable.path);
  }

  static Decode stored_as_it_is(DType dtype) {
    Decode decode;
    decode.packed = decode.result = dtype;
    return decode;
  }

  // The joined variable holds what decoding gives. Times are float64, which holds every sum.
  void become_decoded(Variable& variable, std::vector<Decode>& decodes) const {
    if (time_units(carrier_of_units(first(), variable))) {
      for (Decode& decode : decodes) decode.result = DType::kFloat64;
    }
    variable.dtype = decodes.front().result;
    variable.type_name = name_of(*variable.dtype);
    variable.element_size = size_of(*variable.dtype);
    variable.fill = missing_value(*variable.dtype);
    std::erase_if(variable.attributes, [](const Attribute& attribute) {
      return std::ranges::find(kPackingAttributes, attribute.name) != std::end(kPackingAttributes);
    });
  }

  static Numbers missing_value(DType dtype) {
    if (!is_float(dtype)) return {};
    Numbers fill{dtype, std::vector<std::byte>(size_of(dtype))};
    visit_dtype(dtype, [&]<class T>(TypeTag<T>) {
      if constexpr (std::is_floating_point_v<T>) {
        const T nan = std::numeric_limits<T>::quiet_NaN();
        std::memcpy(fill.bytes.data(), &nan, sizeof(nan));
      }
    });
    return fill;
  }

  // A coordinate that does not fit fails all; another variable only who uses it.
  void does_not_fit(Variable& variable, const FileInfo& member, const std::string& problem) const {
    const std::string what = variable.path + ": " + problem;
    if (variable.path == record_.path) refuse(member, what);
    variable.read_problem = member.path + " does not fit together with the other files: " + problem;
  }

  Record record_;
  std::shared_ptr<Joined> joined_ = std::make_shared<Joined>();
  FileInfo whole_;
};

}  // namespace

FileInfo join_files(std::vector<FileInfo> files, const std::string& name) {
  return Join(std::move(files), name).run();
}

namespace {

// Chunks of fill, no longer than those of data.
void push_gap(std::int64_t gap, std::int64_t longest, std::vector<std::int64_t>& lengths) {
  for (; gap > 0; gap -= lengths.back()) lengths.push_back(std::min(gap, longest));
}

}  // namespace

Dataset joined_dataset(const FileInfo& info, const Variable& variable) {
  const Joined& joined = *info.joined;
  const auto found = joined.variables.find(variable.path);
  if (found == joined.variables.end()) {
    if (variable.read_problem.empty()) return make_dataset(joined.members.front(), variable.path);
    throw input_error("cannot read the data set: " + variable.read_problem,
                      info.path + ":" + variable.path);
  }
  Dataset dataset;
  dataset.file = info.path;
  dataset.path = variable.path;
  dataset.file_size = info.size;
  dataset.file_mtime_ns = info.mtime_ns;
  dataset.stored = *variable.dtype;
  dataset.shape = variable.shape;
  dataset.fill = variable.fill;
  dataset.decode = make_decode(variable);
  dataset.dtype = dataset.decode.result;

  const std::size_t rank = variable.shape.size();
  const std::size_t axis = found->second.axis;
  std::vector<Part> parts;
  std::vector<std::int64_t> lengths;  // of chunks along the axis
  std::vector<AxisChunks> axes;
  for (std::size_t i = 0; i < joined.members.size(); ++i) {
    const JoinedPart& entry = found->second.parts[i];
    // Records that the variable lacks at the end of a member are missing.
    const std::int64_t end =
        i + 1 < joined.members.size() ? found->second.parts[i + 1].start : variable.shape[axis];
    const std::int64_t gap = end - entry.start - entry.length;
    if (entry.length == 0) {
      push_gap(gap, variable.chunk.empty() ? 1 : variable.chunk[axis], lengths);
      continue;
    }
    Part part;
    part.dataset = make_dataset(joined.members[i], variable.path);
    part.dataset.decode = entry.decode;
    part.dataset.dtype = entry.decode.result;
    Mapping& mapping = part.mapping;
    mapping.start = mapping.source_start = Extents(rank, 0);
    mapping.step = mapping.source_step = Extents(rank, 1);
    mapping.count = part.dataset.shape;
    mapping.start[axis] = entry.start;
    for (std::size_t k = 0; k < rank; ++k) {
      mapping.source_axis.push_back(static_cast<std::int64_t>(k));
    }
    const AxisChunks& cuts = part.dataset.grid.axis(axis);
    for (std::int64_t c = 0; c < cuts.count(); ++c) lengths.push_back(cuts.chunk(c).length());
    push_gap(gap, cuts.longest(), lengths);
    if (axes.empty()) axes = part.dataset.grid.axes();
    parts.push_back(std::move(part));
  }
  if (axes.empty()) axes = make_dataset(joined.members.front(), variable.path).grid.axes();
  axes[axis] = AxisChunks::of(lengths);
  put_together(dataset, std::move(parts), ChunkGrid(std::move(axes)));
  return dataset;
}

}  // namespace rankine::io
