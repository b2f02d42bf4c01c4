#include "apps/bench_hop.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "apps/figures.h"
#include "collectives/broadcast.h"
#include "collectives/mpi/ping_pong.h"
#include "runtime/api/task_grid.h"
#include "runtime/base/clock.h"

namespace rankine::apps {
namespace {

template <std::size_t kBytes>
struct Ball {
  std::int64_t hops = 0;
  std::byte rest[kBytes - sizeof(std::int64_t) + (kBytes == sizeof(std::int64_t))] = {};
};
template <>
struct Ball<sizeof(std::int64_t)> {
  std::int64_t hops = 0;
};

// One chain: (r, 1) follows (r, 0), and (r + 1, 0) follows (r, 1). The columns are at home on
// different ranks.
template <std::size_t kBytes>
double hop_seconds(Session& session, std::int64_t rounds) {
  using What = Ball<kBytes>;
  const auto other = [](std::int64_t column) {
    return reach::only(1 - column).within(column, column + 1);
  };
  const Stopwatch wall;
  const TaskGrid<What> chain(
      {rounds, 2},
      [](const GridPoint&, const Inputs<What>& there, const Inputs<What>& back) {
        What ball;
        if (!there.empty()) ball.hops = there[0].hops + 1;
        if (!back.empty()) ball.hops = back[0].hops + 1;
        return ball;
      },
      itself(reach::same(), other(1)), itself(reach::offset(-1), other(0)));
  const std::int64_t hops = session.compute(chain.at({rounds - 1, 1})).hops;
  const double seconds = wall.seconds();
  if (hops != 2 * rounds - 1) {
    throw Error(ExitCode::kDiffers,
                fmt::format("{} hops were counted instead of {}", hops, 2 * rounds - 1));
  }
  return seconds / static_cast<double>(hops);
}

double hop_seconds(Session& session, std::int64_t bytes, std::int64_t rounds) {
  switch (bytes) {
    case 8: return hop_seconds<8>(session, rounds);
    case 1024: return hop_seconds<1024>(session, rounds);
    case 65536: return hop_seconds<65536>(session, rounds);
    default:
      throw usage_error(fmt::format("--bytes {} is not measured", bytes),
                        "give --bytes 8, 1024 or 65536");
  }
}

}  // namespace

int measure_hop(World& world, const RunSettings& settings, std::int64_t bytes, std::int64_t rounds,
                int repeat, HopFigure& figure) {
  if (world.communicator().size() < 2) {
    throw usage_error("bench hop needs two ranks", "mpirun -n 2 rankine bench hop");
  }
  std::vector<double> hops, pings;
  for (int turn = 0; turn < repeat; ++turn) {
    const int code = world.session(settings, [&](Session& session) {
      hop_seconds(session, bytes, 10);  // threads and pages are there afterwards
      hops.push_back(1e6 * hop_seconds(session, bytes, rounds));
    });
    if (code != 0) return code;
    const int rank = world.communicator().rank();
    collectives::barrier(world.communicator());
    if (rank < 2) {
      pings.push_back(1e6 * collectives::ping_pong(rank, static_cast<std::size_t>(bytes), rounds));
    }
    collectives::barrier(world.communicator());
  }
  if (world.communicator().rank() == 0) figure = {median(hops), median(pings)};
  return 0;
}

std::string text_of(const HopFigure& figure, std::int64_t bytes) {
  return fmt::format("{:>8} {:>10} {:>12}\n{:>8} {:>10.3f} {:>12.3f}\n", "bytes", "hop us",
                     "pingpong us", bytes, figure.hop_us, figure.pingpong_us);
}

void write_json(const std::string& path, const HopFigure& figure) {
  const nlohmann::ordered_json json = {{"hop_us", figure.hop_us},
                                       {"pingpong_us", figure.pingpong_us}};
  write_figures(path, json.dump(2));
}

}  // namespace rankine::apps
