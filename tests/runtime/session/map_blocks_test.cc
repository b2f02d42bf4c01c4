// Functions of users on blocks, on several ranks and threads, against plain loops over whole
// arrays.
#include <gtest/gtest.h>

#include <numeric>

#include "runtime/expr/build.h"
#include "tests/support/blocks.h"
#include "tests/support/cluster.h"

namespace rankine {
namespace {

using testing::counting;
using testing::Dense;
using testing::for_each_index;
using testing::Random;
using testing::random_grid;
using testing::run_cluster;
using testing::threads;

class Blocks : public ::testing::TestWithParam<std::tuple<int, int>> {
 protected:
  void run(const Client& client) {
    run_cluster(std::get<0>(GetParam()), threads(std::get<1>(GetParam())), client);
  }
};

void twice(Block<const double> x, Block<float> y) {
  for (std::int64_t i = 0; i < y.full_size(); ++i) y[i] = static_cast<float>(2 * x[i]);
}
void thrice(Block<const double> x, Block<float> y) {
  for (std::int64_t i = 0; i < y.full_size(); ++i) y[i] = static_cast<float>(3 * x[i]);
}

// Every element becomes what depends on its block: a call too few, too many or elsewhere shows.
void block_sums(Block<const double> x, Block<double> y) {
  const double sum = std::accumulate(x.begin(), x.end(), 0.0);
  for (std::int64_t i = 0; i < y.full_size(); ++i) y[i] = sum + x[i];
}

Dense<double> block_sums_of(const Dense<double>& x, const ChunkGrid& grid) {
  Dense<double> result(x.shape);
  for_each_index(x.shape, [&](const Extents& index) {
    Box one{index, index};
    for (std::int64_t& end : one.hi) ++end;
    const Box box = grid.chunk_box(grid.chunks_over(one).lo);
    double sum = 0;
    for_each_index(box.shape(), [&](Extents inside) {
      for (std::size_t k = 0; k < inside.size(); ++k) inside[k] += box.lo[k];
      sum += x.at(inside);
    });
    result.at(index) = sum + x.at(index);
  });
  return result;
}

TEST_P(Blocks, FunctionsOfOneSignatureAreToldApart) {
  run([](Session& session) {
    const Array x = arange(20, 6) * 1.0;
    const auto [two, three] = session.compute(map_blocks(twice, x), map_blocks(thrice, x));
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(two.data<float>()[i], 2.0F * static_cast<float>(i));
      EXPECT_EQ(three.data<float>()[i], 3.0F * static_cast<float>(i));
    }
  });
}

TEST_P(Blocks, EachChunkIsOneCall) {
  run([](Session& session) {
    Random random("Blocks.EachChunkIsOneCall");
    for (int round = 0; round < 12; ++round) {
      Extents shape;
      for (std::int64_t k = random.between(0, 3); k > 0; --k) shape.push_back(random.between(0, 9));
      const ChunkGrid grid = random_grid(random, shape);
      const Array x = counting(shape, grid, DType::kFloat64);
      const Array y = map_blocks(block_sums, x);
      const Dense<double> expected = block_sums_of(Dense<double>(session.compute(x)), grid);
      EXPECT_EQ(Dense<double>(session.compute(y)).elements, expected.elements);
      const Array z = map_blocks(block_sums, (y - 1).astype(DType::kFloat64));
      Dense<double> less = expected;
      for (double& element : less.elements) element -= 1;
      const Dense<double> again = block_sums_of(less, grid);
      EXPECT_EQ(Dense<double>(session.compute(z)).elements, again.elements);
      const auto [sum, most] =
          session.compute((z + y).sum(), y.rechunk(random_grid(random, shape)));
      double total = 0;
      for (std::size_t i = 0; i < again.elements.size(); ++i) {
        total += again.elements[i] + expected.elements[i];
      }
      EXPECT_EQ(sum.item<double>(), total);
      EXPECT_EQ(Dense<double>(most).elements, expected.elements);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(RanksAndThreads, Blocks,
                         ::testing::ValuesIn(testing::ranks_and_threads()));

}  // namespace
}  // namespace rankine
