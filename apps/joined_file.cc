#include "apps/joined_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "apps/copy_choice.h"
#include "io/calendar.h"
#include "io/coordinate_difference.h"
#include "io/join_order.h"
#include "io/probe.h"
#include "runtime/api/coordinate_reader.h"
#include "runtime/api/coordinates.h"
#include "runtime/api/open.h"
#include "runtime/api/output_copy.h"
#include "runtime/api/output_source.h"

namespace rankine::apps {
namespace {

std::vector<File> look_into(const std::vector<std::string>& paths) {
  std::vector<File> files;
  for (io::FileInfo& info : io::probe_files(paths, {.coordinates = true})) {
    files.push_back(std::make_shared<const io::FileInfo>(std::move(info)));
  }
  return files;
}

std::string place_of(const File& file, const io::Variable& variable) {
  return file->path + ":" + variable.path;
}

// What files are joined along.
struct Along {
  std::string dimension;  // its name
  bool first_axes =
      false;  // instead: the first axes that grow and have no name, as io/join.h has it
};

std::optional<std::size_t> axis_along(const io::Variable& variable, const Along& along) {
  if (along.first_axes) return io::record_axis(variable, io::Record());
  const auto found = std::ranges::find(variable.dims, along.dimension);
  if (along.dimension.empty() || found == variable.dims.end()) return std::nullopt;
  return static_cast<std::size_t>(found - variable.dims.begin());
}

[[noreturn]] void refuse_to_join(const io::FileInfo& file, bool several) {
  const bool has_names = !file.dimensions.empty();
  throw Error(ExitCode::kUsage,
              several ? "the file has several unlimited dimensions"
                      : "the file has no unlimited dimension to join along",
              file.path,
              has_names ? "name the dimension by --dim"
                        : "join each data set by itself: rankine eval 'x = concatenate(a, b, "
                          "axis=0)' -v a=FILE:/x -v b=FILE:/x -o OUT");
}

Along record_of(const io::FileInfo& file, const std::string& asked) {
  std::vector<std::string> names;
  for (const io::Dimension& dimension : file.dimensions) {
    if (dimension.name == asked) return {asked};
    const bool known = std::ranges::find(names, dimension.name) != names.end();
    if (dimension.unlimited && !known) names.push_back(dimension.name);
  }
  const bool grows = std::ranges::any_of(file.variables, [](const io::Variable& variable) {
    return axis_along(variable, {"", true}).has_value();
  });
  if (!asked.empty()) {
    throw input_error("there is no dimension " + asked, file.path,
                      names.empty() && grows ? "leave --dim out: data sets are joined along their "
                                               "first axis where it is unlimited"
                                             : "");
  }
  if (names.size() == 1) return {names.front()};
  // Beside a time that does not grow, nobody knows whether what grows counts the same.
  const bool has_time = std::ranges::any_of(file.variables, [](const io::Variable& variable) {
    return is_coordinate(variable) && variable.text("units").find(" since ") != std::string::npos;
  });
  if (names.empty() && grows && !has_time) return {"", true};
  refuse_to_join(file, !names.empty());
}

bool same_attribute(const io::Variable& a, const io::Variable& b, const std::string& name) {
  const io::Attribute* first = a.attribute(name);
  const io::Attribute* second = b.attribute(name);
  if (first == nullptr || second == nullptr) return first == second;
  io::Variable x, y;
  x.attributes = {*first};
  y.attributes = {*second};
  return api::same_attributes(x, y);
}

// Whether stored numbers mean the same in both.
bool stored_alike(const io::Variable& a, const io::Variable& b) {
  if (a.dtype != b.dtype) return false;
  constexpr std::array kNames = {"scale_factor", "add_offset", "_FillValue",  "missing_value",
                                 "valid_min",    "valid_max",  "valid_range", "_Unsigned"};
  return std::ranges::all_of(kNames, [&](const char* name) { return same_attribute(a, b, name); });
}

// Bounds have the units of what they bound (CF 7.1).
const io::Variable& with_units(const io::FileInfo& file, const io::Variable& variable) {
  if (variable.attribute("units") != nullptr) return variable;
  const std::string group = variable.path.substr(0, variable.path.rfind('/') + 1);
  for (const io::Variable& other : file.variables) {
    for (const char* name : {"bounds", "climatology"}) {
      if (other.attribute("units") != nullptr && group + other.text(name) == variable.path) {
        return other;
      }
    }
  }
  return variable;
}

// Numbers that count time from another date become those that count from the first file's:
// value * scale + offset.
struct Rebasing {
  double scale = 1;
  double offset = 0;
  bool is_needed() const { return scale != 1 || offset != 0; }
  bool is_whole() const {
    return scale == std::floor(scale) && offset == std::floor(offset) && std::abs(offset) < 1e15;
  }
};

Rebasing rebasing(const File& first, const io::Variable& variable, const File& file,
                  const io::Variable& part) {
  const io::Variable& a = with_units(*first, variable);
  const io::Variable& b = with_units(*file, part);
  const std::string calendars[] = {a.text("calendar"), b.text("calendar")};
  if (a.text("units") == b.text("units") && calendars[0] == calendars[1]) return {};
  const auto to = io::TimeUnits::parse(a.text("units"), calendars[0]);
  const auto from = io::TimeUnits::parse(b.text("units"), calendars[1]);
  if (!to || !from) {
    throw input_error("its unit is `" + b.text("units") + "`, in " + first->path + " it is `" +
                          a.text("units") + "`",
                      place_of(file, part), "bring the files to one unit first");
  }
  if (to->calendar() != from->calendar()) {
    throw input_error("its calendar is `" + calendars[1] + "`, in " + first->path + " it is `" +
                          calendars[0] + "`",
                      place_of(file, part));
  }
  Rebasing result;
  result.offset = to->from(*from, 0);
  result.scale = to->scale_of(*from);
  return result;
}

// Records that the variable lacks, of those its file has.
std::int64_t missing_records(const File& file, const io::Variable& part, std::size_t axis) {
  const std::string& path = part.dim_paths.size() > axis ? part.dim_paths[axis] : "";
  const auto found = std::ranges::find(file->dimensions, path, &io::Dimension::path);
  return path.empty() || found == file->dimensions.end() ? 0 : found->length - part.shape[axis];
}

// What is not there may lie behind a link that was not followed.
std::string remedy_of_absence(const io::FileInfo& file) {
  const bool unfollowed = std::ranges::any_of(file.notes, [](const std::string& note) {
    return note.find("followed with --allow-external") != std::string::npos;
  });
  return unfollowed ? "give --allow-external: links of the file lead into others" : "";
}

std::string names_of(const std::vector<std::string>& dims) {
  if (std::ranges::all_of(dims, &std::string::empty)) return "without names";
  return fmt::format("({})", fmt::join(dims, ", "));
}

void check_part(const File& first, const io::Variable& variable, const File& file,
                const io::Variable* part, std::size_t axis) {
  if (part == nullptr) {
    throw input_error("there is no variable " + variable.path + ", which " + first->path + " has",
                      file->path, remedy_of_absence(*file));
  }
  if (!has_numbers(*part)) throw input_error("it holds no numbers", place_of(file, *part));
  bool fits = part->dims == variable.dims && part->shape.size() == variable.shape.size();
  for (std::size_t k = 0; fits && k < variable.shape.size(); ++k) {
    fits = k == axis || part->shape[k] == variable.shape[k];
  }
  if (fits && missing_records(file, *part, axis) != 0) {
    throw input_error("it lacks the last " + std::to_string(missing_records(file, *part, axis)) +
                          " records that its file has",
                      place_of(file, *part), "leave it out: name the others by -v");
  }
  if (fits) return;
  if (part->shape.size() == variable.shape.size() && part->dims != variable.dims) {
    throw input_error("its dimensions are " + names_of(part->dims) + ", in " + first->path +
                          " they are " + names_of(variable.dims),
                      place_of(file, *part),
                      "bring the files to one form first, as `rankine rechunk` writes it");
  }
  throw input_error("its shape is " + to_string(part->shape) + ", in " + first->path + " it is " +
                        to_string(variable.shape),
                    place_of(file, *part));
}

const io::CoordinateSummary* summary_of(const File& file, const std::string& path) {
  const auto found = std::ranges::find(file->coordinates, path, &io::CoordinateSummary::path);
  return found == file->coordinates.end() || found->count == 0 ? nullptr : &*found;
}

// The files stand in the order in which they are named. "" if their records do, too.
std::string disorder_of(const std::vector<File>& files, const std::string& path,
                        const std::vector<Rebasing>& rebasings) {
  const io::CoordinateSummary* before = nullptr;
  double end = 0;
  int direction = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const io::CoordinateSummary* here = summary_of(files[i], path);
    if (here == nullptr) continue;
    const auto value = [&](double x) { return x * rebasings[i].scale + rebasings[i].offset; };
    const double begin = value(here->first);
    if (direction == 0 && here->last != here->first) direction = here->last > here->first ? 1 : -1;
    if (before != nullptr && direction == 0 && begin != end) direction = begin > end ? 1 : -1;
    if (before != nullptr && (begin == end || (begin > end) != (direction > 0))) {
      return "the records of " + files[i]->path + " do not come after those before: " + path +
             " is in no order";
    }
    before = here;
    end = value(here->last);
  }
  return {};
}

// The other dimensions must have the same labels in all files.
void check_labels(const std::vector<File>& files, const io::Variable& variable, std::size_t axis,
                  std::vector<std::string>& checked) {
  const auto known = [&](const std::string& path) {
    return std::ranges::find(checked, path) != checked.end();
  };
  for (std::size_t k = 0; k < variable.dim_paths.size(); ++k) {
    const std::string& path = variable.dim_paths[k];
    const io::Variable* labels = path.empty() ? nullptr : files.front()->variable(path);
    if (k == axis || labels == nullptr || labels->is_pure_dimension || !labels->dtype ||
        known(path))
      continue;
    checked.push_back(path);
    for (std::size_t i = 1; i < files.size(); ++i) {
      const io::Variable* there = files[i]->variable(path);
      if (there == nullptr || there->is_pure_dimension) continue;
      const io::CoordinateSummary* a = summary_of(files.front(), path);
      const io::CoordinateSummary* b = summary_of(files[i], path);
      if (a != nullptr && b != nullptr && a->hash == b->hash) continue;
      const std::string difference =
          io::difference_of(api::coordinate_values(*files[i], path),
                            api::coordinate_values(*files.front(), path), files.front()->path);
      if (difference.empty()) continue;
      throw input_error("the values of dimension " + variable.dims[k] + " differ: " + difference,
                        place_of(files[i], *there),
                        io::remedy_of_difference(path, files.front()->path, files[i]->path));
    }
  }
}

class Joiner {
 public:
  Joiner(Session& session, std::vector<File> files, Along along)
      : session_(session),
        files_(std::move(files)),
        along_(std::move(along)) {}

