#include "apps/language/token.h"

#include <algorithm>
#include <array>
#include <utility>

namespace rankine::language {
namespace {

struct Hint {
  std::string_view text;
  std::string_view remedy;
};

// Spellings of other languages that no program of this one can contain.
constexpr std::array kForeign = {
    Hint{"**", "use ^ for powers"},
    Hint{"//", "use floor(a / b)"},
    Hint{"&&", "use &"},
    Hint{"||", "use |"},
    Hint{"~", "use !"},
    Hint{"{", "use ( ) for grouping"},
    Hint{"}", "use ( ) for grouping"},
    Hint{"@", "use matmul(a, b)"},
    Hint{"?", "use where(condition, a, b)"},
};

// A longer symbol stands before its own beginnings.
constexpr std::array<std::string_view, 24> kSymbols = {
    "...", "==", "!=", "<=", ">=", "(", ")", "[", "]", ",", ":", ";",
    "=",   "<",  ">",  "+",  "-",  "*", "/", "%", "^", "&", "|", "!",
};

// The C library's <cctype> depends on the locale; names must not.
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }
bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

class Scanner {
 public:
  explicit Scanner(std::string_view source) : source_(source) {}

  std::vector<Token> all() {
    std::vector<Token> tokens;
    do {
      const std::size_t after_last = here_;
      while (is_space(at(0))) ++here_;
      tokens.push_back(here_ < source_.size() ? next() : Token{TokenKind::kEnd, after_last, {}});
    } while (tokens.back().kind != TokenKind::kEnd);
    return tokens;
  }

 private:
  char at(std::size_t ahead) const {
    return here_ + ahead < source_.size() ? source_[here_ + ahead] : '\0';
  }

  Token take(TokenKind kind, std::size_t begin) const {
    return Token{kind, begin, source_.substr(begin, here_ - begin)};
  }

  Token next() {
    const char c = at(0);
    if (is_digit(c) || (c == '.' && is_digit(at(1)))) return number();
    if (is_letter(c)) return word();
    if (c == '`') return quoted(TokenKind::kQuotedName);
    if (c == '\'' || c == '"') return quoted(TokenKind::kText);
    return symbol();
  }

  void skip_digits() {
    while (is_digit(at(0))) ++here_;
  }

  Token number() {
    const std::size_t begin = here_;
    TokenKind kind = TokenKind::kInteger;
    skip_digits();
    if (at(0) == '.' && at(1) != '.') {  // "0..." is a zero before an ellipsis
      kind = TokenKind::kReal;
      ++here_;
      skip_digits();
    }
    if (at(0) == 'e' || at(0) == 'E') {
      kind = TokenKind::kReal;
      ++here_;
      if (at(0) == '+' || at(0) == '-') ++here_;
      if (!is_digit(at(0))) {
        throw error_at(source_, begin, "a number has an empty exponent",
                       "write digits after e: 1e3");
      }
      skip_digits();
    }
    if (is_letter(at(0)) || (at(0) == '.' && at(1) != '.')) {
      throw error_at(source_, begin, "a number runs into what follows it",
                     "write * between a number and a name");
    }
    return take(kind, begin);
  }

  Token word() {
    const std::size_t begin = here_;
    while (is_letter(at(0)) || is_digit(at(0))) ++here_;
    return take(TokenKind::kName, begin);
  }

  Token quoted(TokenKind kind) {
    const std::size_t begin = here_;
    const char quote = source_[here_++];
    while (here_ < source_.size() && source_[here_] != quote) {
      if (is_control(source_[here_])) {
        throw error_at(source_, here_, "a control character stands between quotes", "leave it out");
      }
      ++here_;
    }
    if (here_ >= source_.size()) {
      throw error_at(source_, begin, "a quote is never closed", std::string("add ") + quote);
    }
    Token token{kind, begin, source_.substr(begin + 1, here_ - begin - 1)};
    ++here_;
    if (kind == TokenKind::kQuotedName && token.text.empty()) {
      throw error_at(source_, begin, "a name is empty", "write it between the backquotes");
    }
    return token;
  }

  Token symbol() {
    const std::size_t begin = here_;
    const std::string_view rest = source_.substr(begin);
    for (const Hint& foreign : kForeign) {
      if (!rest.starts_with(foreign.text)) continue;
      throw error_at(source_, begin, "`" + std::string(foreign.text) + "` is not an operator here",
                     std::string(foreign.remedy));
    }
    for (std::string_view known : kSymbols) {
      if (!rest.starts_with(known)) continue;
      here_ += known.size();
      return take(TokenKind::kSymbol, begin);
    }
    if (at(0) == '.') {
      throw error_at(source_, begin, "a point stands neither in a number nor in `...`",
                     "call functions as mean(x, time); put a name with a point between backquotes");
    }
    throw error_at(source_, begin, "this character is not part of the language",
                   "put names with other characters than letters, digits and _ between backquotes");
  }

  std::string_view source_;
  std::size_t here_ = 0;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) {
  if (source.size() > kMaxSourceBytes) {
    throw usage_error("the expression is longer than 64 KiB", "split it into several runs");
  }
  return Scanner(source).all();
}

bool is_reserved(std::string_view word) {
  constexpr std::array<std::string_view, 7> kReserved = {"true", "false", "nan", "inf",
                                                         "and",  "or",    "not"};
  return std::find(kReserved.begin(), kReserved.end(), word) != kReserved.end();
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && !is_digit(name.front()) && !is_reserved(name) &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || is_digit(c); });
}

std::vector<expr::Location> places_of(std::string_view source) {
  std::vector<expr::Location> places;
  std::uint32_t line = 1, column = 0;
  for (const char c : source) {
    if (column == 0 || !continues_character(c)) ++column;
    places.push_back(expr::Location::in_expression(line, column));
    if (c != '\n') continue;
    ++line;
    column = 0;
  }
  places.push_back(expr::Location::in_expression(line, column + 1));
  return places;
}

Error error_at(std::string_view source, std::size_t offset, std::string message,
               std::string remedy) {
  constexpr std::size_t kBefore = 45, kAfter = 25;  // characters shown on either side
  offset = std::min(offset, source.size());
  const std::size_t newline = offset == 0 ? source.npos : source.rfind('\n', offset - 1);
  const std::size_t line_begin = newline == source.npos ? 0 : newline + 1;
  const std::size_t line_end = std::min(source.find('\n', offset), source.size());
  const auto line = std::count(source.begin(), source.begin() + line_begin, '\n') + 1;

  std::vector<std::string> characters;
  std::size_t column = 0;
  for (std::size_t i = line_begin; i < line_end; ++i) {
    if (i == offset) column = characters.size();
    if (continues_character(source[i]) && !characters.empty()) {
      if (i <= offset) column = characters.size() - 1;
      characters.back() += source[i];
    } else {
      characters.emplace_back(1, is_control(source[i]) ? ' ' : source[i]);
    }
  }
  if (offset >= line_end) column = characters.size();

  const std::size_t from = column > kBefore ? column - kBefore : 0;
  const std::size_t to = std::min(characters.size(), column + kAfter);
  std::string where = "expression, ";
  if (line > 1) where += "line " + std::to_string(line) + ", ";
  where += "column " + std::to_string(column + 1) + "\n      ";
  if (from > 0) where += "...";
  for (std::size_t i = from; i < to; ++i) where += characters[i];
  if (to < characters.size()) where += "...";
  where += "\n      " + std::string(column - from + (from > 0 ? 3 : 0), ' ') + "^";
  return Error(ExitCode::kUsage, std::move(message), std::move(where), std::move(remedy));
}

}  // namespace rankine::language
