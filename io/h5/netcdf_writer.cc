#include "io/h5/netcdf_writer.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>

#include "io/codec/table.h"
#include "io/h5/handles.h"
#include "io/h5/stand_in_filters.h"
#include "io/h5/write_attribute.h"
#include "io/h5/write_driver.h"
#include "io/h5/write_texts.h"

#include <hdf5_hl.h>

namespace rankine::io {
namespace {

constexpr ExitCode kCode = ExitCode::kTaskFailed;
constexpr unsigned kInOrder = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
constexpr hsize_t kRecordChunk = 1024;  // of an unlimited dimension for which nothing is stored
constexpr std::int64_t kInlineChunkBytes = 1 << 20;  // of an inline variable that may grow

template <class Result>
Result must(Result result, const char* action, const std::string& where) {
  return h5_check(result, action, where, kCode);
}

// A variable that has the name of a dimension without being its coordinate variable is stored
// under another name, as netCDF-C does.
bool is_coordinate(const OutputVariable& variable) {
  return variable.dims.size() == 1 && variable.dims[0] == variable.name;
}

struct FreeMemory {
  void operator()(void* memory) const { std::free(memory); }
};

// As the library's own functions set them: a skipped checksum would be none.
unsigned flags_of(std::uint32_t filter) {
  return filter == kFletcher32 ? H5Z_FLAG_MANDATORY : H5Z_FLAG_OPTIONAL;
}

std::set<std::uint32_t> filters_in(const OutputFile& file) {
  std::set<std::uint32_t> ids;
  for (const OutputVariable& variable : file.variables) {
    for (const FilterStep& step : filters_of(variable)) ids.insert(step.id);
  }
  return ids;
}

struct Scale {
  hid_t data_set;
  bool pure;  // a dimension without a coordinate variable
};

class Writer {
 public:
  Writer(const std::string& path, const OutputFile& file, std::span<const Placement> placements)
      : path_(path),
        spec_(file),
        placements_(placements),
        stand_ins_(filters_in(file)),
        driver_(placements.empty() ? kDataStart
                                   : placements.back().address + placements.back().size),
        data_sets_(file.variables.size()) {
    for (std::size_t id = 0; id < file.dimensions.size(); ++id) {
      dimension_ids_.emplace(file.dimensions[id].name, id);
    }
    for (const Placement& placement : placements) {
      largest_ = std::max(largest_, placement.size);
    }
    unread_.reset(std::calloc(std::max<std::size_t>(largest_, 1), 1));
    if (unread_ == nullptr) throw Error(kCode, "out of memory", path_);
  }

  // The order of creation decides the order in which readers list things, and the bytes. All
  // chunks come before the first attribute: attributes may allocate raw data of their own.
  void run() {
    create_file();
    create_groups();
    create_dimensions();
    create_variables();
    make_scales();
    attach_scales();
    write_attributes();
    close();
  }

  // What the driver saw explains more than HDF5's own error stack, which only says that it failed.
  Error explain(Error&& error) const {
    if (driver_.problem().empty()) return std::move(error);
    error.message = "cannot write the metadata of the output: " + driver_.problem();
    const int number = driver_.error_number();
    if (number == ENOSPC || number == EDQUOT) error.remedy = "free space there or write elsewhere";
    return std::move(error);
  }

 private:
  std::string at(const std::string& name) const { return path_ + ":/" + name; }

  void create_file() {
    const H5Plist access(H5Pcreate(H5P_FILE_ACCESS), "make a property list", path_, kCode);
    const H5F_libver_t version = spec_.libver == Libver::kV110 ? H5F_LIBVER_V110 : H5F_LIBVER_V18;
    must(H5Pset_libver_bounds(access, version, version), "set versions", path_);
    driver_.install(access);
    const H5Plist creation(H5Pcreate(H5P_FILE_CREATE), "make a property list", path_, kCode);
    must(H5Pset_link_creation_order(creation, kInOrder), "track creation order", path_);
    must(H5Pset_attr_creation_order(creation, kInOrder), "track creation order", path_);
    must(H5Pset_obj_track_times(creation, 0), "leave out times", path_);
    file_ = H5File(H5Fcreate(path_.c_str(), H5F_ACC_TRUNC, creation, access), "create the output",
                   path_, kCode);
  }

  // Those that names lead through, each once, before its members.
  void create_groups() {
    for (const OutputDimension& dimension : spec_.dimensions) create_groups_of(dimension.name);
    for (const OutputVariable& variable : spec_.variables) create_groups_of(variable.name);
    for (const OutputGroup& group : spec_.groups) create_groups_of(group.name + "/");
  }

