// Tasks with functions of one's own: an ensemble of random walks, of which the best ones are
// refined and merged. An irregular graph with values that cross ranks: `mpirun -n 3 user_tasks`.
#include <rankine/rankine.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>

using namespace rankine;

// What tasks pass to each other: anything that Cereal can write and read.
struct Walk {
  int seed = 0;
  std::vector<double> path;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(seed, path);
  }
  double end() const { return path.empty() ? 0 : path.back(); }
};

// A plain function.
Walk walk(int seed, int steps) {
  std::mt19937 random(static_cast<std::uint32_t>(seed));
  Walk result{seed, {}};
  double position = 0;
  for (int i = 0; i < steps; ++i) {
    position += static_cast<double>(random()) / 4294967296.0 - 0.5;
    result.path.push_back(position);
  }
  return result;
}

// A function with a state: it travels, so it needs a serialize as well.
struct Refine {
  double pull = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(pull);
  }
  Walk operator()(Walk walk) const {
    for (double& position : walk.path) position *= 1 - pull;
    return walk;
  }
};

int main(int argc, char** argv) {
  return run(argc, argv, [](Session& session) {
    // 1. Describe: runs nothing. Each `delayed` is one task, its arguments are values or other
    // tasks.
    std::vector<Delayed<Walk>> walks;
    for (int seed = 0; seed < 64; ++seed) {
      const int steps = 100 + seed * 50;  // tasks differ in length
      Delayed<Walk> task = delayed(walk, seed, steps);
      if (seed % 3 == 0) task = delayed(Refine{0.25}, task);
      walks.push_back(task);
    }
    // A tree that keeps the walk which ends higher; a lambda may not capture, it takes arguments.
    while (walks.size() > 1) {
      std::vector<Delayed<Walk>> winners;
      for (std::size_t i = 0; i + 1 < walks.size(); i += 2) {
        winners.push_back(delayed(
            TaskOptions{.name = "higher", .retries = 1},
            [](Walk a, Walk b) { return a.end() >= b.end() ? a : b; }, walks[i], walks[i + 1]));
      }
      walks = winners;
    }
    // 2. Arrays and tasks mix: a task may take a whole Array and gets it as an NdArray.
    const Array curve = sqrt(arange(1000, 100) * 1.0);
    const Delayed<double> above = delayed(
        [](const Walk& best, const NdArray& limit) {
          double most = 0;
          for (std::size_t i = 0; i < best.path.size() && i < 1000; ++i) {
            most = std::max(most, best.path[i] - limit.data<double>()[i]);
          }
          return most;
        },
        walks[0], curve);
    // 3. Run: one graph on all ranks, and the results here.
    const auto [best, excess, mean] = session.compute(walks[0], above, curve.mean());
    std::printf("best seed %d ends at %.6f, %.6f above; the curve has mean %.6f\n", best.seed,
                best.end(), excess, mean.item<double>());

    // What a task throws arrives here, with its place: task, rank, source line.
    try {
      session.compute(delayed(
          [](int x) {
            if (x < 0) throw std::domain_error("no root of " + std::to_string(x));
            return std::sqrt(x);
          },
          -1));
    } catch (const Error& error) {
      std::printf("as expected: %s\n", error.message.c_str());
    }
  });
}
