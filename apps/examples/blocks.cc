// Functions of one's own on the chunks of an array: a stencil with halos, a reduction, a change of
// shape. Alone or `mpirun -n 3 blocks`.
#include <rankine/rankine.h>

#include <cmath>
#include <cstdio>
#include <stdexcept>

using namespace rankine;

// How much an element differs from its four neighbours. A block with a halo is indexed from its
// first element that is not halo: x(-1, 0) belongs to the chunk above, or to the boundary.
void roughness(Block<const double> x, Block<double> y) {
  for (std::int64_t i = 0; i < y.shape()[0]; ++i) {
    for (std::int64_t j = 0; j < y.shape()[1]; ++j) {
      y(i, j) = std::abs(4 * x(i, j) - x(i - 1, j) - x(i + 1, j) - x(i, j - 1) - x(i, j + 1));
    }
  }
}

// The largest element and where it is. A state: value, row, column. Of equal ones the first in the
// order of chunks counts, on any number of ranks.
void largest_of_chunk(Block<const double> x, Block<double> state) {
  state(0) = -1;
  for (std::int64_t i = 0; i < x.shape()[0]; ++i) {
    for (std::int64_t j = 0; j < x.shape()[1]; ++j) {
      if (x(i, j) <= state(0)) continue;
      state(0) = x(i, j);
      state(1) = static_cast<double>(x.origin()[0] + i);
      state(2) = static_cast<double>(x.origin()[1] + j);
    }
  }
}
void larger(Block<double> into, Block<const double> next) {
  if (next(0) > into(0)) std::copy(next.begin(), next.end(), into.begin());
}

// A function with a state that travels: how many elements of each row lie in each of some bins.
struct Histogram {
  double low = 0, high = 1;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(low, high);
  }
  void operator()(Block<const double> x, Block<std::int64_t> bins) const {
    const std::int64_t count = bins.shape()[1];
    std::fill(bins.begin(), bins.end(), 0);
    for (std::int64_t i = 0; i < x.shape()[0]; ++i) {
      for (std::int64_t j = 0; j < x.shape()[1]; ++j) {
        const double place = (x(i, j) - low) / (high - low) * static_cast<double>(count);
        ++bins(i, std::min(count - 1, static_cast<std::int64_t>(place)));
      }
    }
  }
};

int main(int argc, char** argv) {
  return run(argc, argv, [](Session& session) {
    const Array row = arange(300, 64).rename({"row"});
    const Array column = arange(400, 100).rename({"column"});
    const Array field = sin(row * row * 0.001) * cos(column * 0.05);  // 5 x 4 chunks

    // All of this describes; nothing runs. Only the elements of halos go from rank to rank.
    const Array rough = map_overlap(
        roughness, field, {{"row", 1, Boundary::nearest()}, {"column", 1, Boundary::periodic()}});
    const Array where = reduction(rough, {}, largest_of_chunk, larger, {.state = {3}});
    // Columns go, bins come: each call sees whole rows.
    const Array bins =
        map_blocks(BlockOptions{.drop_axes = {"column"}, .new_axes = {{1, 4, "bin"}}},
                   Histogram{0, 0.25}, rough);

    const auto [largest, counts, mean] = session.compute(where, bins.sum("row"), rough.mean());
    const double* place = largest.data<double>();
    std::printf("roughest at row %.0f, column %.0f: %.6f; the mean is %.6f\n", place[1], place[2],
                place[0], mean.item<double>());
    for (int bin = 0; bin < 4; ++bin) {
      std::printf("bin %d has %lld\n", bin,
                  static_cast<long long>(counts.data<std::int64_t>()[bin]));
    }

    // What a function throws arrives with its name, its block and its line.
    try {
      session.compute(map_blocks(
          BlockOptions{.name = "picky"},
          [](Block<const double> x, Block<double>) {
            if (x.origin() == Extents{0, 0}) throw std::domain_error("no such block");
          },
          rough));
    } catch (const Error& error) {
      std::printf("as expected: %s: %s\n", error.message.c_str(), error.where.c_str());
    }
  });
}
