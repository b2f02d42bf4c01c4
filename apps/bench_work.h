// What a task of the benchmark `metg` does, in all systems that it compares: it looks whether it
// has the inputs it must have, multiplies and adds for a while, and says who it is.
#pragma once

#include <cstdint>

#include "apps/bench_pattern.h"

namespace rankine::apps {

struct Cell {
  std::int64_t step = 0;
  std::int64_t column = 0;
  double value = 0;
};

// Floating-point operations of one iteration of the kernel.
inline constexpr double kFlopsPerIteration = 64;
// Multiplies and adds; 0 iterations return at once.
double multiply_add(std::int64_t iterations, double start);

[[noreturn]] void wrong_inputs(std::int64_t step, std::int64_t column);

struct Work {
  Pattern pattern;
  std::int64_t iterations = 0;
  bool imbalance = false;  // each task takes a random share of the iterations
  std::int64_t graph = 0;  // several graphs differ in their numbers

  std::int64_t iterations_of(std::int64_t step, std::int64_t column) const {
    if (!imbalance) return iterations;
    return static_cast<std::int64_t>(static_cast<double>(iterations) *
                                     uniform(static_cast<std::uint64_t>(graph), step, column, 1));
  }
  // before(i): the i-th input as a const Cell&; count: how many there are. Throws Error (differs)
  // if they are not those of the pattern.
  template <class Before>
  Cell run(std::int64_t step, std::int64_t column, std::size_t count, const Before& before) const {
    double value = static_cast<double>(column + graph);
    if (step > 0) {
      const auto columns = pattern.inputs(step, column);
      if (count != columns.size()) wrong_inputs(step, column);
      for (std::size_t i = 0; i < count; ++i) {
        const Cell& cell = before(i);
        if (cell.step != step - 1 || cell.column != columns[i]) wrong_inputs(step, column);
        value = value * 0.5 + cell.value;
      }
    } else if (count != 0) {
      wrong_inputs(step, column);
    }
    return {step, column, multiply_add(iterations_of(step, column), value) * 0.25};
  }

  template <class Archive>
  void serialize(Archive& archive) {
    archive(pattern, iterations, imbalance, graph);
  }
};

}  // namespace rankine::apps
