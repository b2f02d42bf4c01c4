#include "io/h5/inspect.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <span>
#include <system_error>

#include "io/h5/access.h"
#include "io/h5/describe.h"
#include "io/h5/input_file.h"
#include "io/h5/links.h"
#include "io/h5/virtual_sources.h"
#include "runtime/base/hash.h"

namespace rankine::io {
namespace {

// Groups may have many names, also among their own members: no name is followed deeper than
// kDeepest, and no group is listed under more than kMostNames of its names.
constexpr std::size_t kDeepest = 64;
constexpr int kMostNames = 8;
constexpr std::size_t kMostGroups = 10'000;  // whose attributes are kept

constexpr std::int64_t kLongestCoordinate = 1 << 22;  // elements that are compared between files

constexpr std::string_view kPureDimension = "This is a netCDF dimension but not a netCDF variable";

struct Link {
  std::string name;
  H5L_type_t type;
};

herr_t collect_link(hid_t, const char* name, const H5L_info_t* info, void* links) {
  static_cast<std::vector<Link>*>(links)->push_back({name, info->type});
  return 0;
}

const std::string* text_of(const std::vector<Attribute>& attributes, std::string_view name) {
  const auto found = std::ranges::find(attributes, name, &Attribute::name);
  return found == attributes.end() ? nullptr : std::get_if<std::string>(&found->value);
}

const Numbers* numbers_of(const std::vector<Attribute>& attributes, std::string_view name) {
  const auto found = std::ranges::find(attributes, name, &Attribute::name);
  return found == attributes.end() ? nullptr : std::get_if<Numbers>(&found->value);
}

std::string last_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// Walks the groups of one open file.
class Walk {
 public:
  explicit Walk(FileInfo& info) : info_(info) {}

  void run(hid_t file) {
    const InFile inside(*this, info_.path);
    const H5Group root(H5Gopen2(file, "/", H5P_DEFAULT), "open the root group", info_.path);
    const auto attributes = read_attributes(root);
    for (const auto& attribute : attributes) {
      if (attribute.name == "_NCProperties" || attribute.name == "_nc3_strict") {
        is_netcdf_ = true;
        note_plan(attribute);
      } else {
        info_.attributes.push_back(attribute);
      }
    }
    visit_group(root, "");
    resolve_dimensions();
    info_.format = is_netcdf_ ? "netCDF-4" : "HDF5";
  }

 private:
  // Of an object. Files that links lead to have numbers.
  struct Address {
    std::size_t file = 0;
    haddr_t in_file = 0;
    auto operator<=>(const Address&) const = default;
  };

  // What is visited as long as this lives lies in the file.
  class InFile {
   public:
    InFile(Walk& walk, const std::string& path) : walk_(walk) {
      std::error_code ignored;
      const std::string name = std::filesystem::canonical(path, ignored).string();
      const std::size_t next = walk_.numbers_.size();
      const auto number = walk_.numbers_.emplace(name, next).first->second;
      walk_.files_.push_back({path, number});
    }
    ~InFile() { walk_.files_.pop_back(); }
    InFile(const InFile&) = delete;
    InFile& operator=(const InFile&) = delete;

   private:
    Walk& walk_;
  };

  // What the list of variables does not keep.
  struct Scales {
    Address address;                               // of the data set itself
    std::vector<std::optional<haddr_t>> attached;  // per axis
    std::optional<std::int64_t> dimension_id;      // _Netcdf4Dimid
    std::vector<std::int64_t> coordinate_ids;      // _Netcdf4Coordinates
  };

  void note_plan(const Attribute& properties) {
    const auto* text = std::get_if<std::string>(&properties.value);
    const std::size_t found = text == nullptr ? std::string::npos : text->find(kPlanProperty);
    if (found == std::string::npos) return;
    const std::size_t begin = found + std::string_view(kPlanProperty).size();
    info_.plan = text->substr(begin, text->find(',', begin) - begin);
  }

  void note(std::string text) { info_.notes.push_back(std::move(text)); }

  std::vector<Link> links_of(hid_t group, const std::string& path) {
    std::vector<Link> links;
    const H5Plist creation(H5Gget_create_plist(group));
    unsigned order = 0;
    if (creation.valid()) H5Pget_link_creation_order(creation, &order);
    const auto index = (order & H5P_CRT_ORDER_TRACKED) != 0 ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
    hsize_t position = 0;
    if (H5Literate(group, index, H5_ITER_INC, &position, collect_link, &links) < 0) {
      note("the group " + path + "/ cannot be listed: " + h5_error_text());
    }
    return links;
  }

