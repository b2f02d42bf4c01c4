// Arrays from a file: anomaly IN.nc OUT.nc [options of a run]. Alone or under mpirun.
#include <rankine/rankine.h>

#include <cstdio>

using namespace rankine;

int main(int argc, char** argv) {
  return run(argc, argv, [&](Session& session) {  // rank 0 runs this; the other ranks serve
    if (argc != 3) throw usage_error("anomaly takes an input and an output file");
    const Array t2m = open(std::string(argv[1]) + ":/t2m");  // metadata only
    const Array anomaly = t2m - t2m.mean("time");            // an expression; nothing runs
    session.store(anomaly, std::string(argv[2]) + ":/t2m_anomaly");
    const auto [low, high] = session.compute(t2m.min(), t2m.max());  // one pass for both
    std::printf("from %.2f to %.2f\n", low.item<double>(), high.item<double>());
  });
}
