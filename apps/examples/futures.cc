// Results in the background: an adaptive search that starts new simulations as others finish, on
// top of a field that was computed once and stays on the ranks. `mpirun -n 3 futures`.
#include <rankine/rankine.h>

#include <cmath>
#include <cstdio>

using namespace rankine;

// One simulation: how far a parameter is from the curve, at a place of its own.
struct Score {
  double parameter = 0;
  double distance = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(parameter, distance);
  }
};

Score simulate(double parameter, const std::vector<double>& curve) {
  double distance = 0;
  for (std::size_t i = 0; i < curve.size(); ++i) {
    distance += std::abs(curve[i] - std::sqrt(parameter * static_cast<double>(i)));
  }
  return {parameter, distance / static_cast<double>(curve.size())};
}

int main(int argc, char** argv) {
  return run(argc, argv, [](Session& session) {
    // 1. An array that several computations start from: made once, kept in its chunks.
    const Array field = session.persist(sqrt(arange(10000, 1000) * 3.0));
    const auto [mean, top] = session.compute(field.mean(), field.max());
    std::printf("the curve has mean %.6f and maximum %.6f\n", mean.item<double>(),
                top.item<double>());

    // 2. A value that every task needs goes to every rank once; no graph carries it.
    const NdArray values = session.compute(field);
    const Ref<std::vector<double>> curve = session.scatter(
        std::vector<double>(values.data<double>(), values.data<double>() + values.shape()[0]));

    // 3. Start a first set; `submit` and `map` return at once.
    std::vector<Future<Score>> running;
    for (int parameter = 0; parameter < 8; ++parameter) {
      running.push_back(session.submit(simulate, static_cast<double>(parameter), curve));
    }
    // 4. Take them as they come; each that is better than all before starts two finer ones.
    Score best{0, INFINITY};
    double step = 1;
    AsCompleted<Score> coming = as_completed(running);
    while (!coming.empty()) {
      const Score score = coming.next().get();
      if (!(score.distance < best.distance)) continue;
      best = score;
      if ((step /= 2) < 0.1) continue;
      for (const double next : {score.parameter - step, score.parameter + step}) {
        if (next >= 0) coming.add(session.submit(simulate, next, curve));
      }
    }
    std::printf("best parameter %.3f\n", best.parameter);

    // 5. A result may stay where it is: other tasks take it, and only the last one comes here.
    const std::vector<Future<double>> squares =
        session.map([](double x) { return x * x; }, std::vector<double>{1, 2, 3, 4});
    const Future<double> sum = session.submit(
        [](const std::vector<double>& all) {
          double total = 0;
          for (double x : all) total += x;
          return total;
        },
        squares);
    std::printf("the squares sum to %.1f\n", sum.get());
  });
}
