// Comparing elements that are no numbers: tables with text or arrays in them, opaque bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "io/h5/file_info.h"
#include "runtime/base/shape.h"

namespace rankine::io {

// Positions are row-major.
struct RawDifference {
  std::int64_t elements = 0;  // that are not the same, byte by byte
  std::int64_t first = -1;
  bool other_types = false;  // elements of the two cannot be the same; none is compared
  std::string left_out;      // what could not be compared and why; "" if nothing
  template <class Archive>
  void serialize(Archive& archive) {
    archive(elements, first, other_types, left_out);
  }
};

struct RawPlace {
  std::string file, dataset;
};

// Two data sets of one shape whose elements are no numbers as a whole. Bytes between the fields of
// a table do not count, nor do fields that are data sets of their own ("/table.field"): whoever
// compares numbers compares those. What is stored elsewhere (text and lists of any length,
// references) is left out. Use it through probe.h. Throws Error (input).
class RawPair {
 public:
  RawPair(const RawPlace& a, const RawPlace& b);
  ~RawPair();
  RawPair(const RawPair&) = delete;
  RawPair& operator=(const RawPair&) = delete;

  const Variable& variable() const;  // of the first
  std::size_t element_size() const;  // bytes that are compared; 0: none
  // Whether what would be compared is of other types, or other fields are left out.
  bool other_types() const { return other_types_; }
  const std::string& left_out() const { return left_out_; }
  // Adds the elements of a box. Needs an element_size.
  void compare(const Box& box, RawDifference& found) const;

 private:
  struct Side;
  std::unique_ptr<Side> a_, b_;
  bool other_types_ = false;
  std::string left_out_;
};

}  // namespace rankine::io