  void create_groups_of(const std::string& name) {
    for (auto slash = name.find('/'); slash != std::string::npos;
         slash = name.find('/', slash + 1)) {
      const std::string group = name.substr(0, slash);
      if (groups_.contains(group)) continue;
      const std::string where = at(group);
      const H5Plist creation(H5Pcreate(H5P_GROUP_CREATE), "make a property list", where, kCode);
      must(H5Pset_link_creation_order(creation, kInOrder), "track creation order", where);
      must(H5Pset_attr_creation_order(creation, kInOrder), "track creation order", where);
      must(H5Pset_obj_track_times(creation, 0), "leave out times", where);
      groups_.emplace(group,
                      H5Group(H5Gcreate2(file_, group.c_str(), H5P_DEFAULT, creation, H5P_DEFAULT),
                              "create a group", where, kCode));
    }
  }

  H5Plist data_set_properties(const std::string& where) const {
    H5Plist creation(H5Pcreate(H5P_DATASET_CREATE), "make a property list", where, kCode);
    must(H5Pset_attr_creation_order(creation, kInOrder), "track creation order", where);
    must(H5Pset_obj_track_times(creation, 0), "leave out times", where);
    return creation;
  }

  bool is_unlimited(const std::string& dimension) const {
    return spec_.dimensions[dimension_ids_.at(dimension)].unlimited;
  }

  void create_dimensions() {
    std::map<std::string, std::size_t> coordinates;
    for (std::size_t i = 0; i < spec_.variables.size(); ++i) {
      if (is_coordinate(spec_.variables[i])) coordinates.emplace(spec_.variables[i].name, i);
    }
    for (const OutputDimension& dimension : spec_.dimensions) {
      const auto coordinate = coordinates.find(dimension.name);
      if (coordinate == coordinates.end()) {
        pure_dimensions_.push_back(create_pure_dimension(dimension));
        scales_.push_back({pure_dimensions_.back(), true});
      } else {
        create_variable(coordinate->second, dimension.name);
        scales_.push_back({data_sets_[coordinate->second], false});
      }
    }
  }

  // A dimension without coordinates: a data set of its length for which nothing is ever stored.
  H5Dataset create_pure_dimension(const OutputDimension& dimension) {
    const std::string where = at(dimension.name);
    const auto length = static_cast<hsize_t>(dimension.length);
    const hsize_t most = dimension.unlimited ? H5S_UNLIMITED : length;
    const H5Space space(H5Screate_simple(1, &length, &most), "make a data space", where, kCode);
    const H5Plist creation = data_set_properties(where);
    if (dimension.unlimited) {
      must(H5Pset_chunk(creation, 1, &kRecordChunk), "set the chunk", where);
    }
    return H5Dataset(H5Dcreate2(file_, dimension.name.c_str(), H5T_IEEE_F32BE, space, H5P_DEFAULT,
                                creation, H5P_DEFAULT),
                     "create the dimension", where, kCode);
  }

  void create_variables() {
    for (std::size_t i = 0; i < spec_.variables.size(); ++i) {
      const OutputVariable& variable = spec_.variables[i];
      if (is_coordinate(variable)) continue;
      const bool taken = dimension_ids_.contains(variable.name);
      create_variable(
          i, taken ? group_part(variable.name) + "_nc4_non_coord_" + last_part(variable.name)
                   : variable.name);
    }
  }

  void create_variable(std::size_t index, const std::string& name) {
    const OutputVariable& variable = spec_.variables[index];
    const std::string where = at(name);
    const H5Space space = make_space(variable, where);
    const H5Plist creation = data_set_properties(where);
    if (variable.fill) {
      must(H5Pset_fill_value(creation, memory_type(variable.dtype), variable.fill->bytes.data()),
           "set the fill value", where);
    }
    set_layout(variable, creation, where);
    const H5Type type = element_type(variable, where);
    data_sets_[index] =
        H5Dataset(H5Dcreate2(file_, name.c_str(), type, space, H5P_DEFAULT, creation, H5P_DEFAULT),
                  "create the data set", where, kCode);
    if (variable.texts) {
      write_texts(data_sets_[index], variable, where);
    } else if (is_logged(variable)) {
      index_chunks(index, where);
    } else {
      write_inline(index, where);
    }
  }

  H5Space make_space(const OutputVariable& variable, const std::string& where) const {
    const std::vector<hsize_t> lengths(variable.shape.begin(), variable.shape.end());
    std::vector<hsize_t> most = lengths;
    for (std::size_t axis = 0; axis < most.size(); ++axis) {
      if (is_unlimited(variable.dims[axis])) most[axis] = H5S_UNLIMITED;
    }
    return H5Space(lengths.empty() ? H5Screate(H5S_SCALAR)
                                   : H5Screate_simple(static_cast<int>(lengths.size()),
                                                      lengths.data(), most.data()),
                   "make a data space", where, kCode);
  }

