// Where the user wrote something: a line of a C++ program, or a place in the expression of a
// command line. Plans and failed tasks name it.
#pragma once

#include <cstdint>
#include <source_location>
#include <string>

namespace rankine::expr {

struct Location {
  const char* file = nullptr;  // never freed; null: the expression of the command line
  std::uint32_t line = 1;
  std::uint32_t column = 1;  // counts characters; of an expression only

  Location() = default;
  Location(const std::source_location& at) : file(at.file_name()), line(at.line()) {}
  // The place of the call. A default argument must be Here::current() itself.
  static Location current(std::source_location at = std::source_location::current()) { return at; }
  static Location in_expression(std::uint32_t line, std::uint32_t column);

  bool operator==(const Location& other) const = default;
};

using Here = std::source_location;

// "job.cc:12", "expression, column 8" or "expression, line 2, column 8".
std::string to_string(const Location& location);

// While it lives, whatever its thread builds lies there, whoever builds it: the functions of the
// eval language build nodes on behalf of an expression. The innermost scope counts.
class LocationScope {
 public:
  explicit LocationScope(const Location& location);
  ~LocationScope();
  LocationScope(const LocationScope&) = delete;
  LocationScope& operator=(const LocationScope&) = delete;

  // The place of the scope this thread is in, else `given`.
  static Location or_else(const Location& given);

 private:
  Location location_;
  const LocationScope* outer_;
};

}  // namespace rankine::expr
