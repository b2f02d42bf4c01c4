// How far long work is, on stderr: one line that is drawn again and again on a terminal, a plain
// line every 30 s elsewhere (the log of a batch job).
#pragma once

#include <string>

#include "runtime/session/run_progress.h"

namespace rankine::apps {

// Decides when there is something to show; knows no terminal and no clock.
class ProgressLine {
 public:
  // `label` begins a plain line: "rankine".
  ProgressLine(std::string label, bool terminal) : label_(std::move(label)), terminal_(terminal) {}
  // What to write now that the work is `text` after so many seconds; empty: nothing. Seconds that
  // go back begin new work.
  std::string update(double seconds, const std::string& text);
  // What to write when the work is over.
  std::string wipe();

 private:
  const std::string label_;
  const bool terminal_;
  bool drawn_ = false;  // a line stands on the terminal
  double last_s_ = 0;   // of the last update
  double next_s_ = 0;   // when something is due
};

// "1204 of 5000 chunks, 24 %, 12 s, about 38 s left"
std::string describe_share(std::int64_t done, std::int64_t total, const char* what, double seconds);
std::string describe(const RunProgress& progress);

// Writes to stderr what a ProgressLine decided; a stderr that is closed is no failure.
void draw(const std::string& text);

}  // namespace rankine::apps
