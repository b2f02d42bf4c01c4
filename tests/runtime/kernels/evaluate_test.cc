#include "runtime/kernels/evaluate.h"

#include <gtest/gtest.h>

#include "tests/runtime/kernels/support.h"
#include "tests/support/sanitized.h"

namespace rankine::kernels {
namespace {

using testing::Random;

// One random task: a program over some leaves with random strides, and what it should give.
struct Case {
  Extents shape;
  Program program;
  std::vector<testing::Array> leaves;
  std::vector<View> views() const {
    std::vector<View> result;
    for (const testing::Array& leaf : leaves) result.push_back(leaf.view());
    return result;
  }
};

Case random_case(Random& random, std::int64_t largest) {
  Case task;
  task.shape = largest > 0 ? random.shape(largest) : random.large_shape();
  const int leaf_count = 1 + static_cast<int>(random.below(3));
  std::vector<int> values;
  for (int i = 0; i < leaf_count; ++i) {
    const DType dtype = random.dtype();
    task.leaves.push_back(testing::Array::random(random, dtype, task.shape));
    values.push_back(task.program.add_leaf(dtype));
  }
  values.push_back(task.program.add_constant(Literal::of(std::int64_t{3}), random.dtype()));
  const int steps = static_cast<int>(random.below(7));
  for (int i = 0; i < steps; ++i) {
    const auto pick = [&] { return values[random.below(values.size())]; };
    const Op op = testing::kSafeOps[random.below(testing::kSafeOps.size())];
    std::vector<int> arguments;
    for (int k = 0; k < arity(op); ++k) arguments.push_back(pick());
    try {
      values.push_back(task.program.add(op, arguments));
    } catch (const Error&) {
      continue;  // no such operation for these types
    }
  }
  const int outputs = 1 + static_cast<int>(random.below(2));
  for (int i = 0; i < outputs; ++i) task.program.add_output(values[random.below(values.size())]);
  task.program.add_output(values.back());
  return task;
}

TEST(Evaluate, AgreesWithOneElementAtATimeForRandomProgramsShapesAndStrides) {
  Random random(testing::seed());
  Scratch scratch;
  for (int round = 0; round < rankine::testing::repeats(400); ++round) {
    const Case task = random_case(random, round % 10 == 0 ? 0 : 600);
    const auto outputs = task.program.outputs().size();
    std::vector<std::vector<std::byte>> data(outputs);
    std::vector<Sink> sinks;
    for (std::size_t i = 0; i < outputs; ++i) {
      data[i].resize(static_cast<std::size_t>(volume(task.shape)) *
                     size_of(task.program.output_dtype(static_cast<int>(i))));
      sinks.push_back(DenseSink{data[i].data()});
    }
    evaluate(task.program, task.shape, task.views(), sinks, scratch);
    for (std::size_t i = 0; i < outputs; ++i) {
      const auto expected =
          testing::interpret(task.program, static_cast<int>(i), task.shape, task.leaves);
      ASSERT_TRUE(
          testing::same_values(task.program.output_dtype(static_cast<int>(i)), expected, data[i]))
          << "seed " << testing::seed() << " round " << round << " output " << i << " shape "
          << to_string(task.shape) << "\n"
          << task.program.print();
    }
    EXPECT_LE(scratch.bytes(), std::size_t{64} << 20);
  }
}

}  // namespace
}  // namespace rankine::kernels