  JoinedVariable join(const io::Variable& variable) {
    const auto axis = axis_along(variable, along_);
    JoinedVariable joined{variable.path.substr(1), stored(0, variable), &variable, {}, 0, true};
    if (!axis) return joined;
    joined.axis = axis.value_or(0);  // GCC 12 takes *axis for uninitialized
    for (const File& file : files_) joined.parts.push_back(file->variable(variable.path));
    for (std::size_t i = 0; i < files_.size(); ++i) {
      check_part(files_[0], variable, files_[i], joined.parts[i], joined.axis);
      joined.as_stored = joined.as_stored && stored_alike(variable, *joined.parts[i]);
    }
    check_labels(files_, variable, joined.axis, checked_);
    joined.array = concatenated(joined);
    return joined;
  }

  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  Array stored(std::size_t file, const io::Variable& variable) const {
    return api::open_stored(files_[file], variable.path, Here::current());
  }

  Array concatenated(JoinedVariable& joined) {
    std::vector<Rebasing> rebasings;
    for (std::size_t i = 0; i < files_.size(); ++i) {
      rebasings.push_back(rebasing(files_[0], *joined.variable, files_[i], *joined.parts[i]));
    }
    if (is_coordinate(*joined.variable)) {
      const std::string word = disorder_of(files_, joined.variable->path, rebasings);
      if (!word.empty()) warnings_.push_back(word);
    }
    const bool moved = std::ranges::any_of(rebasings, &Rebasing::is_needed);
    joined.as_stored = joined.as_stored && !moved;
    std::vector<Array> arrays;
    for (std::size_t i = 0; i < files_.size(); ++i) {
      const io::Variable& part = *joined.parts[i];
      Array array = joined.as_stored ? stored(i, part)
                                     : api::open_variable(files_[i], part.path, Here::current());
      arrays.push_back(moved ? rebased(array, rebasings[i], rebasings) : array);
    }
    if (!joined.as_stored) promote_all(arrays);
    const Array all = arrays.size() == 1 ? arrays[0] : concatenate(arrays, int(joined.axis));
    return moved ? narrowed(all, *joined.variable) : all;
  }

