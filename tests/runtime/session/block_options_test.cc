// What functions on blocks may take, make and say, and what they must not.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <numeric>

#include "runtime/api/open.h"
#include "runtime/expr/build.h"
#include "tests/support/blocks.h"
#include "tests/support/cluster.h"

namespace rankine {
namespace {

using testing::counting;
using testing::Dense;
using testing::run_cluster;
using testing::threads;

class BlockOptionsOf : public ::testing::TestWithParam<std::tuple<int, int>> {
 protected:
  void run(const Client& client) {
    run_cluster(std::get<0>(GetParam()), threads(std::get<1>(GetParam())), client);
  }
};

Array ramp(const Extents& shape, const Extents& chunk) {
  return counting(shape, ChunkGrid::regular(shape, chunk), DType::kFloat64);
}

template <class T>
std::vector<T> elements(const NdArray& array) {
  return Dense<T>(array).elements;
}

TEST_P(BlockOptionsOf, SeveralArraysAreAlignedAndValuesTravel) {
  run([](Session& session) {
    const Array a = ramp({6, 5}, {4, 2}).rename({"row", "column"});
    const Array b = (arange(5, 3) * 10).rename({"column"});
    const Array whole = a.sum();
    const auto function = [](Block<const double> x, const Block<const std::int64_t>& y,
                             Block<const double> all, double scale, const std::string& word,
                             Block<double> out) {
      for (std::int64_t i = 0; i < x.shape()[0]; ++i) {
        for (std::int64_t j = 0; j < x.shape()[1]; ++j) {
          out(i, j) = x(i, j) * scale + static_cast<double>(y(i, j)) + all() +
                      static_cast<double>(word.size());
        }
      }
    };
    const Array made = map_blocks(function, a, b, whole, 2, "four");
    EXPECT_EQ(made.dims(), a.dims());
    const auto [got, expected] = session.compute(made, a * 2 + b + whole + 4);
    EXPECT_EQ(got.bytes(), expected.bytes());
  });
}

TEST_P(BlockOptionsOf, FunctionsMayReturnTheirElements) {
  run([](Session& session) {
    const Array x = ramp({7, 4}, {3, 4});
    const Array vector = map_blocks(
        [](Block<const double> block) {
          std::vector<std::int32_t> result;
          for (const double value : block) result.push_back(static_cast<std::int32_t>(value) / 2);
          return result;
        },
        x);
    EXPECT_EQ(vector.dtype(), DType::kInt32);
    const Array array = map_blocks(
        BlockOptions{.dtype = DType::kFloat64},
        [](Block<const double> block) {
          std::vector<std::byte> bytes(static_cast<std::size_t>(block.full_size()) * 8);
          std::memcpy(bytes.data(), block.data(), bytes.size());
          return NdArray(DType::kFloat64, block.shape(), bytes);
        },
        x);
    const auto [ints, same, own] = session.compute(vector, array, x);
    EXPECT_EQ(same.bytes(), own.bytes());
    for (int i = 0; i < 28; ++i) EXPECT_EQ(ints.data<std::int32_t>()[i], (i + 1) / 2);
  });
}

void twice(Block<const double> x, Block<double> y) {
  for (std::int64_t i = 0; i < y.full_size(); ++i) y[i] = 2 * x[i];
}

// Of each row of a chunk the sum and the largest element: the columns go, a pair comes in front.
void row_facts(Block<const double> x, Block<double> facts) {
  for (std::int64_t i = 0; i < x.shape()[0]; ++i) {
    facts(0, i) = facts(1, i) = 0;
    for (std::int64_t j = 0; j < x.shape()[1]; ++j) {
      facts(0, i) += x(i, j);
      facts(1, i) = std::max(facts(1, i), x(i, j));
    }
  }
}

TEST_P(BlockOptionsOf, AxesGoAndCome) {
  run([](Session& session) {
    const Array x = ramp({9, 6}, {4, 2}).rename({"row", "column"});
    const Array facts = map_blocks(
        BlockOptions{.drop_axes = {"column"}, .new_axes = {{0, 2, "fact"}}}, row_facts, x);
    EXPECT_EQ(facts.shape(), (Extents{2, 9}));
    EXPECT_EQ(facts.dims(), (std::vector<std::string>{"fact", "row"}));
    const auto [all, part, sum, high] =
        session.compute(facts, facts.isel(0, 1).isel(0, Range{7, {}, -3}), x.sum("column"),
                        x.max("column") + facts.isel("fact", std::int64_t{0}) * 0);
    for (int i = 0; i < 9; ++i) {
      EXPECT_EQ(all.data<double>()[i], sum.data<double>()[i]);
      EXPECT_EQ(all.data<double>()[9 + i], high.data<double>()[i]);
    }
    EXPECT_EQ(elements<double>(part), (std::vector<double>{48, 30, 12}));
  });
}

TEST_P(BlockOptionsOf, ChunksChangeTheirLengths) {
  run([](Session& session) {
    const Array x = ramp({10}, {4});
    const auto ends = [](Block<const double> block, Block<double> result) {
      result(0) = block(0) + static_cast<double>(result.origin()[0]) * 100;
      result(result.shape()[0] - 1) = block(block.shape()[0] - 1);
    };
    const Array two = map_blocks(BlockOptions{.chunks = {{0, {2}}}}, ends, x);
    const Array some = map_blocks(BlockOptions{.chunks = {{-1, {2, 1, 2}}}}, ends, x);
    EXPECT_EQ(two.shape(), (Extents{6}));
    EXPECT_EQ(some.shape(), (Extents{5}));
    const auto [a, b] = session.compute(two, some);
    const NdArray part = session.compute(some.isel(0, Range{2, 5, 1}));
    EXPECT_EQ(elements<double>(a), (std::vector<double>{1, 4, 205, 8, 409, 10}));
    EXPECT_EQ(elements<double>(b), (std::vector<double>{1, 4, 8, 309, 10}));
    EXPECT_EQ(elements<double>(part), (std::vector<double>{8, 309, 10}));
    // A fold takes many chunks in one task, but calls are made one by one.
    const Array many = ramp({4000}, {4});
    const Array firsts = map_blocks(
        BlockOptions{.chunks = {{0, {1}}}},
        [](Block<const double> x0, Block<double> y) { y(0) = x0(0); }, many);
    EXPECT_EQ(session.compute(firsts.sum()).item<double>(), 1000 * 1001 / 2 * 4 - 3000);
    EXPECT_EQ(session.compute(map_blocks(twice, firsts).sum()).item<double>(),
              2 * (1000 * 1001 / 2 * 4 - 3000));
  });
}

TEST_P(BlockOptionsOf, ElementwiseFunctionsAndTrimmedHalos) {
  run([](Session& session) {
    const Array x = ramp({12, 5}, {5, 5});
    const auto square = [](Block<const double> a, Block<double> b) {
      for (std::int64_t i = 0; i < a.full_size(); ++i) b[i] = a[i] * a[i];
    };
    const Array y = map_blocks(BlockOptions{.elementwise = true}, square, x);
    const std::vector<Index> some{Range{10, 1, -4}, std::int64_t{3}};
    // As Dask's map_overlap: the function keeps the shape of what it is given.
    const auto running = [](Block<const double> a, Block<double> b) {
      double sum = 0;
      for (std::int64_t i = 0; i < a.full_size(); ++i) b[i] = sum += a[i];
    };
    const Array line = ramp({10}, {4});
    const Array z =
        map_overlap(BlockOptions{.trim = true}, running, line, {{0, 1, Boundary::constant(0.5)}});
    const auto [part, squares, sums] = session.compute(y[some], (x * x)[some], z);
    EXPECT_EQ(part.bytes(), squares.bytes());
    EXPECT_EQ(elements<double>(sums),
              (std::vector<double>{1.5, 3.5, 6.5, 10.5, 9, 15, 22, 30, 17, 27}));
  });
}

TEST_P(BlockOptionsOf, ResultsAreArraysLikeOthers) {
  const auto file =
      std::filesystem::temp_directory_path() /
      ("blocks_" + std::to_string(::getpid()) + "_" +
       std::to_string(std::get<0>(GetParam()) * 10 + std::get<1>(GetParam())) + ".nc");
  run([&](Session& session) {
    const Array x = ramp({30, 8}, {7, 3}).rename({"row", "column"});
    const Array blurred = map_overlap(
        [](Block<const double> a, Block<float> b) {
          for (std::int64_t i = 0; i < b.shape()[0]; ++i) {
            for (std::int64_t j = 0; j < b.shape()[1]; ++j) {
              b(i, j) = static_cast<float>(a(i - 2, j) + 2 * a(i, j) + a(i + 2, j));
            }
          }
        },
        x, {{"row", 2, Boundary::periodic()}});
    StoreOptions options;
    options.overwrite = true;
    session.store(blurred, file.string() + ":/blurred", options);
    const Array stored = open(file.string() + ":/blurred");
    const Delayed<double> of_task = delayed(
        [](const NdArray& all) {
          return static_cast<double>(
              std::accumulate(all.data<float>(), all.data<float>() + all.size(), 0.0F));
        },
        blurred);
    const Delayed<double> direct = delayed([](const NdArray& all) { return all.data<double>()[1]; },
                                           map_blocks(
                                               [](Block<const double> a, Block<double> b) {
                                                 b[0] = a[0];
                                                 b[1] = a[1];
                                               },
                                               arange(2) * 1.5));
    const auto [written, made, sum, one, total] =
        session.compute(stored, blurred, of_task, direct, (blurred + 1).mean());
    EXPECT_EQ(written.bytes(), made.bytes());
    EXPECT_EQ(one, 1.5);
    EXPECT_NEAR(sum, 4.0 * 240 * 241 / 2, 1);
    EXPECT_NEAR(total.item<double>(), 4.0 * 241 / 2 + 1, 1e-3);
  });
  std::filesystem::remove(file);
}

// What the Error says, all of it.
std::string failure_of(const std::function<void()>& action, ExitCode code) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code, code) << error.block();
    return error.block() + error.task_story;
  }
  ADD_FAILURE() << "nothing is thrown";
  return {};
}

