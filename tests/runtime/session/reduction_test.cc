// Reductions with functions of users, on several ranks and threads, against plain loops; and the
// order in which states are joined.
#include <gtest/gtest.h>

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

class Reductions : public ::testing::TestWithParam<std::tuple<int, int>> {
 protected:
  void run(const Client& client) {
    run_cluster(std::get<0>(GetParam()), threads(std::get<1>(GetParam())), client);
  }
};

// The index without the axes that are reduced.
Extents kept_of(const Extents& index, const std::vector<std::int64_t>& reduced) {
  Extents kept;
  for (std::size_t k = 0; k < index.size(); ++k) {
    if (reduced[k] == 0) kept.push_back(index[k]);
  }
  return kept;
}

// The smallest and the largest element and where the largest first is, in the whole array.
struct Extremes {
  std::vector<std::int64_t> reduced;
  std::vector<std::int64_t> shape;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(reduced, shape);
  }
  void operator()(Block<const float> x, Block<double> state) const {
    for (std::int64_t i = 0; i < state.full_size(); i += 3) {
      state[i] = 1e30;
      state[i + 1] = -1e30;
      state[i + 2] = -1;
    }
    Extents kept_shape = state.shape();
    kept_shape.resize(kept_shape.size() - 1);
    for_each_index(x.shape(), [&](Extents index) {
      double* s = &state[3 * position_of(kept_of(index, reduced), kept_shape)];
      const double value = x[position_of(index, x.shape())];
      for (std::size_t k = 0; k < index.size(); ++k) index[k] += x.origin()[k];
      s[0] = std::min(s[0], value);
      if (value > s[1]) {
        s[1] = value;
        s[2] = static_cast<double>(position_of(index, Extents(shape.begin(), shape.end())));
      }
    });
  }
};

void join_extremes(Block<double> into, Block<const double> next) {
  for (std::int64_t i = 0; i < into.full_size(); i += 3) {
    into[i] = std::min(into[i], next[i]);
    if (next[i + 1] <= into[i + 1]) continue;
    into[i + 1] = next[i + 1];
    into[i + 2] = next[i + 2];
  }
}

void range_of_extremes(Block<const double> state, Block<float> result) {
  for (std::int64_t i = 0; i < result.full_size(); ++i) {
    result[i] = static_cast<float>(state[3 * i + 1] - state[3 * i] + state[3 * i + 2] / 1024);
  }
}

TEST_P(Reductions, AreThoseOfAPlainLoop) {
  run([](Session& session) {
    Random random("Reductions.AreThoseOfAPlainLoop");
    for (int round = 0; round < 25; ++round) {
      Extremes extremes;
      Axes axes;
      std::vector<Axis> list;
      Extents shape, kept;
      for (std::int64_t k = random.between(1, 3); k > 0; --k) {
        const bool goes = random.one_in(2);
        shape.push_back(random.between(goes ? 1 : 0, 11));
        extremes.reduced.push_back(goes ? 1 : 0);
        if (goes) list.emplace_back(static_cast<std::int64_t>(shape.size()) - 1);
        if (!goes) kept.push_back(shape.back());
      }
      if (list.empty()) continue;
      extremes.shape.assign(shape.begin(), shape.end());
      const ChunkGrid grid = random_grid(random, shape);
      const Array ramp = counting(shape, grid, DType::kFloat32);
      const Array x = sin(ramp * ramp).astype(DType::kFloat32);
      const Array y =
          reduction(x, Axes(list), extremes, join_extremes, range_of_extremes, {.state = {3}});
      const Array states = reduction(x, Axes(list), extremes, join_extremes, {.state = {3}});
      ASSERT_EQ(y.shape(), kept);
      const Dense<float> values(session.compute(x));
      Dense<double> low(kept), high(kept), where(kept);
      std::fill(low.elements.begin(), low.elements.end(), 1e30);
      std::fill(high.elements.begin(), high.elements.end(), -1e30);
      for_each_index(shape, [&](const Extents& index) {
        const Extents at = kept_of(index, extremes.reduced);
        const double value = values.at(index);
        low.at(at) = std::min(low.at(at), value);
        if (value <= high.at(at)) return;
        high.at(at) = value;
        where.at(at) = static_cast<double>(values.position(index));
      });
      const auto [range, state, total] = session.compute(y, states, (y * 2).sum());
      double sum = 0;
      for (std::size_t i = 0; i < low.elements.size(); ++i) {
        const auto expected =
            static_cast<float>(high.elements[i] - low.elements[i] + where.elements[i] / 1024);
        ASSERT_EQ(range.data<float>()[i], expected);
        ASSERT_EQ(state.data<double>()[3 * i + 2], where.elements[i]);
        sum += 2 * static_cast<double>(expected);
      }
      ASSERT_NEAR(total.item<double>(), sum, 1e-5 * std::abs(sum));
      if (kept.empty() || volume(kept) == 0) continue;
      const NdArray part = session.compute(y.isel(0, Range{{}, {}, -2}));
      const std::int64_t row = volume(kept) / kept[0];
      for (std::int64_t i = 0; i < part.size(); ++i) {
        const std::int64_t from = (kept[0] - 1 - 2 * (i / row)) * row + i % row;
        ASSERT_EQ(part.data<float>()[i], range.data<float>()[from]);
      }
    }
  });
}

