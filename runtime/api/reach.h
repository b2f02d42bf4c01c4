// Which results a task of a grid takes, axis by axis of the grid that it reads, from its own
// coordinate. What lies outside of the grid that is read is not there.
//
//   reach::offset(-1)        the index before its own
//   reach::offset(-1, 1)     the neighbours and its own, as far as they exist
//   reach::ring(-1, 1)       the same on a ring: the first index follows the last one
//   reach::every()           all
//   reach::only(0)           that index
//   reach::scaled(2, 0, 1)   2 * i and 2 * i + 1: the children in a binary tree
//   reach::scaled(1, 0, 0, 2)  i / 2: the parent
//
// `.along(AXIS)`: i is the task's index along that axis instead of the one in the same place;
// `.within(LO, HI)`: only tasks with LO <= i < HI take this input.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/graph/grid.h"

namespace rankine {

class Reach {
 public:
  enum class Kind { kLine, kRing, kEvery };
  Reach(Kind kind, graph::GridLine lo, graph::GridLine hi) : kind_(kind), lo_(lo), hi_(hi) {}

  Reach along(std::int32_t axis) const {
    Reach reach = *this;
    reach.axis_ = axis;
    return reach;
  }
  Reach within(std::int64_t lo, std::int64_t hi) const {
    Reach reach = *this;
    reach.domain_ = Interval{lo, hi};
    return reach;
  }

  // What this means along axis `own` of a grid with `produced` tasks there. split: every part is
  // one index, in ascending order of it as seen from the task, as far as offsets go. Throws Error
  // (usage).
  struct Part {
    Interval domain;  // of the task's index along reach.axis
    graph::GridAxis reach;
  };
  std::vector<Part> parts(std::size_t own, const Extents& counts, std::int64_t produced,
                          bool split) const;
  // A task may have several parts of it.
  bool is_wide_ring() const { return kind_ == Kind::kRing && !(lo_ == hi_); }

 private:
  std::vector<Part> split_parts(const Part& whole, std::int64_t count) const;

  Kind kind_;
  graph::GridLine lo_;
  graph::GridLine hi_;
  std::int32_t axis_ = -1;  // -1: the one in the same place
  std::optional<Interval> domain_;
};

namespace reach {

inline Reach offset(std::int64_t lo, std::int64_t hi) {
  return {Reach::Kind::kLine, {1, lo, 1}, {1, hi, 1}};
}
inline Reach offset(std::int64_t by) { return offset(by, by); }
inline Reach same() { return offset(0); }
inline Reach ring(std::int64_t lo, std::int64_t hi) {
  return {Reach::Kind::kRing, {1, lo, 1}, {1, hi, 1}};
}
inline Reach ring(std::int64_t by) { return ring(by, by); }
inline Reach every() { return {Reach::Kind::kEvery, {}, {}}; }
inline Reach only(std::int64_t lo, std::int64_t hi) {
  return {Reach::Kind::kLine, {0, lo, 1}, {0, hi, 1}};
}
inline Reach only(std::int64_t index) { return only(index, index); }
// floor((factor * i + lo) / divisor) ... floor((factor * i + hi) / divisor).
inline Reach scaled(std::int64_t factor, std::int64_t lo, std::int64_t hi,
                    std::int64_t divisor = 1) {
  return {Reach::Kind::kLine, {factor, lo, divisor}, {factor, hi, divisor}};
}

}  // namespace reach

namespace api {

// The edges of one input: the product of its axes. What offsets and rings name comes in row-major
// order as seen from the task; where an axis with `every` or `scaled` stands before a ring, all
// that lies before the seam of the ring comes first. Throws Error (usage) if there are not as many
// reaches as axes.
std::vector<graph::GridEdge> edges_of(const std::vector<Reach>& reaches, const Extents& counts,
                                      const Extents& produced);

}  // namespace api
}  // namespace rankine
