// Arrays made from nothing, computed by 1, 2, 3 and 5 ranks in one process: values against plain
// loops, bytes equal for every number of ranks and threads.
#include <gtest/gtest.h>

#include <cmath>

#include "runtime/rankine.h"
#include "tests/support/cluster.h"

namespace rankine {
namespace {

using testing::run_cluster;
using testing::threads;

// (rows, columns) of 0, 1, 2, ... in row-major order, cut into ragged chunks.
Array counting(std::int64_t rows, std::int64_t columns) {
  const Array row = arange(rows, 3).rename({"row"});
  const Array column = arange(columns, 4).rename({"column"});
  return row * columns + column;
}

class Compute : public ::testing::TestWithParam<std::tuple<int, int>> {
 protected:
  void run(const Client& client) {
    run_cluster(std::get<0>(GetParam()), threads(std::get<1>(GetParam())), client);
  }
};

TEST(DeepExpression, MayBeDeeperThanAStack) {
  run_cluster(2, threads(1), [](Session& session) {
    Array x = arange(5, 2);
    for (int i = 0; i < 20'000; ++i) x = (x + 1).astype(DType::kInt64);
    EXPECT_EQ(session.compute(x.sum()).item<std::int64_t>(), 10 + 5 * 20'000);
  });
}

TEST_P(Compute, ScalarsCrossAllFloors) {
  run([](Session& session) {
    const Array x = counting(10, 7);
    EXPECT_EQ(session.compute(x.sum()).item<std::int64_t>(), 69 * 70 / 2);
    EXPECT_DOUBLE_EQ(session.compute(x.mean()).item<double>(), 34.5);
    const auto [low, high] = session.compute(x.min(), x.max());
    EXPECT_EQ(low.item<int>(), 0);
    EXPECT_EQ(high.item<int>(), 69);
  });
}

TEST_P(Compute, AnomaliesUseTheirOwnMean) {
  run([](Session& session) {
    const Array x = counting(11, 6);
    const NdArray anomaly = session.compute(x - x.mean("row"));
    ASSERT_EQ(anomaly.shape(), (Extents{11, 6}));
    for (int i = 0; i < 11; ++i) {
      for (int j = 0; j < 6; ++j) {
        EXPECT_DOUBLE_EQ(anomaly.data<double>()[i * 6 + j], (i - 5) * 6.0) << i << "," << j;
      }
    }
  });
}

TEST_P(Compute, ElementsThatAreMaskedAwayCannotFail) {
  run([](Session& session) {
    const Array b = arange(6, 2) + 1;  // outside its domain a leaf is 0, and 2^-1 is an error
    const NdArray joined = session.compute(concatenate({pow(2, b - 1), b}, 0));
    for (int i = 0; i < 6; ++i) {
      EXPECT_EQ(joined.data<std::int64_t>()[i], 1 << i);
      EXPECT_EQ(joined.data<std::int64_t>()[6 + i], i + 1);
    }
    const NdArray moved = session.compute(pow(2, b - 1).shift({{0, 1}}));
    EXPECT_EQ(moved.data<double>()[5], 16);
    EXPECT_THROW(session.compute(pow(2, b - 2)), Error) << "but others do";
  });
}

TEST_P(Compute, SlicesViewsAndShiftsAreFused) {
  run([](Session& session) {
    const Array x = counting(9, 8);
    const NdArray y = session.compute(x.slice({Range{{}, {}, -2}, Range{1, 7, 3}}).transpose());
    ASSERT_EQ(y.shape(), (Extents{2, 5}));
    for (int j = 0; j < 2; ++j) {
      for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(y.data<std::int64_t>()[j * 5 + i], (8 - 2 * i) * 8 + 1 + 3 * j);
      }
    }
    const NdArray s = session.compute(x.shift({{"row", 2}}) - x);
    for (int i = 0; i < 9; ++i) {
      for (int j = 0; j < 8; ++j) {
        const double value = s.data<double>()[i * 8 + j];
        if (i < 2) {
          EXPECT_TRUE(std::isnan(value));
        } else {
          EXPECT_EQ(value, -16.0);
        }
      }
    }
  });
}

// One element beyond the end of a shifted array: its task has no inputs, though its layer has.
TEST_P(Compute, AnElementOutsideAShiftedArrayIsMissing) {
  run([](Session& session) {
    const Array x = counting(9, 8);
    const Array beyond = x.shift({{"row", -4}}).slice({std::int64_t{8}, std::int64_t{7}});
    const Array inside = x.shift({{"row", -4}}).slice({std::int64_t{1}, std::int64_t{7}});
    const auto [a, b, c] = session.compute(beyond, inside, x * x.mean("row"));
    EXPECT_TRUE(std::isnan(a.item<double>()));
    EXPECT_EQ(b.item<double>(), 47.0);
    const Array joined = concatenate({x, x + 100}, 0).slice({std::int64_t{12}, std::int64_t{3}});
    EXPECT_EQ(session.compute(joined).item<int>(), 127);
  });
}

TEST_P(Compute, ConcatenateRechunkAndMatmul) {
  run([](Session& session) {
    const Array x = counting(5, 6);
    const Array both = concatenate({x, x + 100}, 0);
    const NdArray c = session.compute(both.rechunk({{0, 4}, {1, -1}}));
    for (int i = 0; i < 10; ++i) {
      for (int j = 0; j < 6; ++j) {
        EXPECT_EQ(c.data<std::int64_t>()[i * 6 + j], (i % 5) * 6 + j + (i < 5 ? 0 : 100));
      }
    }
    const NdArray m = session.compute(matmul(x, x.transpose()));
    for (int i = 0; i < 5; ++i) {
      for (int j = 0; j < 5; ++j) {
        std::int64_t sum = 0;
        for (int k = 0; k < 6; ++k) sum += (i * 6 + k) * (j * 6 + k);
        EXPECT_EQ(m.data<std::int64_t>()[i * 5 + j], sum);
      }
    }
  });
}

TEST_P(Compute, BytesDoNotDependOnRanksOrThreadsOrFusion) {
  const auto program = [] {
    const Array x = counting(37, 29) / 7.0;
    const Array y = exp(x / 200.0) - x.mean("column") * sqrt(x.var("row"));
    return std::vector<Array>{y, y.std(), y.shift({{"column", 1}}).sum("row")};
  };
  std::vector<NdArray> expected;
  run_cluster(1, threads(1), [&](Session& session) { expected = session.compute_all(program()); });
  run([&](Session& session) {
    const std::vector<NdArray> got = session.compute_all(program());
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i].bytes(), expected[i].bytes());
  });
  RunSettings apart = threads(1);
  apart.fuse = false;
  run_cluster(2, apart, [&](Session& session) {
    const std::vector<NdArray> got = session.compute_all(program());
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i].bytes(), expected[i].bytes());
  });
}

TEST_P(Compute, AFailedTaskIsAnErrorAndTheSessionGoesOn) {
  run([](Session& session) {
    const Array x = arange(100, 7);
    EXPECT_THROW(session.compute(pow(x, Array(zeros({100}, DType::kInt64, {7}) - 1)).sum()), Error);
    EXPECT_EQ(session.compute(x.sum()).item<int>(), 4950);
  });
}

TEST_P(Compute, EmptyArraysHaveEmptySums) {
  run([](Session& session) {
    const Array none = zeros({0, 5}, DType::kFloat32);
    EXPECT_EQ(session.compute(none.sum()).item<double>(), 0.0);
    EXPECT_TRUE(std::isnan(session.compute(none.mean()).item<double>()));
    EXPECT_EQ(session.compute(none + 1).size(), 0);
    const NdArray columns = session.compute(none.sum(0));
    EXPECT_EQ(columns.shape(), (Extents{5}));
    EXPECT_EQ(columns.data<float>()[4], 0.0F);
  });
}

INSTANTIATE_TEST_SUITE_P(RanksByThreads, Compute,
                         ::testing::ValuesIn(testing::ranks_and_threads()));

}  // namespace
}  // namespace rankine
