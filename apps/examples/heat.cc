// A grid of tasks: the heat equation on a ring of cells, step by step, however many steps there
// are. `mpirun -n 3 heat 2000 64`
#include <rankine/rankine.h>

#include <cstdio>
#include <cstdlib>
#include <numeric>

using namespace rankine;

// One cell at one step. `u` holds the left neighbour, the cell itself and the right neighbour one
// step before; the cells of step 0 have no inputs and make the start.
double diffuse(const GridPoint& at, const Inputs<double>& u, double rate) {
  if (u.empty()) return at[1] == at.count(1) / 2 ? 1.0 : 0.0;
  return u[1] + rate * (u[0] - 2 * u[1] + u[2]);
}

int main(int argc, char** argv) {
  return run(argc, argv, [&](Session& session) {
    const std::int64_t steps = argc > 1 ? std::atoll(argv[1]) : 1000;
    const std::int64_t width = argc > 2 ? std::atoll(argv[2]) : 64;
    // Describes steps x width tasks and runs none.
    const TaskGrid<double> heat({steps, width}, diffuse,
                                itself(reach::offset(-1), reach::ring(-1, 1)), 0.25);
    // A second grid reads the first one: the heat of all cells, every tenth step.
    const TaskGrid<double> total(
        {(steps + 9) / 10},
        [](const GridPoint&, const Inputs<double>& cells) {
          double sum = 0;
          for (std::size_t i = 0; i < cells.size(); ++i) sum += cells[i];
          return sum;
        },
        heat.read(reach::scaled(10, 0, 0).along(0), reach::every().along(0)));
    const auto [end, totals] = session.compute(heat.slice(0, steps - 1), total.all());
    std::printf("%lld steps: cell 0 has %.9f, all have %.9f, at first %.9f\n",
                static_cast<long long>(steps), end[0], std::accumulate(end.begin(), end.end(), 0.0),
                totals.front());
  });
}