  static Array rebased(const Array& array, const Rebasing& by, const std::vector<Rebasing>& all) {
    const bool whole = !is_float(array.dtype()) && std::ranges::all_of(all, &Rebasing::is_whole);
    if (whole) {
      return array.astype(DType::kInt64) * static_cast<std::int64_t>(by.scale) +
             static_cast<std::int64_t>(by.offset);
    }
    return array.astype(DType::kFloat64) * by.scale + by.offset;
  }

  static void promote_all(std::vector<Array>& arrays) {
    DType dtype = arrays.front().dtype();
    for (const Array& array : arrays) dtype = promote(dtype, array.dtype());
    for (Array& array : arrays) array = array.astype(dtype);
  }

  // Back to the integer type of the first file, if it holds all values.
  Array narrowed(const Array& array, const io::Variable& variable) {
    const DType wanted = *variable.dtype;
    if (array.dtype() != DType::kInt64 || wanted == DType::kInt64 || array.size() == 0)
      return array;
    const std::vector<NdArray> ends = session_.compute_all({array.min(), array.max()});
    const bool fits = visit_dtype(wanted, [&]<class T>(TypeTag<T>) {
      return std::ranges::all_of(ends, [](const NdArray& end) {
        const auto value = end.item<std::int64_t>();
        return static_cast<std::int64_t>(static_cast<T>(value)) == value;
      });
    });
    return fits ? array.astype(wanted) : array;
  }

