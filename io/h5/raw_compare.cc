#include "io/h5/raw_compare.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>
#include <vector>

#include "io/h5/describe.h"
#include "io/h5/input_file.h"

namespace rankine::io {
namespace {

// What is read of an element: whatever lies in it and is not compared elsewhere, without padding.
struct Kept {
  H5Type type;  // empty: nothing
  std::vector<std::string> left_out;
};

// Fixed-length text without what may stand behind its end; bytes of other types as they are.
H5Type plain_type(hid_t type, const std::string& where) {
  if (const NumberType number = number_type(type); number.dtype && !number.conversion.empty()) {
    return H5Type(H5Tcopy(native_type(*number.dtype)), "copy a type", where);
  }
  H5Type copy(H5Tcopy(type), "copy a type", where);
  if (H5Tget_class(type) == H5T_STRING) {
    h5_check(H5Tset_strpad(copy, H5T_STR_NULLPAD), "copy a type", where);
  } else if (H5Tdetect_class(type, H5T_COMPOUND) > 0) {
    h5_check(H5Tpack(copy), "pack a type", where);
  }
  return copy;
}

// Numbers longer than 8 bytes have bits that mean nothing, which the library leaves as they were.
bool is_comparable(hid_t type) {
  switch (H5Tget_class(type)) {
    case H5T_FLOAT: return H5Tget_precision(type) == 8 * H5Tget_size(type);
    case H5T_STRING: return H5Tis_variable_str(type) == 0;
    case H5T_INTEGER:
    case H5T_ENUM:
    case H5T_OPAQUE:
    case H5T_BITFIELD: return true;
    case H5T_ARRAY: return is_comparable(H5Type(H5Tget_super(type)));
    case H5T_COMPOUND: {
      const int count = H5Tget_nmembers(type);
      for (unsigned i = 0; count > 0 && i < static_cast<unsigned>(count); ++i) {
        const H5Type member(H5Tget_member_type(type, i));
        if (!member.valid() || !is_comparable(member)) return false;
      }
      return count > 0;
    }
    default: return false;
  }
}

// The fields of a table that are kept, one behind the other.
class Keeper {
 public:
  Keeper(hid_t type, std::string where) : where_(std::move(where)) {
    for (const Field& field : fields_of(type)) elsewhere_.insert(field.name);
  }

  Kept keep(hid_t type, const std::string& prefix = "") {
    if (H5Tget_class(type) == H5T_COMPOUND) return keep_fields(type, prefix);
    Kept kept;
    if (is_comparable(type)) kept.type = plain_type(type, where_);
    else kept.left_out.push_back(prefix);
    return kept;
  }

 private:
  Kept keep_fields(hid_t table, const std::string& prefix) {
    Kept kept;
    std::vector<std::pair<std::string, H5Type>> fields;
    std::size_t size = 0;
    const int count = H5Tget_nmembers(table);
    for (unsigned i = 0; count > 0 && i < static_cast<unsigned>(count); ++i) {
      const H5Type member(H5Tget_member_type(table, i), "read a field", where_);
      char* text = H5Tget_member_name(table, i);
      if (text == nullptr) h5_fail("read a field", where_);
      const std::string name = text;
      H5free_memory(text);
      const std::string path = prefix.empty() ? name : prefix + "." + name;
      if (elsewhere_.contains(path)) continue;
      Kept field = keep(member, path);
      kept.left_out.insert(kept.left_out.end(), field.left_out.begin(), field.left_out.end());
      if (!field.type.valid()) continue;
      size += H5Tget_size(field.type);
      fields.emplace_back(name, std::move(field.type));
    }
    if (fields.empty()) return kept;
    kept.type = H5Type(H5Tcreate(H5T_COMPOUND, size), "make a type", where_);
    std::size_t at = 0;
    for (const auto& [name, type] : fields) {
      h5_check(H5Tinsert(kept.type, name.c_str(), at, type), "make a type", where_);
      at += H5Tget_size(type);
    }
    return kept;
  }

  std::string where_;
  std::set<std::string> elsewhere_;  // fields that are data sets of their own
};

}  // namespace

struct RawPair::Side {
  std::string where;
  H5File file;
  H5Dataset dataset;
  Variable variable;
  Kept kept;

  explicit Side(const RawPlace& place) : where(place_of(place.file, place.dataset)) {
    file = open_input(place.file);
    dataset = open_dataset(file, place.file, place.dataset);
    variable = describe_dataset(dataset, place.file, place.dataset);
    if (!variable.read_problem.empty()) throw input_error(variable.read_problem, where);
    const H5Type type(H5Dget_type(dataset), "read the type", where);
    kept = Keeper(type, where).keep(type);
  }

  std::size_t element_size() const { return kept.type.valid() ? H5Tget_size(kept.type) : 0; }

  std::vector<std::byte> read(const Box& box) const {
    const H5Space from(H5Dget_space(dataset), "read the shape", where);
    const Extents shape = box.shape();
    const std::vector<hsize_t> start(box.lo.begin(), box.lo.end());
    const std::vector<hsize_t> count(shape.begin(), shape.end());
    if (box.rank() > 0) {
      h5_check(
          H5Sselect_hyperslab(from, H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr),
          "select a box", where);
    }
    const H5Space to(H5Screate_simple(static_cast<int>(box.rank()), count.data(), nullptr),
                     "make a buffer", where);
    std::vector<std::byte> bytes(static_cast<std::size_t>(box.size()) * element_size());
    h5_check(H5Dread(dataset, kept.type, to, from, H5P_DEFAULT, bytes.data()), "read the data",
             where);
    return bytes;
  }
};

RawPair::RawPair(const RawPlace& a, const RawPlace& b) {
  const H5Lock lock;
  a_ = std::make_unique<Side>(a);
  b_ = std::make_unique<Side>(b);
  const Kept& one = a_->kept;
  const Kept& other = b_->kept;
  const std::string whole = "values of type " + a_->variable.type_name;
  const bool both = one.type.valid() && other.type.valid();
  const bool equal =
      both ? H5Tequal(one.type, other.type) > 0 : one.type.valid() == other.type.valid();
  if (!equal || one.left_out != other.left_out) {
    other_types_ = true;
    a_->kept.type = H5Type();
  } else if (!one.left_out.empty()) {
    std::string names;
    for (const std::string& name : one.left_out) names += (names.empty() ? "" : ", ") + name;
    left_out_ = names.empty() ? whole : "values of its fields " + names;
  }
}

RawPair::~RawPair() {
  const H5Lock lock;
  a_.reset();
  b_.reset();
}

const Variable& RawPair::variable() const { return a_->variable; }

std::size_t RawPair::element_size() const {
  const H5Lock lock;
  return a_->element_size();
}

void RawPair::compare(const Box& box, RawDifference& found) const {
  const H5Lock lock;
  const std::vector<std::byte> one = a_->read(box);
  const std::vector<std::byte> other = b_->read(box);
  if (one == other) return;
  const std::size_t size = a_->element_size();
  const Extents shape = box.shape();
  for (std::int64_t i = 0; i < box.size(); ++i) {
    const std::size_t at = static_cast<std::size_t>(i) * size;
    if (std::memcmp(one.data() + at, other.data() + at, size) == 0) continue;
    Extents coordinate = coordinate_of(i, shape);
    for (std::size_t k = 0; k < coordinate.size(); ++k) coordinate[k] += box.lo[k];
    const std::int64_t position = position_of(coordinate, a_->variable.shape);
    found.first = found.first < 0 ? position : std::min(found.first, position);
    ++found.elements;
  }
}

}  // namespace rankine::io
