#include <rankine/rankine.h>
using namespace rankine;

int main(int argc, char** argv) {
  return run(argc, argv, [](Session& session) {
    Array t2m = open("era5.nc:/t2m");
    session.store(t2m - t2m.mean("time"), "anom.nc:/t2m_anomaly");
    auto [low, high] = session.compute(t2m.min(), t2m.max());
    return low.item<double>() < high.item<double>() ? 0 : 1;
  });
}
