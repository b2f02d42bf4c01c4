// x[...]: positions, names, ranges of indices and of coordinate values.
#pragma once

#include "apps/language/ast.h"
#include "apps/language/labels.h"
#include "runtime/api/array.h"

namespace rankine::language {

// Throws Error with the position of the item that is wrong.
Array select(const Ast& ast, const Subscript& subscript, const Array& array, LabelReader& reader);

}  // namespace rankine::language