void expect_within(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    EXPECT_NE(text.find(part), std::string::npos) << "no " << part << " in\n" << text;
  }
}

TEST_P(BlockOptionsOf, WhatIsThrownNamesFunctionBlockAndLine) {
  run([](Session& session) {
    const Array x = ramp({10}, {4});
    const Array thrower = map_blocks(
        BlockOptions{.name = "picky"},
        [](Block<const double> block, Block<double>) {
          if (block.origin()[0] == 8) {
            throw std::domain_error("no root");
          }
        },
        x);
    expect_within(failure_of([&] { session.compute((thrower + 1).sum()); }, ExitCode::kTaskFailed),
                  {"no root", "map_blocks(picky)", "(8,)", "block_options_test.cc:"});
    const Array wrong = map_blocks(
        [](Block<const double>) {
          return NdArray(DType::kFloat32, {3}, std::vector<std::byte>(12));
        },
        x);
    expect_within(failure_of([&] { session.compute(wrong); }, ExitCode::kTaskFailed),
                  {"float32 of shape (3,)", "float64 of shape (", "block_options_test.cc:"});
    const Array less = map_blocks([](Block<const double>) { return std::vector<float>(3); }, x);
    expect_within(failure_of([&] { session.compute(less); }, ExitCode::kTaskFailed),
                  {"returned 3 elements", "shape (", "block_options_test.cc:"});
    const Array joined = reduction(
        x, 0, [](Block<const double>, Block<double> s) { s[0] = 0; },
        [](Block<double>, Block<const double>) { throw 7; }, {.name = "thrown"});
    expect_within(failure_of([&] { session.compute(joined); }, ExitCode::kTaskFailed),
                  {"no exception", "reduction tree(thrown)", "block_options_test.cc:"});
    EXPECT_EQ(session.compute(x.sum()).item<double>(), 55) << "the session goes on";
  });
}

