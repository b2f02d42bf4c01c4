// Blocks with halos, on several ranks and threads, against plain loops over whole arrays.
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
using testing::source_of;
using testing::threads;

class Overlap : public ::testing::TestWithParam<std::tuple<int, int>> {
 protected:
  void run(const Client& client) {
    run_cluster(std::get<0>(GetParam()), threads(std::get<1>(GetParam())), client);
  }
};

// Every element becomes the sum of those around it, each with a weight of its own: 1, 2, 3, ... in
// row-major order.
struct Window {
  std::vector<std::int64_t> before;
  std::vector<std::int64_t> after;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(before, after);
  }
  Extents shape() const {
    Extents shape;
    for (std::size_t k = 0; k < before.size(); ++k) shape.push_back(before[k] + after[k] + 1);
    return shape;
  }
  // Where element i of the window around `index` is.
  Extents place(const Extents& index, const Extents& i) const {
    Extents place = index;
    for (std::size_t k = 0; k < place.size(); ++k) place[k] += i[k] - before[k];
    return place;
  }

  template <class T>
  void fill(const Block<const T>& x, const Extents& shape, const Block<double>& y) const {
    for_each_index(shape, [&](const Extents& index) {
      double sum = 0, weight = 0;
      for_each_index(this->shape(), [&](const Extents& i) {
        weight += 1;
        Extents at = place(index, i);
        for (std::size_t k = 0; k < at.size(); ++k) at[k] += x.before(k);
        if (inside(at, x.full_shape())) {
          sum += weight * static_cast<double>(x[position_of(at, x.full_shape())]);
        }
      });
      y[position_of(index, shape)] = sum;
    });
  }
  static bool inside(const Extents& at, const Extents& shape) {
    for (std::size_t k = 0; k < at.size(); ++k) {
      if (at[k] < 0 || at[k] >= shape[k]) return false;
    }
    return true;
  }
};

struct WindowSum : Window {
  void operator()(Block<const float> x, Block<double> y) const { fill(x, y.shape(), y); }
};

struct Case {
  Extents shape;
  ChunkGrid grid;
  Window window;
  std::vector<Boundary> boundaries;
  std::vector<Halo> halo;
};

Case random_case(Random& random) {
  Case c;
  for (std::int64_t k = random.between(1, 3); k > 0; --k) {
    const std::int64_t length = random.one_in(15) ? 0 : random.between(1, 9);
    const std::int64_t most = std::max<std::int64_t>(1, length);
    const Boundary all[] = {Boundary::none(), Boundary::periodic(), Boundary::reflect(),
                            Boundary::nearest(),
                            Boundary::constant(static_cast<double>(random.between(1, 9)))};
    c.shape.push_back(length);
    c.boundaries.push_back(all[random.between(0, 4)]);
    c.window.before.push_back(random.one_in(3) ? 0 : random.between(0, most));
    c.window.after.push_back(random.one_in(3) ? 0 : random.between(0, most));
    if (length == 0) c.window.before.back() = c.window.after.back() = 0;
    c.halo.emplace_back(Axis(static_cast<std::int64_t>(c.shape.size()) - 1), c.window.before.back(),
                        c.window.after.back(), c.boundaries.back());
  }
  c.grid = random_grid(random, c.shape);
  return c;
}

Dense<double> window_sums(const Dense<float>& x, const Case& c) {
  Dense<double> result(x.shape);
  for_each_index(x.shape, [&](const Extents& index) {
    double sum = 0, weight = 0;
    for_each_index(c.window.shape(), [&](const Extents& i) {
      weight += 1;
      Extents at = c.window.place(index, i);
      double constant = 0;
      bool found = true;
      for (std::size_t k = 0; k < at.size(); ++k) {
        const std::int64_t length = x.shape[k];
        if (at[k] < 0 || at[k] >= length) {
          if (c.boundaries[k].kind == Boundary::Kind::kConstant) {
            constant = c.boundaries[k].value.real;
          }
          if (c.boundaries[k].kind == Boundary::Kind::kNone) return;
        }
        at[k] = source_of(at[k], length, c.boundaries[k]);
        found = found && at[k] >= 0;
      }
      sum += weight * (found ? static_cast<double>(x.at(at)) : constant);
    });
    result.at(index) = sum;
  });
  return result;
}

