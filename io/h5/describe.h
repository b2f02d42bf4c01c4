// Parts of inspect.h that need an open data set. Only for io/h5. The HDF5 lock is held.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "io/h5/file_info.h"
#include "io/h5/handles.h"

namespace rankine::io {

// The type of numbers as we compute with them.
struct NumberType {
  std::optional<DType> dtype;  // empty: not a number we compute with
  std::string name;            // for people
  bool big_endian = false;
  std::string conversion;  // what the library must convert; "" if bytes mean what dtype says
  std::string note;        // names of an enum's values
  Element element;
};
NumberType number_type(hid_t type);

// The numbers in a table's elements, also of tables inside of it: "a", "b.c".
struct Field {
  std::string name;
  NumberType number;  // with its place in the element
};
std::vector<Field> fields_of(hid_t compound);
// The other fields of a table, and tables inside: "s string, in compound, in.t array"; "" if there
// are none.
std::string other_fields(hid_t compound);

// HDF5's in-memory type of a dtype: native integers and floats; bool is one byte.
hid_t native_type(DType dtype);

// Everything about a data set except attributes and dimension names. file_path serves to find
// external files and virtual sources, and in messages. Throws Error (input).
Variable describe_dataset(hid_t dataset, const std::string& file_path, const std::string& path);

// The fields of a table that are numbers, as variables of their own: "/table.field". `table`: what
// describe_dataset says of it.
std::vector<Variable> describe_fields(hid_t dataset, const Variable& table);

// The data set `name`, or its field if `path` is "name.field". Throws Error (input).
Variable describe_by_name(hid_t dataset, const std::string& file_path, const std::string& name,
                          const std::string& path);

// Text of a fixed-length string, without its padding.
std::string unpadded(const char* text, std::size_t size, H5T_str_t padding);

// The attributes of an object in creation order where it is tracked, else by name. What cannot be
// read or carried has an empty value.
std::vector<Attribute> read_attributes(hid_t object);

// The object addresses of the scales attached to each axis (DIMENSION_LIST), one per axis at most;
// empty if there are none. Comparable with H5O_info_t::addr.
std::vector<std::optional<haddr_t>> attached_scales(hid_t dataset, std::size_t rank);

}  // namespace rankine::io
