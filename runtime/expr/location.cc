#include "runtime/expr/location.h"

#include <string_view>

namespace rankine::expr {
namespace {

thread_local const LocationScope* innermost = nullptr;

}  // namespace

Location Location::in_expression(std::uint32_t line, std::uint32_t column) {
  Location location;
  location.line = line;
  location.column = column;
  return location;
}

std::string to_string(const Location& location) {
  if (location.file == nullptr) {
    const std::string column = "column " + std::to_string(location.column);
    return location.line == 1 ? "expression, " + column
                              : "expression, line " + std::to_string(location.line) + ", " + column;
  }
  const std::string_view file = location.file;
  return std::string(file.substr(file.rfind('/') + 1)) + ":" + std::to_string(location.line);
}

LocationScope::LocationScope(const Location& location) : location_(location), outer_(innermost) {
  innermost = this;
}

LocationScope::~LocationScope() { innermost = outer_; }

Location LocationScope::or_else(const Location& given) {
  return innermost == nullptr ? given : innermost->location_;
}

}  // namespace rankine::expr