  // HDF5 stores an unlimited axis only in chunks: one of the whole extent, if that is not too much.
  Extents chunk_of(const OutputVariable& variable) const {
    const bool grows = std::any_of(variable.dims.begin(), variable.dims.end(),
                                   [&](const std::string& name) { return is_unlimited(name); });
    if (!variable.chunk.empty() || !grows) return variable.chunk;
    Extents chunk = variable.shape;
    auto room = kInlineChunkBytes / static_cast<std::int64_t>(size_of(variable.dtype));
    for (std::size_t axis = chunk.size(); axis-- > 0;) {
      chunk[axis] = std::clamp<std::int64_t>(chunk[axis], 1, std::max<std::int64_t>(room, 1));
      room /= chunk[axis];
    }
    return chunk;
  }

  void set_layout(const OutputVariable& variable, const H5Plist& creation,
                  const std::string& where) const {
    const Extents chunk = chunk_of(variable);
    if (chunk.empty()) return;
    const std::vector<hsize_t> lengths(chunk.begin(), chunk.end());
    must(H5Pset_chunk(creation, static_cast<int>(lengths.size()), lengths.data()), "set the chunk",
         where);
    // Chunks allocated early, without filters, have no index but one extent, which HDF5 1.10 would
    // allocate itself at the first chunk.
    must(H5Pset_alloc_time(creation, H5D_ALLOC_TIME_INCR), "have chunks allocated one by one",
         where);
    if (variable.texts) return;  // their bytes lie in heaps, which no filter sees
    for (const FilterStep& step : filters_of(variable)) {
      must(H5Pset_filter(creation, static_cast<H5Z_filter_t>(step.id), flags_of(step.id),
                         step.count, step.numbers.data()),
           "set a filter", where);
    }
  }

  void write_inline(std::size_t index, const std::string& where) {
    const OutputVariable& variable = spec_.variables[index];
    if (variable.inline_data->empty()) return;
    const std::byte* data = variable.inline_data->data();
    const auto count = static_cast<std::size_t>(volume(variable.shape));
    std::vector<std::byte> filled;
    if (needs_fill(variable, data, count)) {
      filled = *variable.inline_data;
      replace_nan(variable, filled.data(), count);
      data = filled.data();
    }
    must(H5Dwrite(data_sets_[index], memory_type(variable.dtype), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                  data),
         "write the data", where);
  }

  // Tells HDF5 of every chunk, in chunk order: its index is then built by appending.
  void index_chunks(std::size_t index, const std::string& where) {
    const OutputVariable& variable = spec_.variables[index];
    const auto by_variable = [](const Placement& p, std::size_t v) { return p.variable < v; };
    auto next = std::lower_bound(placements_.begin(), placements_.end(), index, by_variable);
    const Extents counts = chunk_grid(variable).counts();
    const std::int64_t chunks = volume(counts);
    Extents coordinate(counts.size());
    std::vector<hsize_t> offset(counts.size());
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk, ++next) {
      if (next == placements_.end() || next->variable != index || next->chunk != chunk) {
        throw Error(kCode, "chunk " + std::to_string(chunk) + " has no place", where);
      }
      for (std::size_t axis = 0; axis < offset.size(); ++axis) {
        offset[axis] = static_cast<hsize_t>(coordinate[axis] * variable.chunk[axis]);
      }
      index_chunk(data_sets_[index], *next, offset, where);
      next_coordinate(coordinate, counts);
    }
  }

  void index_chunk(hid_t data_set, const Placement& placement, const std::vector<hsize_t>& offset,
                   const std::string& where) {
    driver_.arm(placement.address, placement.size);
    const herr_t result = H5Dwrite_chunk(data_set, H5P_DEFAULT, placement.filter_mask,
                                         offset.data(), placement.size, unread_.get());
    if (!driver_.disarm() || result < 0) {
      h5_fail("index chunk " + std::to_string(placement.chunk), where, kCode);
    }
  }

  void make_scales() {
    for (std::size_t id = 0; id < spec_.dimensions.size(); ++id) {
      const OutputDimension& dimension = spec_.dimensions[id];
      const std::string where = at(dimension.name);
      std::string label = last_part(dimension.name);
      if (scales_[id].pure) {
        char text[64];
        std::snprintf(text, sizeof text,
                      "This is a netCDF dimension but not a netCDF variable.%10lld",
                      static_cast<long long>(dimension.length));
        label = text;
      }
      must(H5DSset_scale(scales_[id].data_set, label.c_str()), "make a dimension scale", where);
      write_dimension_id(scales_[id].data_set, static_cast<int>(id), where);
    }
  }