  bool is_elsewhere() const { return files_.size() > 1; }
  Address address_of(const H5O_info_t& object) const { return {files_.back().number, object.addr}; }

  void visit_group(hid_t group, const std::string& path) {
    H5O_info_t object{};
    h5_check(H5Oget_info(group, &object), "look at a group", info_.path + ":" + path + "/");
    const Address address = address_of(object);
    const bool is_ancestor = std::ranges::find(ancestors_, address) != ancestors_.end();
    if (is_ancestor) return note(path + " leads back to a group above it");
    if (++names_of_group_[address] > kMostNames || ancestors_.size() == kDeepest) {
      return note(path + " is not followed: groups too deep or with too many names");
    }
    ancestors_.push_back(address);
    for (const auto& link : links_of(group, path)) visit_link(group, link, path + "/" + link.name);
    ancestors_.pop_back();
  }

  void visit_link(hid_t group, const Link& link, const std::string& path) {
    switch (link.type) {
      case H5L_TYPE_HARD: return visit_object(group, link.name, path);
      case H5L_TYPE_SOFT: return visit_name(group, link.name, path);
      case H5L_TYPE_EXTERNAL: return follow(group, link.name, path);
      default: return note(path + " is a link of an unknown kind");
    }
  }

  // A soft link, or what one leads to, may lead through external ones.
  void visit_name(hid_t group, const std::string& name, const std::string& path) {
    if (target_is_inside(group, name)) visit_object(group, name, path);
    else follow(group, name, path);
  }

  void visit_object(hid_t group, const std::string& name, const std::string& path) {
    const H5Object object(H5Oopen(group, name.c_str(), no_external_links()));
    if (!object.valid()) return note(path + " cannot be opened: " + h5_error_text());
    switch (H5Iget_type(object)) {
      case H5I_GROUP: keep_attributes(object, path); return visit_group(object, path);
      case H5I_DATASET: return visit_dataset(object, path);
      default: return;  // a named type
    }
  }

  // Ends: every step is deeper than the one before, also of links in groups that links lead to.
  void follow(hid_t group, const std::string& name, const std::string& path) {
    const std::string file = is_elsewhere() ? files_.back().path : "this file";
    const auto step = next_step(group, name, no_external_links());
    if (!step) return note(path + " is a link to nothing in " + file);
    if (steps_ == kMostSteps) {
      return note(path + " is a link to nothing: it leads through more than " +
                  std::to_string(kMostSteps) + " others");
    }
    ++steps_;
    if (step->file.empty()) visit_name(group, step->object, path);
    else visit_other_file(*step, path);
    --steps_;
  }

  void visit_other_file(const LinkStep& step, const std::string& path) {
    const std::string words =
        path + " is a link into another file (" + place_of(step.file, step.object) + ")";
    if (!access().external) return note(words + ", which is followed with --allow-external");
    const std::string found = file_named(files_.back().path, step.file, kLinkPrefix);
    if (found.empty()) return note(words + ", which is missing");
    const std::size_t above = ancestors_.size();
    const int steps = steps_;
    try {
      const H5File file = open_input(found);
      const InFile inside(*this, found);
      visit_name(file, step.object, path);
    } catch (const Error& error) {
      ancestors_.resize(above);
      steps_ = steps;
      note(words + ": " + error.message);
    }
  }

  void keep_attributes(hid_t group, const std::string& path) try {
    const bool known = std::ranges::find(info_.groups, path, &Group::path) != info_.groups.end();
    if (known || info_.groups.size() == kMostGroups) return;
    info_.groups.push_back({path, read_attributes(group)});
  } catch (const Error& error) {
    note(path + "/: " + error.message);
  }

  bool target_is_inside(hid_t group, const std::string& name) {
    const bool inside = H5Oexists_by_name(group, name.c_str(), no_external_links()) > 0;
    H5Eclear2(H5E_DEFAULT);
    return inside;
  }

  hid_t no_external_links() {
    if (!link_access_.valid()) link_access_ = links_within(info_.path);
    return link_access_;
  }

