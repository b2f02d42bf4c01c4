// Serialization of AxisChunks (kept out of the header a reader opens first).
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "runtime/base/chunk_grid.h"
#include "runtime/base/error.h"
#include "runtime/base/varint.h"

namespace rankine {

// While it lives, cuts that its thread writes or reads again and again (those of the layers of a
// graph) travel once: the first time as they are, then by number. Both sides must have one around
// the same values. Scopes do not nest.
class AxisTableScope {
 public:
  AxisTableScope() { current() = this; }
  ~AxisTableScope() { current() = nullptr; }
  AxisTableScope(const AxisTableScope&) = delete;
  AxisTableScope& operator=(const AxisTableScope&) = delete;

  static AxisTableScope*& current() {
    thread_local AxisTableScope* scope = nullptr;
    return scope;
  }
  std::vector<AxisChunks> known;

  // A number stands for any many runs, so what is read by numbers needs a limit of its own.
  void give(AxisChunks& to, std::int64_t number);

 private:
  static constexpr std::size_t kMostRuns = std::size_t{1} << 26;  // 2 GiB
  std::size_t given_runs_ = 0;
};

inline void AxisTableScope::give(AxisChunks& to, std::int64_t number) {
  if (number < 1 || number > static_cast<std::int64_t>(known.size())) {
    throw input_error("chunk lengths that were never sent", "");
  }
  const AxisChunks& axis = known[static_cast<std::size_t>(number - 1)];
  given_runs_ += axis.runs().size();
  if (given_runs_ > kMostRuns) throw input_error("a graph of too many irregular chunks", "");
  to = axis;
}

template <class Archive>
void AxisChunks::save(Archive& archive) const {
  if (AxisTableScope* scope = AxisTableScope::current()) {
    const auto found = std::find(scope->known.begin(), scope->known.end(), *this);
    const bool again = found != scope->known.end();
    archive(Varint{again ? found - scope->known.begin() + 1 : 0});
    if (again) return;
    scope->known.push_back(*this);
  }
  archive(Varint{static_cast<std::int64_t>(runs_.size())});
  for (const Run& run : runs_) archive(Varint{run.length}, Varint{run.count});
}

template <class Archive>
void AxisChunks::load(Archive& archive) {
  AxisTableScope* scope = AxisTableScope::current();
  if (scope != nullptr) {
    Varint number;
    archive(number);
    if (number.value != 0) return scope->give(*this, number.value);
  }
  Varint runs;
  archive(runs);
  if (runs.value < 0) throw input_error("impossible chunk lengths along an axis", "");
  *this = AxisChunks();
  for (std::int64_t i = 0; i < runs.value; ++i) {
    Varint length, count;
    archive(length, count);
    append(length.value, count.value);
  }
  if (scope != nullptr) scope->known.push_back(*this);
}

}  // namespace rankine
