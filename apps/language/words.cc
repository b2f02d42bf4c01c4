#include "apps/language/words.h"

#include <algorithm>

#include "apps/language/near.h"
#include "apps/language/token.h"

namespace rankine::language {

std::optional<std::string> word_text(const Ast& ast, const Argument& argument) {
  const Node& node = ast.nodes[argument.value];
  if (const auto* name = std::get_if<Name>(&node.value)) return name->name;
  if (const auto* text = std::get_if<Text>(&node.value)) return text->value;
  return std::nullopt;
}

std::int64_t integer_word(const Ast& ast, const Argument& argument) {
  if (const auto value = literal_integer(ast, argument.value)) return *value;
  throw error_at(ast.source, argument.offset, "expected a whole number",
                 "write it in digits, such as 3 or -1");
}

void check_chunk_length(const Ast& ast, const Argument& argument, std::int64_t length) {
  if (length >= 1 || length == -1) return;
  throw error_at(ast.source, argument.offset, "a chunk length is " + std::to_string(length),
                 "write 1 or more, or -1 for the whole axis");
}

bool flag_word(const Ast& ast, const Argument& argument) {
  if (const auto* flag = std::get_if<Boolean>(&ast.nodes[argument.value].value)) return flag->value;
  throw error_at(ast.source, argument.offset, "expected true or false",
                 "write it out, without quotes: keepdims=true");
}

DType dtype_word(const Ast& ast, const Argument& argument) {
  const auto text = word_text(ast, argument);
  if (text) {
    if (const auto dtype = parse_dtype(*text)) return *dtype;
  }
  std::vector<std::string> known;
  for (int i = 0; i < kDTypeCount; ++i) known.emplace_back(name_of(static_cast<DType>(i)));
  throw error_at(ast.source, argument.offset,
                 text ? "there is no type `" + *text + "`" : "expected a type such as float32",
                 "the types are " + listed(known, known.size()));
}

std::size_t named_axis(const Ast& ast, std::size_t offset, const std::string& dimension,
                       const Array& array) {
  const auto& dims = array.dims();
  const auto found = std::find(dims.begin(), dims.end(), dimension);
  if (!dimension.empty() && found != dims.end()) return found - dims.begin();
  std::vector<std::string> named;
  for (const std::string& dim : dims) {
    if (!dim.empty()) named.push_back(dim);
  }
  std::string remedy = "its shape is " + to_string(array.shape()) + "; name axes by number";
  if (!named.empty()) remedy = "its dimensions are " + listed(named, named.size());
  if (array.rank() == 0) remedy = "it is a single number";
  Error error = error_at(ast.source, offset, "the operand has no dimension `" + dimension + "`",
                         std::move(remedy));
  error.exit_code = ExitCode::kInput;
  throw error;
}

std::size_t axis_word(const Ast& ast, const Argument& argument, const Array& array) {
  if (const auto number = literal_integer(ast, argument.value)) {
    try {
      return array.axis_number(Axis(*number));
    } catch (const Error& error) {
      throw error_at(ast.source, argument.offset, error.message, error.remedy);
    }
  }
  const auto text = word_text(ast, argument);
  if (!text) {
    throw error_at(ast.source, argument.offset, "expected an axis: a dimension name or a number",
                   "for the smaller or larger of two arrays use minimum(a, b), maximum(a, b)");
  }
  return named_axis(ast, argument.offset, *text, array);
}

const Argument* keyword(const Call& call, std::string_view name) {
  const auto found = std::find_if(call.arguments.begin(), call.arguments.end(),
                                  [&](const Argument& a) { return a.keyword == name; });
  return found == call.arguments.end() ? nullptr : &*found;
}

}  // namespace rankine::language
