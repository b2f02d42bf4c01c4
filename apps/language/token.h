// The words of the eval language. One pass over the source; every byte of it belongs to one token
// or to white space, or is refused with its position.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/expr/location.h"

namespace rankine::language {

inline constexpr std::size_t kMaxSourceBytes = 64 * 1024;

enum class TokenKind : std::uint8_t {
  kEnd,
  kSymbol,      // operators, brackets, comma, colon, semicolon, "..."
  kInteger,     // digits only
  kReal,        // with a point or an exponent
  kName,        // letters, digits and _; also the reserved words
  kQuotedName,  // between backquotes; `text` is what stands between them
  kText,        // between ' or "; `text` is what stands between them
};

// `text` points into the source, which must outlive the token.
struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::size_t offset = 0;  // bytes from the begin of the source to the token, quotes included
  std::string_view text;
};

// All tokens of `source`, closed by one of kind kEnd right after the last. Throws Error kUsage.
std::vector<Token> tokenize(std::string_view source);

// true, false, nan, inf, and, or, not: as names they stand between backquotes.
bool is_reserved(std::string_view word);

// True for a name that needs no backquotes.
bool is_plain_name(std::string_view name);

// The place of every byte of `source` and of its end. Lines and columns count from 1, columns
// characters.
std::vector<expr::Location> places_of(std::string_view source);

// A usage error whose `where` shows the line of `source` that holds the byte `offset`, and a caret
// under it. Columns count characters from 1. Never shows more than about 70 characters of the line.
Error error_at(std::string_view source, std::size_t offset, std::string message,
               std::string remedy = {});

}  // namespace rankine::language
