#include "io/h5/slow_read.h"

#include <algorithm>
#include <cstring>

#include "io/h5/describe.h"
#include "io/h5/input_file.h"

namespace rankine::io {
namespace {

// The memory type of a whole element: an enum is read as what it is, other types converted.
H5Type memory_type(hid_t dataset, DType dtype, const std::string& where) {
  const H5Type type(H5Dget_type(dataset), "read the type", where);
  if (H5Tget_class(type) == H5T_ENUM) {
    return H5Type(H5Tget_native_type(type, H5T_DIR_ASCEND), "convert the type", where);
  }
  return H5Type(H5Tcopy(native_type(dtype)), "copy a type", where);
}

// Of a field of a table: a table that has nothing else. names: "a", or "a.b" of a table inside.
H5Type field_type(hid_t table, const std::string& names, DType dtype, const std::string& where) {
  const auto dot = names.find('.');
  const std::string name = names.substr(0, dot);
  const int index = h5_check(H5Tget_member_index(table, name.c_str()), "find the field", where);
  const H5Type member(H5Tget_member_type(table, static_cast<unsigned>(index)), "read the type",
                      where);
  H5Type inner;
  if (dot != std::string::npos) {
    inner = field_type(member, names.substr(dot + 1), dtype, where);
  } else if (H5Tget_class(member) == H5T_ENUM) {
    inner = H5Type(H5Tget_native_type(member, H5T_DIR_ASCEND), "convert the type", where);
  } else {
    inner = H5Type(H5Tcopy(native_type(dtype)), "copy a type", where);
  }
  H5Type memory(H5Tcreate(H5T_COMPOUND, size_of(dtype)), "make a type", where);
  h5_check(H5Tinsert(memory, name.c_str(), 0, inner), "make a type", where);
  return memory;
}

H5Space select_box(hid_t dataset, const Box& box, const std::string& where) {
  H5Space space(H5Dget_space(dataset), "read the shape", where);
  hsize_t start[H5S_MAX_RANK];
  hsize_t count[H5S_MAX_RANK];
  for (std::size_t axis = 0; axis < box.rank(); ++axis) {
    start[axis] = static_cast<hsize_t>(box.lo[axis]);
    count[axis] = static_cast<hsize_t>(box.hi[axis] - box.lo[axis]);
  }
  if (box.rank() > 0) {
    h5_check(H5Sselect_hyperslab(space, H5S_SELECT_SET, start, nullptr, count, nullptr),
             "select a box", where);
  }
  return space;
}

}  // namespace

struct SlowReader::Open {
  std::string where;
  H5File file;
  H5Dataset dataset;
  Variable variable;
  H5Type memory;
};

SlowReader::SlowReader(const std::string& path, const std::string& dataset) {
  const H5Lock lock;
  auto open = std::make_unique<Open>();
  open->where = place_of(path, dataset);
  open->file = open_input(path);
  const std::string name = table_of(open->file, dataset);
  open->dataset = open_dataset(open->file, path, name);
  open->variable = describe_by_name(open->dataset, path, name, dataset);
  const auto& variable = open->variable;
  if (!variable.dtype || variable.null_space) {
    throw input_error("a data set of type " + variable.type_name + " has no numbers to read",
                      open->where);
  }
  if (!variable.read_problem.empty()) throw input_error(variable.read_problem, open->where);
  if (variable.is_field) {
    const H5Type table(H5Dget_type(open->dataset), "read the type", open->where);
    open->memory = field_type(table, dataset.substr(name.size() + 1), *variable.dtype, open->where);
  } else {
    open->memory = memory_type(open->dataset, *variable.dtype, open->where);
  }
  open_ = std::move(open);
}

SlowReader::~SlowReader() {
  const H5Lock lock;
  open_.reset();
}

const Variable& SlowReader::variable() const { return open_->variable; }

void SlowReader::read(const Box& box, std::byte* out) const {
  if (box.empty()) return;
  const H5Lock lock;
  const auto& fill = open_->variable.fill;
  const auto bytes = static_cast<std::size_t>(box.size()) * size_of(*open_->variable.dtype);
  // Where the file was told never to write fill values, the library leaves the buffer alone.
  if (fill.bytes.empty()) {
    std::memset(out, 0, bytes);
  } else {
    for (std::size_t i = 0; i < bytes; ++i) out[i] = fill.bytes[i % fill.bytes.size()];
  }
  const H5Space from = select_box(open_->dataset, box, open_->where);
  hsize_t count[H5S_MAX_RANK];
  const Extents shape = box.shape();
  std::ranges::copy(shape, count);
  const H5Space to(H5Screate_simple(static_cast<int>(box.rank()), count, nullptr), "make a buffer",
                   open_->where);
  h5_check(H5Dread(open_->dataset, open_->memory, to, from, H5P_DEFAULT, out), "read the data",
           open_->where);
}

}  // namespace rankine::io
