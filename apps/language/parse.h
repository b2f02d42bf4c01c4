// Source of the eval language -> Ast. The grammar (CONTRACT of the language, loosest binding
// first):
//
//   program    = statement { ";" statement } [ ";" ]
//   statement  = name "=" expression | expression          a lone expression is named `result`
//   expression = operands joined by  |  then  &  then  == != < <= > >= (one only)  then  + -
//                then  * / % ; all left-associative
//   unary      = { "+" | "-" | "!" } power
//   power      = postfix [ "^" unary ]                      -2^2 is -(2^2), 2^-1 is 2^(-1)
//   postfix    = primary { "[" item { "," item } "]" }
//   primary    = number | true | false | nan | inf | name | function "(" arguments ")"
//              | "(" expression ")"
//   argument   = [ name "=" ] ( expression | text )
//   item       = "..." | [ name "=" ] ( bound | [ bound ] ":" [ bound ] [ ":" [ integer ] ] )
//   bound      = [ "+" | "-" ] number
#pragma once

#include <string>

#include "apps/language/ast.h"

namespace rankine::language {

// Counts what is open at once: parentheses, calls, unary operators and right sides of ^.
inline constexpr int kMaxNesting = 1000;

// Throws Error kUsage with the position; whatever the bytes of `source` are, it does nothing worse.
Ast parse(std::string source);

}  // namespace rankine::language
