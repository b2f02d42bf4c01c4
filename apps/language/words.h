// Arguments that are no values: axes, types, lengths and flags. All throw Error with the position
// of the argument.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "apps/language/ast.h"
#include "runtime/api/array.h"

namespace rankine::language {

// The text of a name or of a quoted text.
std::optional<std::string> word_text(const Ast& ast, const Argument& argument);

// Refuses what is neither 1 or more nor -1, the whole axis.
void check_chunk_length(const Ast& ast, const Argument& argument, std::int64_t length);

std::int64_t integer_word(const Ast& ast, const Argument& argument);
bool flag_word(const Ast& ast, const Argument& argument);
DType dtype_word(const Ast& ast, const Argument& argument);

// The axis of `array` that the argument names, or that has this number.
std::size_t axis_word(const Ast& ast, const Argument& argument, const Array& array);
// The axis with this dimension name. Throws Error (input) at `offset`.
std::size_t named_axis(const Ast& ast, std::size_t offset, const std::string& dimension,
                       const Array& array);

const Argument* keyword(const Call& call, std::string_view name);  // null if it is not given

}  // namespace rankine::language
