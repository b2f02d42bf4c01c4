// The one failure type. It says what, where and what to do, and carries the exit code of the
// program, so that rank 0 can print one block (see apps/main.cc) and tasks can send it as a value.
#pragma once

#include <exception>
#include <string>

namespace rankine {

// The codes are part of the command line's contract; scripts test them.
enum class ExitCode : int {
  kDone = 0,
  kUsage = 2,
  kInput = 3,
  kRefused = 4,
  kTaskFailed = 5,
  kDiffers = 6,
  kStopped = 75,
};

class Error : public std::exception {
 public:
  Error() = default;
  Error(ExitCode code, std::string what, std::string place = {}, std::string advice = {})
      : exit_code(code),
        message(std::move(what)),
        where(std::move(place)),
        remedy(std::move(advice)) {}

  const char* what() const noexcept override { return message.c_str(); }

  // Fills a field only if it is still empty: the innermost frame knows best.
  Error&& at(std::string place) && {
    if (where.empty()) where = std::move(place);
    return std::move(*this);
  }

  // "rankine: error: WHAT\n  at: WHERE\n  try: REMEDY\n"; empty lines are left out.
  std::string block() const {
    std::string text = "rankine: error: " + message + "\n";
    if (!where.empty()) text += "  at: " + where + "\n";
    if (!remedy.empty()) text += "  try: " + remedy + "\n";
    return text;
  }

  ExitCode exit_code = ExitCode::kTaskFailed;
  std::string message;
  std::string where;       // file, data set, chunk, or position in the expression
  std::string remedy;      // what the user can do; may be empty
  std::string task_story;  // layer, coordinate and rank of the task that failed; may be empty
  bool transient = false;  // the system refused; another time the same may succeed

  template <class Archive>
  void serialize(Archive& archive) {
    archive(exit_code, message, where, remedy, task_story, transient);
  }
};

inline Error usage_error(std::string what, std::string remedy = {}) {
  return Error(ExitCode::kUsage, std::move(what), {}, std::move(remedy));
}
inline Error input_error(std::string what, std::string where, std::string remedy = {}) {
  return Error(ExitCode::kInput, std::move(what), std::move(where), std::move(remedy));
}

}  // namespace rankine