  // An int32 without a dimension: other attributes of netCDF are 1-D.
  static void write_dimension_id(hid_t scale, int id, const std::string& where) {
    const H5Space space(H5Screate(H5S_SCALAR), "make a data space", where, kCode);
    H5Attr attribute(
        H5Acreate2(scale, "_Netcdf4Dimid", H5T_STD_I32LE, space, H5P_DEFAULT, H5P_DEFAULT),
        "number a dimension", where, kCode);
    must(H5Awrite(attribute, H5T_NATIVE_INT, &id), "number a dimension", where);
    attribute.close("number a dimension", where);
  }

  void attach_scales() {
    for (std::size_t i = 0; i < spec_.variables.size(); ++i) {
      const OutputVariable& variable = spec_.variables[i];
      if (is_coordinate(variable)) continue;
      for (std::size_t axis = 0; axis < variable.dims.size(); ++axis) {
        const hid_t scale = scales_[dimension_ids_.at(variable.dims[axis])].data_set;
        must(H5DSattach_scale(data_sets_[i], scale, static_cast<unsigned>(axis)),
             "attach a dimension scale", at(variable.name));
      }
    }
  }

  void write_attributes() {
    for (std::size_t i = 0; i < spec_.variables.size(); ++i) {
      const OutputVariable& variable = spec_.variables[i];
      const std::string where = at(variable.name);
      if (variable.fill) write_attribute(data_sets_[i], {"_FillValue", *variable.fill}, where);
      for (const Attribute& attribute : variable.attributes) {
        const bool ours = (variable.fill && attribute.name == "_FillValue") ||
                          (variable.dtype == DType::kBool && attribute.name == "dtype");
        if (ours || is_machinery(attribute.name)) continue;
        write_attribute(data_sets_[i], attribute, where);
      }
      if (variable.dtype == DType::kBool) {
        write_attribute(data_sets_[i], {"dtype", std::string("bool")}, where);
      }
    }
    for (const Attribute& attribute : spec_.attributes) {
      if (!is_machinery(attribute.name)) write_attribute(file_, attribute, path_);
    }
    write_attribute(file_, {"_NCProperties", properties()}, path_);
    for (const OutputGroup& group : spec_.groups) {
      for (const Attribute& attribute : group.attributes) {
        if (!is_machinery(attribute.name)) {
          write_attribute(groups_.at(group.name), attribute, at(group.name));
        }
      }
    }
  }

  std::string properties() const {
    unsigned major = 0, minor = 0, release = 0;
    must(H5get_libversion(&major, &minor, &release), "ask for the version of HDF5", "");
    return "version=2,rankine=" RANKINE_VERSION ",hdf5=" + std::to_string(major) + "." +
           std::to_string(minor) + "." + std::to_string(release) +
           (spec_.plan.empty() ? "" : kPlanProperty + spec_.plan);
  }

  // What HDF5 held back comes out here, a full disk among it.
  void close() {
    for (H5Dataset& data_set : data_sets_) data_set.close("close a data set", path_);
    for (H5Dataset& dimension : pure_dimensions_) dimension.close("close a dimension", path_);
    for (auto& [name, group] : groups_) group.close("close a group", at(name));
    file_.close("close the output", path_);
    struct stat status {};
    const bool seen = ::stat(path_.c_str(), &status) == 0;
    if (!driver_.problem().empty() || !seen ||
        static_cast<std::uint64_t>(status.st_size) != driver_.end()) {
      throw Error(kCode, "the output is not as long as HDF5 says it is", path_);
    }
  }

  const std::string path_;
  const OutputFile& spec_;
  const std::span<const Placement> placements_;
  const StandInFilters stand_ins_;  // closed after everything that they let HDF5 create
  std::map<std::string, std::size_t> dimension_ids_;
  std::uint32_t largest_ = 0;
  std::unique_ptr<void, FreeMemory> unread_;  // stands for chunk data, which no one looks at
  WriteDriver driver_;
  H5File file_;
  std::map<std::string, H5Group> groups_;
  std::vector<H5Dataset> data_sets_;  // by variable
  std::vector<H5Dataset> pure_dimensions_;
  std::vector<Scale> scales_;  // by dimension; the handles are in the two lists above
};

}  // namespace

void write_netcdf(const std::string& part_path, const OutputFile& file,
                  std::span<const Placement> placements) {
  check(file);
  const H5Lock lock;
  Writer writer(part_path, file, placements);
  try {
    writer.run();
  } catch (Error& error) {
    throw writer.explain(std::move(error));
  }
}

}  // namespace rankine::io
