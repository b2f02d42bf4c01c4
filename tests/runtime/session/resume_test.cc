// What a run that takes over does not do again, by counting calls of a user's function.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "runtime/base/stop_signals.h"
#include "tests/io/h5/sample_output.h"
#include "tests/support/blocks.h"
#include "tests/support/cluster.h"

namespace rankine {
namespace {

std::atomic<int> g_calls{0};
std::atomic<int> g_stop_at{0};  // of the calls; 0: never

void slow_copy(Block<const double> x, Block<double> y) {
  if (++g_calls == g_stop_at) ::raise(SIGTERM);
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  for (std::int64_t i = 0; i < y.full_size(); ++i) y[i] = x[i];
}

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// By the plan, states of so short a reduction are not worth a byte.
TEST(Resume, KeepsWhatTookLongThoughItIsSmall) {
  constexpr int kChunks = 40;
  constexpr int kThreads = 2;
  const io::test::TempFolder folder;
  testing::run_cluster(1, testing::threads(kThreads), [&](Session& session) {
    const ChunkGrid grid = ChunkGrid::regular({kChunks, 6}, {1, 6});
    const Array slow = map_blocks(slow_copy, testing::counting(grid.shape(), grid, DType::kFloat64))
                           .rename({"time", "x"});
    const NamedArrays means = {{"m", slow.mean({"time"})}};
    StoreOptions options;
    options.history = false;
    session.store(means, folder / "whole.nc", options);
    EXPECT_EQ(g_calls, kChunks);

    g_calls = 0;
    g_stop_at = kChunks / 2;
    {
      const StopSignals signals;
      EXPECT_THROW(session.store(means, folder / "o.nc", options), Error);
    }
    const int done = g_calls.exchange(0);
    g_stop_at = 0;
    const StopSignals none_came;
    options.resume = true;
    session.store(means, folder / "o.nc", options);
    EXPECT_LE(g_calls, kChunks - done + kThreads);
    EXPECT_EQ(bytes_of(folder / "o.nc"), bytes_of(folder / "whole.nc"));
  });
}

}  // namespace
}  // namespace rankine