void identity(Block<const double> x, Block<double> y) { std::copy(x.begin(), x.end(), y.begin()); }

TEST(BlockErrors, AreToldWhereTheyAreWritten) {
  const Array x = zeros({4, 6}, DType::kFloat64, {2, 3}).rename({"row", "column"});
  const auto refused = [&](const std::function<void()>& action, const char* part) {
    expect_within(failure_of(action, ExitCode::kUsage), {part});
  };
  refused([&] { map_blocks(identity, x.astype(DType::kFloat32)); }, "astype(float64)");
  refused([&] { map_blocks(BlockOptions{.dtype = DType::kInt8}, identity, x); }, "leave it out");
  refused([&] { map_blocks(BlockOptions{.drop_axes = {"time"}}, identity, x); }, "row, column");
  refused([&] { map_blocks(BlockOptions{.drop_axes = {0, "row"}}, identity, x); }, "twice");
  refused(
      [&] {
        map_blocks(BlockOptions{.new_axes = {{4, 1, ""}}}, identity, x);
      },
      "new axis at 4");
  refused([&] { map_blocks(BlockOptions{.new_axes = {{0, 0, ""}}}, identity, x); }, "length 0");
  refused(
      [&] {
        map_blocks(BlockOptions{.chunks = {{"row", {1, 1, 1}}}}, identity, x);
      },
      "3 lengths for 2 chunks");
  refused([&] { map_blocks(BlockOptions{.chunks = {{"row", {0}}}}, identity, x); }, "length 0");
  refused([&] { map_blocks(BlockOptions{.chunks = {{7, {1}}}}, identity, x); }, "axis 7");
  refused(
      [&] {
        map_blocks(BlockOptions{.chunks = {{0, {1}}}, .elementwise = true}, identity, x);
      },
      "keeps the shape");
  refused([&] { map_overlap(identity, x, {{"row", -1}}); }, "negative depth");
  refused([&] { map_overlap(identity, x, {{"row", 5, Boundary::periodic()}}); }, "depth of 5");
  refused([&] { map_overlap(identity, x, {{"row", 1}, {0, 1}}); }, "twice");
  refused([&] { map_overlap(identity, x, {{"row", std::int64_t{1} << 60}}); }, "fewer");
  refused(
      [&] {
        map_blocks(BlockOptions{.drop_axes = {0}}, identity, x.isel(0, Range{0, 0}));
      },
      "length 0");
  EXPECT_EQ(map_overlap(identity, x, {{"row", 100}}).shape(), x.shape()) << "there is no more";
}

INSTANTIATE_TEST_SUITE_P(RanksAndThreads, BlockOptionsOf,
                         ::testing::ValuesIn(testing::ranks_and_threads()));

}  // namespace
}  // namespace rankine
