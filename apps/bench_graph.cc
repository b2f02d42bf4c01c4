#include "apps/bench_graph.h"

namespace rankine::apps {
namespace {

// Lengths 3, 5 and 2: a third of the chunks each.
AxisChunks irregular_axis(std::int64_t chunks) {
  const std::int64_t third = chunks / 3;
  AxisChunks axis = AxisChunks::regular(3 * third, 3);
  axis = axis.joined(AxisChunks::regular(5 * third, 5));
  return axis.joined(AxisChunks::regular(2 * (chunks - 2 * third), 2));
}

}  // namespace

std::vector<Array> bench_program(std::int64_t chunks) {
  const AxisChunks time = irregular_axis(chunks);
  const std::int64_t lat = 4 * chunks - 1;
  const std::int64_t lon = 3 * chunks - 2;
  const ChunkGrid grid({time, AxisChunks::regular(lat, 4), AxisChunks::regular(lon, 3)});
  const ChunkGrid coarse({AxisChunks::regular(time.length(), 7), AxisChunks::regular(lat, 6),
                          AxisChunks::regular(lon, 5)});
  const std::vector<std::string> names{"time", "lat", "lon"};

  const Array t = arange(time.length(), 64).rename({"time"});
  const Array x =
      ((t % 17 + arange(lat, 64).rename({"lat"}) % 13) + arange(lon, 64).rename({"lon"}) % 11)
          .rechunk(grid)
          .astype(DType::kFloat64);
  const Array smooth = (x.shift({{"time", 1}}) + x + x.shift({{"time", -1}})) / 3.0;
  const Array anomaly = smooth - smooth.mean("time");
  const Array scaled = anomaly / (anomaly.std("time") + 1.0);
  const Array turned = scaled.rechunk(coarse);
  const Array halves = concatenate({turned.isel("time", Range{0, time.length() / 2, 1}),
                                    turned.isel("time", Range{time.length() / 2, {}, 1})},
                                   "time");
  const Array strided = where(halves > 0.0, halves, 0.0).isel("lat", Range{{}, {}, 2});
  const Array ring = strided - strided.mean("lon");
  const Array zonal = ring.max("lon") - ring.min("lon");
  const Array back = ring.rechunk({{"time", 4}, {"lat", 3}, {"lon", 8}});
  const Array plane_a = x.sum("time").rechunk({{0, 4}, {1, 3}});
  const Array plane_b = (x * x).sum("time").transpose().rechunk({{0, 3}, {1, 4}});
  const Array product = matmul(plane_a, plane_b);
  return {zonal.sum("time"),
          back.var(),
          product.mean(0),
          back.shift({{"lat", 2}}).sum("lat").max(),
          (ring * ring).mean("time").sum(),
          x.isel("lon", Range{{}, {}, -1}).count("lat").sum()};
}

}  // namespace rankine::apps