  Session& session_;
  const std::vector<File> files_;
  const Along along_;
  std::vector<std::string> checked_;  // dimensions with the same labels in all files
  std::vector<std::string> warnings_;
};

// Text goes along with dimensions that have names; what there is without is not joined.
void leave_out_growing_texts(const io::FileInfo& first, JoinedFile& joined) {
  std::erase_if(joined.texts, [&](const std::string& path) {
    if (!axis_along(*first.variable(path), {"", true})) return false;
    joined.left_out.push_back(path + " is left out: text without named dimensions is not joined");
    return true;
  });
}

}  // namespace

JoinedFile join_files(Session& session, const std::vector<std::string>& paths,
                      const std::vector<std::string>& names, const std::string& dimension) {
  JoinedFile joined;
  joined.files = look_into(paths);
  const io::FileInfo& first = *joined.files.front();
  const bool several = joined.files.size() > 1;
  const Along along = several ? record_of(first, dimension) : Along();
  CopyChoice choice = choose_copied(first, names);
  const std::vector<const io::Variable*>& chosen = choice.variables;
  joined.texts = std::move(choice.texts);
  joined.left_out = std::move(choice.left_out);
  if (along.first_axes) leave_out_growing_texts(first, joined);
  Joiner joiner(session, joined.files, along);
  for (const io::Variable* variable : chosen) {
    const bool is_joined = several && axis_along(*variable, along).has_value();
    // What is joined may count time from several dates.
    if (names.empty() && is_coordinate(*variable) && !is_joined && goes_along(*variable, chosen)) {
      continue;
    }
    joined.variables.push_back(joiner.join(*variable));
    const bool grows = axis_along(*variable, {"", true}).has_value();
    if (several && !is_joined && (along.first_axes || grows)) {
      joined.left_out.push_back(
          variable->path + " is that of the first file alone: " +
          (grows ? "it grows, but not along " + along.dimension : "its first axis does not grow"));
    }
  }
  // A coordinate that no one asked for comes along, joined.
  if (several && !names.empty()) {
    for (const JoinedVariable& known : std::vector(joined.variables)) {
      if (known.parts.empty()) continue;
      const std::string& path = known.variable->dim_paths[known.axis];
      const io::Variable* labels = path.empty() ? nullptr : first.variable(path);
      const bool there = std::ranges::any_of(
          joined.variables, [&](const JoinedVariable& v) { return v.variable == labels; });
      if (labels == nullptr || there || labels->is_pure_dimension || !has_numbers(*labels))
        continue;
      joined.variables.push_back(joiner.join(*labels));
      const io::Variable* bounds = first.variable(labels->text("bounds"));
      if (bounds != nullptr && has_numbers(*bounds))
        joined.variables.push_back(joiner.join(*bounds));
    }
  }
  for (const std::string& word : joiner.warnings()) joined.left_out.push_back(word);
  return joined;
}

}  // namespace rankine::apps
