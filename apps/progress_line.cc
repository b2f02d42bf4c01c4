#include "apps/progress_line.h"

#include <fmt/format.h>

#include <cstdio>

namespace rankine::apps {
namespace {

constexpr double kFirstSeconds = 1;  // what is over by then shows nothing on a terminal
constexpr double kTerminalSeconds = 0.2;
constexpr double kPlainSeconds = 30;
constexpr const char* kWipe = "\r\033[K";  // to the start of the line, and clear it

}  // namespace

std::string ProgressLine::update(double seconds, const std::string& text) {
  if (seconds < last_s_ || next_s_ == 0) next_s_ = terminal_ ? kFirstSeconds : kPlainSeconds;
  last_s_ = seconds;
  if (seconds < next_s_) return "";
  next_s_ = seconds + (terminal_ ? kTerminalSeconds : kPlainSeconds);
  if (!terminal_) return label_ + ": " + text + "\n";
  drawn_ = true;
  return kWipe + label_ + ": " + text;
}

std::string ProgressLine::wipe() {
  const bool drawn = drawn_;
  drawn_ = false;
  next_s_ = 0;
  return drawn ? kWipe : "";
}

std::string describe_share(std::int64_t done, std::int64_t total, const char* what,
                           double seconds) {
  std::string text = fmt::format("{} of {} {}", done, total, what);
  const double share = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 0;
  text += fmt::format(", {:.0f} %, {:.0f} s", 100 * share, seconds);
  if (share > 0) text += fmt::format(", about {:.0f} s left", seconds * (1 - share) / share);
  return text;
}

std::string describe(const RunProgress& progress) {
  if (progress.phase == RunProgress::Phase::kWriting) {
    return fmt::format("placing the chunks in the output, {:.0f} s", progress.seconds);
  }
  return describe_share(progress.tasks_done, progress.tasks_total, "tasks", progress.seconds);
}

void draw(const std::string& text) {
  if (text.empty()) return;
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace rankine::apps
