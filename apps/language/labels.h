// Coordinate values along an axis, and finding elements by them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/language/ast.h"
#include "io/calendar.h"
#include "runtime/api/array.h"

namespace rankine::language {

// One value per element of an axis. NaN (missing) matches nothing.
struct Labels {
  std::vector<double> values;
  double epsilon = 0;  // relative distance of neighbours in the coordinate's type; 0: integers
  std::optional<io::TimeUnits> time = std::nullopt;  // what they count, if that is time
  std::string units = {};                            // as the file says them
};

// Reads coordinate variables, each once. One thread.
class LabelReader {
 public:
  // Of elements that come from files along this axis, through slices, transposes and arithmetic
  // too. Throws Error: usage if they have no coordinate values, input if those cannot be read.
  Labels labels_of(const Array& array, std::size_t axis);
  // The same of text; nothing if the axis is labelled otherwise or not at all.
  std::optional<std::vector<std::string>> texts_of(const Array& array, std::size_t axis);

 private:
  const Labels& read(const std::shared_ptr<const io::FileInfo>& file, const std::string& path);

  using Key = std::pair<std::shared_ptr<const io::FileInfo>, std::string>;
  std::map<Key, Labels> known_;
  std::map<Key, std::vector<std::string>> known_texts_;
};

// The element whose label is `value`, up to one rounding to the coordinate's type. Throws Error
// (usage) that names the nearest labels.
std::int64_t label_index(const Labels& labels, double value);

// The only element with this text. Throws Error (usage) that names some that are there.
std::int64_t text_index(const std::vector<std::string>& texts, const std::string& text);

// Both ends are elements of the range.
struct ClosedRange {
  std::int64_t first = 0;
  std::int64_t last = 0;
};

// The elements with begin <= label <= end (up to rounding), whether the labels ascend or descend;
// an end that is left out does not limit. If they descend, the larger end may stand first. Throws
// Error (usage) if there are none, or if the labels are in no order.
ClosedRange label_range(const Labels& labels, std::optional<double> begin,
                        std::optional<double> end);

// The elements from the first moment of one date text to the last of another, whether the labels
// ascend or descend; a text that is left out does not limit. Throws Error (usage): no time, no
// elements, no order, no such date.
ClosedRange date_range(const Labels& labels, const std::optional<io::DateText>& from,
                       const std::optional<io::DateText>& to);

}  // namespace rankine::language