  void visit_dataset(hid_t dataset, const std::string& path) try {
    H5O_info_t header{};
    const std::string& file = files_.back().path;
    h5_check(H5Oget_info(dataset, &header), "look at a data set", place_of(info_.path, path));
    Variable variable = describe_dataset(dataset, file, is_elsewhere() ? own_name(dataset) : path);
    auto attributes = read_attributes(dataset);
    Scales scales;
    scales.address = address_of(header);
    scales.attached = attached_scales(dataset, variable.shape.size());
    take_scale_attributes(attributes, variable, scales);
    variable.attributes = std::move(attributes);
    auto fields = describe_fields(dataset, variable);
    if (is_elsewhere()) {
      const std::size_t name = variable.path.size();
      for (Variable& field : fields) {
        std::string under = path + field.path.substr(name);
        field = linked_variable(std::move(field), std::move(under), file);
      }
      variable = linked_variable(std::move(variable), path, file);
    }
    if (variable.missing_sources > 0 && variable.read_problem.empty()) {
      note(path + ": " + std::to_string(variable.missing_sources) +
           " of its virtual sources are missing, and read as fill value");
    }
    info_.variables.push_back(std::move(variable));
    scales_.push_back(std::move(scales));
    for (Variable& field : fields) {
      info_.variables.push_back(std::move(field));
      scales_.push_back(scales_.back());  // it lies along the dimensions of its table
    }
  } catch (const Error& error) {
    note(path + ": " + error.message);
  }

  static std::string own_name(hid_t dataset) {
    const ssize_t length = H5Iget_name(dataset, nullptr, 0);
    std::string name(static_cast<std::size_t>(std::max<ssize_t>(0, length)) + 1, '\0');
    if (length > 0) H5Iget_name(dataset, name.data(), name.size());
    name.pop_back();
    return name;
  }

  // Removes the attributes that only the machinery of dimension scales needs, after reading them.
  void take_scale_attributes(std::vector<Attribute>& attributes, Variable& variable,
                             Scales& scales) {
    const auto* kind = text_of(attributes, "CLASS");
    variable.is_scale = kind != nullptr && *kind == "DIMENSION_SCALE";
    const auto* name = text_of(attributes, "NAME");
    variable.is_pure_dimension =
        variable.is_scale && name != nullptr && name->starts_with(kPureDimension);
    if (const auto* id = numbers_of(attributes, "_Netcdf4Dimid");
        id != nullptr && id->count() > 0) {
      scales.dimension_id = static_cast<std::int64_t>(id->as_double(0));
    }
    if (const auto* ids = numbers_of(attributes, "_Netcdf4Coordinates")) {
      for (std::size_t i = 0; i < ids->count(); ++i) {
        scales.coordinate_ids.push_back(static_cast<std::int64_t>(ids->as_double(i)));
      }
    }
    const bool by_netcdf = variable.is_pure_dimension || scales.dimension_id.has_value();
    is_netcdf_ = is_netcdf_ || (by_netcdf && !is_elsewhere());
    std::erase_if(attributes, [&](const Attribute& attribute) {
      if (attribute.name == "CLASS" || attribute.name == "NAME") return variable.is_scale;
      return attribute.name == "DIMENSION_LIST" || attribute.name == "REFERENCE_LIST" ||
             attribute.name == "DIMENSION_LABELS" || attribute.name == "_Netcdf4Dimid" ||
             attribute.name == "_Netcdf4Coordinates";
    });
  }

  void resolve_dimensions() {
    std::map<Address, std::size_t> scale_at;  // -> position in variables
    // File and netCDF dimension id -> the same.
    std::map<std::pair<std::size_t, std::int64_t>, std::size_t> scale_with;
    for (std::size_t i = 0; i < info_.variables.size(); ++i) {
      if (!info_.variables[i].is_scale) continue;
      scale_at.emplace(scales_[i].address, i);
      if (!scales_[i].dimension_id) continue;
      scale_with.emplace(std::pair(scales_[i].address.file, *scales_[i].dimension_id), i);
    }
    for (std::size_t i = 0; i < info_.variables.size(); ++i) {
      auto& variable = info_.variables[i];
      const auto& scales = scales_[i];  // of a field: its table's
      const std::size_t rank = variable.shape.size();
      std::vector<std::optional<std::size_t>> of_axis(rank);
      for (std::size_t axis = 0; axis < rank; ++axis) {
        if (axis < scales.attached.size() && scales.attached[axis]) {
          const auto found = scale_at.find({scales.address.file, *scales.attached[axis]});
          if (found != scale_at.end()) of_axis[axis] = found->second;
        } else if (scales.coordinate_ids.size() == rank) {
          const auto found = scale_with.find({scales.address.file, scales.coordinate_ids[axis]});
          if (found != scale_with.end()) of_axis[axis] = found->second;
        } else if (variable.is_scale && axis == 0) {
          of_axis[axis] = scale_at.at(scales.address);  // a coordinate variable names its own axis
        }
      }
      name_axes(variable, of_axis);
    }
    list_dimensions(scale_at);
  }

