// The dependencies of the benchmark `metg`: which columns of the step before a task needs. They are
// those of Task Bench (Slaughter et al., SC20), with radix 5 where a pattern has one, and repeat
// after a few steps.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/api/task_grid.h"

namespace rankine::apps {

class Pattern {
 public:
  enum class Kind { kTrivial, kStencil, kNearest, kSpread, kFft, kTree, kAllToAll, kRandom };
  static const std::vector<std::string>& names();  // by kind
  static Kind kind_of(const std::string& name);    // throws Error (usage)

  Pattern() = default;
  Pattern(Kind kind, std::int64_t width, std::uint64_t seed);

  Kind kind() const { return kind_; }
  std::int64_t width() const { return width_; }
  std::int64_t period() const { return period_; }
  bool reads() const { return kind_ != Kind::kTrivial; }
  // The columns of step - 1 that a task of `step` >= 1 takes, in this order, and the tasks of
  // `step` that take column `from` of step - 1, once for each time.
  std::span<const std::int64_t> inputs(std::int64_t step, std::int64_t column) const {
    return row(inputs_, step, column);
  }
  std::span<const std::int64_t> consumers(std::int64_t step, std::int64_t from) const {
    return row(consumers_, step, from);
  }

  // Tables are made again where they arrive.
  template <class Archive>
  void save(Archive& archive) const {
    archive(kind_, width_, seed_);
  }
  template <class Archive>
  void load(Archive& archive) {
    archive(kind_, width_, seed_);
    *this = Pattern(kind_, width_, seed_);
  }

 private:
  struct Rows {
    std::vector<std::size_t> begin{0};
    std::vector<std::int64_t> columns;
    void end_row() { begin.push_back(columns.size()); }
  };
  std::span<const std::int64_t> row(const Rows& rows, std::int64_t step, std::int64_t at) const {
    const auto index = static_cast<std::size_t>((step - 1) % period_ * width_ + at);
    return std::span(rows.columns)
        .subspan(rows.begin[index], rows.begin[index + 1] - rows.begin[index]);
  }
  void add_inputs(std::int64_t phase, std::int64_t column, std::vector<std::int64_t>& to) const;

  Kind kind_ = Kind::kTrivial;
  std::int64_t width_ = 1;
  std::uint64_t seed_ = 0;
  std::int64_t period_ = 1;
  Rows inputs_;  // phase by phase, column by column
  Rows consumers_;
};

// The same as a dependency by code.
struct PatternCode {
  static constexpr bool feeds_all = true;
  Pattern pattern;
  void inputs(const GridPoint& at, GridVisit visit) const {
    for (const std::int64_t column : pattern.inputs(at[0], at[1])) visit({at[0] - 1, column});
  }
  void consumers(const GridPoint& at, GridVisit visit) const {
    for (const std::int64_t c : pattern.consumers(at[0] + 1, at[1])) visit({at[0] + 1, c});
  }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(pattern);
  }
};

// A number in [0, 1) for each combination of the arguments.
double uniform(std::uint64_t seed, std::int64_t a, std::int64_t b, std::int64_t c);

}  // namespace rankine::apps
