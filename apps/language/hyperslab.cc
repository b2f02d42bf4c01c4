#include "apps/language/hyperslab.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

namespace rankine::language {
namespace {

Error refusal(const std::string& text, const std::string& what) {
  return usage_error("-d " + text + ": " + what,
                     "write -d dim,from,to[,step] with indices, coordinate values with a point, "
                     "dates like 2000-01-31, or texts that label the dimension");
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t comma = text.find(',');
    parts.push_back(text.substr(0, comma));
    if (comma == text.npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

template <class Number>
std::optional<Number> parsed(std::string_view text) {
  Number number{};
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<Bound> parsed_bound(Hyperslab& slab, std::string_view part) {
  if (part.empty()) return std::nullopt;
  if (part.front() == '+') part.remove_prefix(1);
  if (const auto whole = parsed<std::int64_t>(part)) return Bound(*whole);
  const auto real = parsed<double>(part);
  const bool has_point = part.find_first_of(".eE") != part.npos;
  if (real && has_point && std::isfinite(*real)) return Bound(*real);
  slab.needs_text = true;
  return std::nullopt;
}

// A year alone is an index.
std::optional<io::DateText> parsed_date(std::string_view part) {
  const auto date = io::parse_date(part);
  return date && date->unit != io::DateText::Unit::kYear ? date : std::nullopt;
}

// An index inside the axis.
std::int64_t position(const Hyperslab& slab, std::int64_t index, std::int64_t length) {
  const std::int64_t at = index < 0 ? index + length : index;
  if (at >= 0 && at < length) return at;
  throw refusal(slab.text, "index " + std::to_string(index) + " is out of bounds for " +
                               std::to_string(length) + " elements");
}

bool is_index(const std::optional<Bound>& bound) {
  return bound && std::holds_alternative<std::int64_t>(*bound);
}

// The whole numbers among the ends are indices, also where a text is a number.
ClosedRange text_range(const Hyperslab& slab, const std::vector<std::string>& names) {
  const auto length = static_cast<std::int64_t>(names.size());
  const auto at = [&](const std::string& text, const std::optional<Bound>& bound,
                      std::int64_t otherwise) {
    if (text.empty()) return otherwise;
    return is_index(bound) ? position(slab, std::get<std::int64_t>(*bound), length)
                           : text_index(names, text);
  };
  const ClosedRange range{at(slab.from_text, slab.from, 0), at(slab.to_text, slab.to, length - 1)};
  if (range.first > range.last) throw refusal(slab.text, "the range begins after its end");
  return range;
}

ClosedRange range_of(const Array& array, std::size_t axis, const Hyperslab& slab,
                     LabelReader& reader) {
  const bool by_index = (is_index(slab.from) || slab.from_text.empty()) &&
                        (is_index(slab.to) || slab.to_text.empty());
  if (!by_index) {
    if (const auto names = reader.texts_of(array, axis)) return text_range(slab, *names);
  }
  if (slab.needs_text) throw no_number(slab);
  if (slab.from_date || slab.to_date) {
    return date_range(reader.labels_of(array, axis), slab.from_date, slab.to_date);
  }
  const auto* from = slab.from ? std::get_if<double>(&*slab.from) : nullptr;
  const auto* to = slab.to ? std::get_if<double>(&*slab.to) : nullptr;
  if (from != nullptr || to != nullptr) {
    const Labels labels = reader.labels_of(array, axis);
    if (from != nullptr && to != nullptr && *from == *to) {
      const std::int64_t at = label_index(labels, *from);
      return {at, at};
    }
    return label_range(labels, from != nullptr ? std::optional(*from) : std::nullopt,
                       to != nullptr ? std::optional(*to) : std::nullopt);
  }
  const std::int64_t length = array.shape()[axis];
  if (length == 0) throw refusal(slab.text, "the dimension has no elements");
  const std::int64_t first =
      slab.from ? position(slab, std::get<std::int64_t>(*slab.from), length) : 0;
  const std::int64_t last =
      slab.to ? position(slab, std::get<std::int64_t>(*slab.to), length) : length - 1;
  if (first > last) throw refusal(slab.text, "the range begins after its end");
  return {first, last};
}

Hyperslab with_step(Hyperslab slab, const std::vector<std::string_view>& parts) {
  if (parts.size() < 4) return slab;
  const auto step = parsed<std::int64_t>(parts[3]);
  if (!step || *step < 1) throw refusal(slab.text, "a step is a whole number, 1 or more");
  slab.step = *step;
  return slab;
}

}  // namespace

Error no_number(const Hyperslab& slab) {
  const bool first = !slab.from && !slab.from_date && !slab.from_text.empty();
  return refusal(slab.text, "`" + (first ? slab.from_text : slab.to_text) +
                                "` is no number, and the dimension is not labelled by text");
}

Hyperslab parse_hyperslab(const std::string& text) {
  const std::vector<std::string_view> parts = split(text);
  if (parts.size() < 2 || parts.size() > 4 || parts[0].empty()) {
    throw refusal(text, "expected a dimension and one to three numbers");
  }
  Hyperslab slab;
  slab.text = text;
  slab.dimension = parts[0];
  const std::string_view last = parts.size() > 2 ? parts[2] : parts[1];
  slab.from_date = parsed_date(parts[1]);
  slab.to_date = parsed_date(last);
  if (!slab.from_date) slab.from = parsed_bound(slab, parts[1]);
  if (!slab.to_date) slab.to = parsed_bound(slab, last);
  slab.from_text = parts[1];
  slab.to_text = last;
  if (slab.needs_text) return with_step(std::move(slab), parts);
  if ((slab.from_date && slab.to) || (slab.to_date && slab.from)) {
    throw refusal(text, "one end is a date, the other is none");
  }
  if (slab.from && slab.to && slab.from->index() != slab.to->index()) {
    throw refusal(text, "one end is an index, the other a coordinate value");
  }
  if (parts.size() == 2 && !slab.from && !slab.from_date)
    throw refusal(text, "nothing is selected");
  return with_step(std::move(slab), parts);
}

Index index_of(const Array& array, std::size_t axis, const Hyperslab& slab, LabelReader& reader) {
  const ClosedRange range = range_of(array, axis, slab, reader);
  return rankine::Range{range.first, range.last + 1, slab.step};
}

}  // namespace rankine::language