  void name_axes(Variable& variable, const std::vector<std::optional<std::size_t>>& of_axis) {
    for (const auto& scale : of_axis) {
      const std::string path = scale ? info_.variables[*scale].path : "";
      variable.dims.push_back(last_name(path));
      variable.dim_paths.push_back(path);
    }
  }

  void list_dimensions(const std::map<Address, std::size_t>& scale_at) {
    std::vector<std::size_t> positions;
    for (const auto& [address, i] : scale_at) positions.push_back(i);
    std::ranges::sort(positions);
    // netCDF numbers its dimensions in order of definition, which is the order tools list them.
    std::ranges::stable_sort(positions, {}, [&](std::size_t i) {
      return scales_[i].dimension_id.value_or(std::int64_t{1} << 40);
    });
    for (const auto i : positions) {
      const auto& scale = info_.variables[i];
      if (scale.shape.empty()) continue;
      Dimension dimension{scale.path, last_name(scale.path), scale.shape[0],
                          scale.max_shape[0] == -1};
      if (dimension.unlimited) dimension.length = longest_along(scale.path, dimension.length);
      info_.dimensions.push_back(std::move(dimension));
    }
  }

  // The scale of an unlimited dimension may be shorter than the data along it.
  std::int64_t longest_along(const std::string& dimension_path, std::int64_t length) const {
    for (const auto& variable : info_.variables) {
      for (std::size_t axis = 0; axis < variable.dim_paths.size(); ++axis) {
        if (variable.dim_paths[axis] == dimension_path) {
          length = std::max(length, variable.shape[axis]);
        }
      }
    }
    return length;
  }

  struct OpenFile {
    std::string path;
    std::size_t number;
  };

  FileInfo& info_;
  std::vector<OpenFile> files_;  // the one that is visited, behind those whose links led there
  std::map<std::string, std::size_t> numbers_;  // of files
  int steps_ = 0;                               // of links that are being followed
  bool is_netcdf_ = false;
  H5Plist link_access_;
  std::vector<Address> ancestors_;         // groups between the root and the one being visited
  std::map<Address, int> names_of_group_;  // how often a group was listed
  std::vector<Scales> scales_;             // parallel to info_.variables
};

// Coordinates of netCDF dimensions: numbers in one line.
bool is_coordinate(const Variable& variable) {
  return variable.is_scale && !variable.is_pure_dimension && variable.shape.size() == 1 &&
         variable.dtype && *variable.dtype != DType::kBool && variable.read_problem.empty() &&
         variable.shape[0] <= kLongestCoordinate;
}

void summarize_coordinates(hid_t file, FileInfo& info) {
  for (const auto& variable : info.variables) {
    if (!is_coordinate(variable)) continue;
    CoordinateSummary summary{variable.path, variable.shape[0], 0, 0, 0};
    Numbers values{*variable.dtype, {}};
    values.bytes.resize(static_cast<std::size_t>(summary.count) * size_of(values.dtype));
    if (summary.count > 0) {
      const H5Dataset dataset = open_dataset(file, info.path, variable.path);
      // What the library cannot decode is compared by whoever can (count 0).
      if (H5Dread(dataset, native_type(values.dtype), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                  values.bytes.data()) < 0) {
        H5Eclear2(H5E_DEFAULT);
        info.coordinates.push_back({variable.path, 0, 0, 0, 0});
        continue;
      }
      std::vector<double> numbers(values.count());
      for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = values.as_double(i);
      summary.hash = hash_bytes(std::as_bytes(std::span(numbers)));
      summary.first = numbers.front();
      summary.last = numbers.back();
    }
    info.coordinates.push_back(std::move(summary));
  }
}

}  // namespace

FileInfo inspect(const std::string& path, bool coordinates) {
  const H5Lock lock;
  FileInfo info;
  info.path = path;
  const H5File file = open_input(path);
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    throw input_error("cannot look at the file: " + std::generic_category().message(errno), path);
  }
  info.size = static_cast<std::uint64_t>(status.st_size);
  info.mtime_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  Walk(info).run(file);
  if (coordinates) summarize_coordinates(file, info);
  return info;
}

Variable inspect_dataset(const std::string& path, const std::string& dataset) {
  const H5Lock lock;
  const H5File file = open_input(path);
  const std::string name = table_of(file, dataset);
  return describe_by_name(open_dataset(file, path, name), path, name, dataset);
}

}  // namespace rankine::io
