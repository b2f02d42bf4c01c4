// Program + inputs -> expressions: gives every name of an Ast its meaning and builds the arrays.
// Nothing is computed here; only the metadata of files are read, and the coordinate values that a
// subscript or -d names.
//
// Literals that meet only literals stay literals (weak, with Python's arithmetic); functions of
// literals too. Everything else becomes an Array.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "apps/language/ast.h"
#include "runtime/api/array.h"

namespace rankine::language {

// What the command line names.
struct Inputs {
  // FILE[:/dataset or group], may be empty; several are one along their record dimension.
  std::vector<std::string> positional;
  std::vector<std::string> variables;  // name=FILE:/path, or name=/path inside the positional file
  // dim,from,to[,step] or dim,i as NCO: "to" is inclusive, integers are indices (negative: from the
  // end), numbers with a point coordinate values (closed), dim,i keeps the dimension with length 1,
  // from and to may be empty. Applied to every variable that has the dimension, when it is opened.
  std::vector<std::string> hyperslabs;
};

using Term = std::variant<Array, Literal>;

struct Binding {
  std::string name;
  Term value;
  bool temporary;  // the name begins with _: not to be written
};

// One binding per statement, in order. A name means the earlier statement of that name, else what
// -v gives it, else the variable of the positional file (in the group that was named; if a data set
// was named, that data set alone). Throws Error: usage, or input (files, missing variables and
// dimensions); errors of an expression carry its position. Call it where io::probe may start a
// child: on rank 0, in one thread.
std::vector<Binding> bind(const Ast& ast, const Inputs& inputs);

}  // namespace rankine::language
