// -d dim,from,to[,step] as NCO's ncks: inclusive, and the dimension stays. A date may be cut off:
// then it stands for all of its month, day, hour or minute, as in xarray. Of an axis that is
// labelled by text, what is no whole number is one of its texts.
#pragma once

#include <optional>
#include <string>

#include "apps/language/ast.h"
#include "apps/language/labels.h"
#include "runtime/api/array.h"
#include "runtime/base/error.h"

namespace rankine::language {

struct Hyperslab {
  std::string text;  // as the user wrote it
  std::string dimension;
  std::optional<Bound> from;
  std::optional<Bound> to;                // inclusive
  std::optional<io::DateText> from_date;  // instead of them
  std::optional<io::DateText> to_date;    // inclusive
  std::string from_text, to_text;         // as written, whatever else they are
  bool needs_text = false;                // one of them is nothing but text
  std::int64_t step = 1;                  // >= 1
};

// Throws Error (usage).
Hyperslab parse_hyperslab(const std::string& text);

// Of a slab that needs_text, where there is none.
Error no_number(const Hyperslab& slab);

// What the slab takes of an axis of `array`. Throws Error (usage) without a place for indices out
// of bounds and for selections without elements.
Index index_of(const Array& array, std::size_t axis, const Hyperslab& slab, LabelReader& reader);

}  // namespace rankine::language
