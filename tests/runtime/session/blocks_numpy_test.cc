// Functions on blocks against NumPy: halos against numpy.pad, a reduction against numpy.sum,
// through files.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/io/h5/sample_output.h"
#include "tests/support/blocks.h"
#include "tests/support/cluster.h"

namespace rankine {
namespace {

using testing::Random;

// Weights 1, 2, 3, ... over a window of `before` + 1 + `after` elements along each of two axes.
void weighted(Block<const double> x, Block<double> y) {
  for (std::int64_t i = 0; i < y.shape()[0]; ++i) {
    for (std::int64_t j = 0; j < y.shape()[1]; ++j) {
      double weight = 0;
      y(i, j) = 0;
      for (std::int64_t a = -x.before(0); a <= x.after(0); ++a) {
        for (std::int64_t b = -x.before(1); b <= x.after(1); ++b)
          y(i, j) += ++weight * x(i + a, j + b);
      }
    }
  }
}

void sums(Block<const double> x, Block<double> state) {
  for (std::int64_t j = 0; j < x.shape()[1]; ++j) {
    state(j, 0) = state(j, 1) = 0;
    for (std::int64_t i = 0; i < x.shape()[0]; ++i) {
      state(j, 0) += x(i, j);
      state(j, 1) += x(i, j) * x(i, j);
    }
  }
}
void add(Block<double> into, Block<const double> next) {
  for (std::int64_t i = 0; i < into.full_size(); ++i) into[i] += next[i];
}

constexpr const char* kScript = R"(
import h5py, numpy as np, sys
b0, a0, b1, a1 = map(int, sys.argv[2:])
modes = dict(periodic='wrap', reflect='symmetric', nearest='edge', constant='constant')
with h5py.File(sys.argv[1]) as f:
    x = f['x'][...]
    window = (b0 + a0 + 1, b1 + a1 + 1)
    weights = np.arange(1, window[0] * window[1] + 1).reshape(window)
    for name, mode in modes.items():
        more = dict(constant_values=7) if mode == 'constant' else {}
        padded = np.pad(x, ((b0, a0), (b1, a1)), mode, **more)
        windows = np.lib.stride_tricks.sliding_window_view(padded, window)
        np.testing.assert_array_equal(f[name][...], (windows * weights).sum((2, 3)), name)
    np.testing.assert_array_equal(f['sums'][...], np.stack([x.sum(0), (x * x).sum(0)], 1))
)";

TEST(BlocksAgainstNumpy, HalosArePadsAndReductionsAreSums) {
  Random random("BlocksAgainstNumpy.HalosArePadsAndReductionsAreSums");
  const io::test::TempFolder folder;
  std::ofstream(folder / "script.py") << kScript;
  for (int round = 0; round < 6; ++round) {
    const Extents shape{random.between(3, 20), random.between(3, 20)};
    const Array x = testing::counting(shape, testing::random_grid(random, shape), DType::kFloat64);
    const std::int64_t b0 = random.between(0, shape[0]), a0 = random.between(0, shape[0]);
    const std::int64_t b1 = random.between(0, shape[1]), a1 = random.between(0, shape[1]);
    const auto with = [&](const Boundary& boundary) {
      return map_overlap(weighted, x, {{0, b0, a0, boundary}, {1, b1, a1, boundary}});
    };
    const std::string file = folder / ("out" + std::to_string(round) + ".nc");
    testing::run_cluster(1 + round % 3, testing::threads(1 + round % 2), [&](Session& session) {
      session.store({{"x", x},
                     {"periodic", with(Boundary::periodic())},
                     {"reflect", with(Boundary::reflect())},
                     {"nearest", with(Boundary::nearest())},
                     {"constant", with(Boundary::constant(7))},
                     {"sums", reduction(x, 0, sums, add, {.state = {2}})}},
                    file);
    });
    std::string command = "/usr/bin/python3 " + (folder / "script.py") + " " + file;
    for (const std::int64_t depth : {b0, a0, b1, a1}) command += " " + std::to_string(depth);
    const io::test::CommandResult result = io::test::run_command(command);
    ASSERT_EQ(result.status, 0) << result.text;
  }
}

}  // namespace
}  // namespace rankine