TEST_P(Overlap, EveryBoundaryIsThatOfAPlainLoop) {
  run([](Session& session) {
    Random random("Overlap.EveryBoundaryIsThatOfAPlainLoop");
    for (int round = 0; round < 25; ++round) {
      const Case c = random_case(random);
      const Array x = counting(c.shape, c.grid, DType::kFloat32);
      const Array y = map_overlap(WindowSum{c.window}, x, c.halo);
      const Dense<double> expected = window_sums(Dense<float>(session.compute(x)), c);
      ASSERT_EQ(y.shape(), c.shape);
      ASSERT_EQ(Dense<double>(session.compute(y)).elements, expected.elements) << round;
    }
  });
}

// The halo is put on before an operand is computed, in the middle of other operations, and twice.
TEST_P(Overlap, OperandsMayBeAnyExpression) {
  run([](Session& session) {
    Random random("Overlap.OperandsMayBeAnyExpression");
    for (int round = 0; round < 25; ++round) {
      const Case c = random_case(random);
      const Array x = counting(c.shape, c.grid, DType::kFloat32);
      Array operand = x;
      const int kind = static_cast<int>(random.between(0, 4));
      if (kind == 0) operand = (x * x - 3).astype(DType::kFloat32);
      if (kind == 1) operand = x.isel(-1, Range{{}, {}, -1});
      if (kind == 2)
        operand = concatenate({x, x * 2}, 0).isel(0, Range{{}, {}, 2}).astype(DType::kFloat32);
      if (kind == 3) operand = x.shift({{0, 1}});
      if (kind == 4 && x.size() > 0) operand = (x - x.mean(0)).astype(DType::kFloat32);
      operand = where(isnan(operand), 0.0, operand).astype(DType::kFloat32);
      const Dense<float> values(session.compute(operand));
      const Array y = map_overlap(WindowSum{c.window}, operand, c.halo);
      const Dense<double> once = window_sums(values, c);
      const Array again =
          map_overlap(WindowSum{c.window}, (y / 1024).astype(DType::kFloat32), c.halo);
      Dense<float> smaller(c.shape);
      for (std::size_t i = 0; i < once.elements.size(); ++i) {
        smaller.elements[i] = static_cast<float>(once.elements[i] / 1024);
      }
      ASSERT_EQ(Dense<double>(session.compute(y)).elements, once.elements) << kind;
      const auto [both, sum] = session.compute(again, (y + again).sum());
      const Dense<double> twice = window_sums(smaller, c);
      ASSERT_EQ(Dense<double>(both).elements, twice.elements) << kind;
    }
  });
}

TEST_P(Overlap, SlicesAreThoseOfTheWhole) {
  run([](Session& session) {
    Random random("Overlap.SlicesAreThoseOfTheWhole");
    for (int round = 0; round < 25; ++round) {
      const Case c = random_case(random);
      const Array x = counting(c.shape, c.grid, DType::kFloat32) -
                      counting(c.shape, c.grid, DType::kFloat32).mean();
      const Array y = map_overlap(WindowSum{c.window}, x.astype(DType::kFloat32), c.halo);
      const Array z = map_overlap(WindowSum{c.window}, y.astype(DType::kFloat32), c.halo);
      std::vector<Index> index;
      for (const std::int64_t length : c.shape) {
        const std::int64_t step = random.one_in(2) ? 1 : random.one_in(2) ? 2 : -1;
        std::int64_t a = random.between(0, length), b = random.between(0, length);
        if ((a > b) == (step > 0)) std::swap(a, b);
        index.push_back(Range{a, b, step});
      }
      const NdArray whole = session.compute(z);
      const NdArray part = session.compute(z[index]);
      const Array again = counting(c.shape, c.grid, DType::kInt64)[index];
      const NdArray positions = session.compute(again);
      ASSERT_EQ(part.shape(), positions.shape());
      for (std::int64_t i = 0; i < part.size(); ++i) {
        ASSERT_EQ(part.data<double>()[i],
                  whole.data<double>()[positions.data<std::int64_t>()[i] - 1]);
      }
    }
  });
}

INSTANTIATE_TEST_SUITE_P(RanksAndThreads, Overlap,
                         ::testing::ValuesIn(testing::ranks_and_threads()));

}  // namespace
}  // namespace rankine
