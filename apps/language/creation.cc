// zeros, ones, full, arange.
#include "apps/language/functions.h"
#include "apps/language/token.h"
#include "apps/language/words.h"

namespace rankine::language {
namespace {

Literal literal_value(const CallSite& site, std::size_t i) {
  if (const auto* literal = std::get_if<Literal>(&site.values[i])) return *literal;
  throw error_at(site.ast.source, site.call.arguments[i].offset, "expected a number, not an array",
                 "a result of reductions is an array; write the value itself");
}

// The values from number `first` on, as the lengths of a shape.
Extents shape_of(const CallSite& site, std::size_t first) {
  Extents shape;
  for (std::size_t i = first; i < site.values.size(); ++i) {
    const Literal length = literal_value(site, i);
    if (length.kind != Literal::Kind::kInteger || length.integer < 0) {
      throw error_at(site.ast.source, site.call.arguments[i].offset,
                     "a length is a whole number, 0 or more", "write it in digits: zeros(3, 4)");
    }
    shape.push_back(length.integer);
  }
  return shape;
}

// chunk=: elements along every axis, -1 for whole ones. 0: not given.
std::int64_t chunk_of(const CallSite& site) {
  const Argument* given = keyword(site.call, "chunk");
  if (given == nullptr) return 0;
  const std::int64_t chunk = integer_word(site.ast, *given);
  check_chunk_length(site.ast, *given, chunk);
  return chunk;
}

DType dtype_of_call(const CallSite& site, DType standard) {
  const Argument* given = keyword(site.call, "dtype");
  return given == nullptr ? standard : dtype_word(site.ast, *given);
}

Term filled(const CallSite& site, Literal value, std::size_t first_length, DType standard) {
  const Extents shape = shape_of(site, first_length);
  const std::int64_t chunk = chunk_of(site);
  const DType dtype = dtype_of_call(site, standard);
  return full(shape, value, dtype, chunk != 0 ? Extents(shape.size(), chunk) : Extents());
}

Term build_zeros(CallSite& site) {
  return filled(site, Literal::of(std::int64_t{0}), 0, DType::kFloat64);
}
Term build_ones(CallSite& site) {
  return filled(site, Literal::of(std::int64_t{1}), 0, DType::kFloat64);
}
Term build_full(CallSite& site) {
  const Literal value = literal_value(site, 0);
  return filled(site, value, 1, rankine::dtype_of(value));
}

Term build_arange(CallSite& site) {
  Literal start = Literal::of(std::int64_t{0}), step = Literal::of(std::int64_t{1});
  Literal stop = literal_value(site, 0);
  if (site.values.size() > 1) {
    start = stop;
    stop = literal_value(site, 1);
  }
  if (site.values.size() > 2) step = literal_value(site, 2);
  const Array array = arange(start, stop, step, chunk_of(site));
  return array.astype(dtype_of_call(site, array.dtype()));
}

Function creation(std::string name, std::string arguments, Term (*build)(CallSite&)) {
  Function function;
  function.name = std::move(name);
  function.usage = function.name + "(" + arguments + ", dtype=, chunk=)";
  function.most_values = Function::kAny;
  function.keywords = {"dtype", "chunk"};
  function.build = build;
  return function;
}

}  // namespace

std::vector<Function> creation_functions() {
  std::vector<Function> all = {creation("zeros", "length, ...", build_zeros),
                               creation("ones", "length, ...", build_ones),
                               creation("full", "value, length, ...", build_full),
                               creation("arange", "start, stop, step", build_arange)};
  all.back().most_values = 3;
  return all;
}

}  // namespace rankine::language