// Not associative: the number shows the tree.
void last_of(Block<const std::int64_t> x, Block<double> state) {
  state[0] = static_cast<double>(x[x.full_size() - 1]);
}
void half_sum(Block<double> into, Block<const double> next) { into[0] = (into[0] + next[0]) / 2; }

double tree_of(std::vector<double> states) {
  while (states.size() > 1) {
    std::vector<double> joined;
    for (std::size_t i = 0; i < states.size(); i += 8) {
      double into = states[i];
      for (std::size_t j = i + 1; j < std::min(i + 8, states.size()); ++j) {
        into = (into + states[j]) / 2;
      }
      joined.push_back(into);
    }
    states = joined;
  }
  return states.front();
}

TEST_P(Reductions, StatesAreJoinedByOneTreeOnAnyRanks) {
  run([](Session& session) {
    for (const std::int64_t chunks : {1, 2, 7, 8, 9, 64, 65, 200, 600}) {
      std::vector<double> states;
      for (std::int64_t c = 0; c < chunks; ++c) states.push_back(static_cast<double>(3 * c + 2));
      const Array x = arange(3 * chunks, 3);
      EXPECT_EQ(session.compute(reduction(x, {}, last_of, half_sum)).item<double>(),
                tree_of(states));
    }
  });
}

TEST_P(Reductions, ReducedAxesMayStay) {
  run([](Session& session) {
    const Array x = counting({4, 6}, ChunkGrid::regular({4, 6}, {3, 2}), DType::kInt64)
                        .rename({"row", "column"});
    const Array y = reduction(
        x, "row",
        [](Block<const std::int64_t> block, Block<std::int64_t> s) {
          for (std::int64_t j = 0; j < block.shape()[1]; ++j) {
            s(j) = 0;
            for (std::int64_t i = 0; i < block.shape()[0]; ++i) s(j) += block(i, j);
          }
        },
        [](Block<std::int64_t> into, Block<const std::int64_t> next) {
          for (std::int64_t i = 0; i < into.full_size(); ++i) into[i] += next[i];
        },
        {.name = "total", .keepdims = true});
    EXPECT_EQ(y.shape(), (Extents{1, 6}));
    EXPECT_EQ(y.dims(), (std::vector<std::string>{"row", "column"}));
    const auto [own, built_in] = session.compute(x.unnamed() - y.unnamed(), x - x.sum("row"));
    EXPECT_EQ(own.bytes(), built_in.bytes());
  });
}

TEST(ReductionErrors, AreToldWhereTheyAreWritten) {
  const Array x = zeros({0, 3}, DType::kInt64);
  EXPECT_THROW(reduction(x, 0, last_of, half_sum), Error);
  EXPECT_THROW(reduction(x.astype(DType::kFloat32), 1, last_of, half_sum), Error);
  EXPECT_THROW(reduction(x, {1, -1}, last_of, half_sum), Error);
  EXPECT_EQ(reduction(x, 1, last_of, half_sum).shape(), (Extents{0}));
}

INSTANTIATE_TEST_SUITE_P(RanksAndThreads, Reductions,
                         ::testing::ValuesIn(testing::ranks_and_threads()));

}  // namespace
}  // namespace rankine
