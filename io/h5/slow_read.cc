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
  open->dataset = open_dataset(open->file, path, dataset);
  open->variable = describe_dataset(open->dataset, path, dataset);
  const auto& variable = open->variable;
  if (!variable.dtype || variable.null_space) {
    throw input_error("a data set of type " + variable.type_name + " has no numbers to read",
                      open->where);
  }
  if (!variable.read_problem.empty()) throw input_error(variable.read_problem, open->where);
  open->memory = memory_type(open->dataset, *variable.dtype, open->where);
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
