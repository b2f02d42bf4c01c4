// A job that lasts as long on any machine: slow_job OUT.nc [options of a run]. Each of its 120
// chunks takes a thread $SLOW_MS milliseconds (none if that is not set) and no time of a processor.
#include "runtime/rankine.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

using namespace rankine;

void slow_copy(Block<const double> from, Block<double> to) {
  if (const char* text = std::getenv("SLOW_MS")) {
    std::this_thread::sleep_for(std::chrono::milliseconds(std::atoi(text)));
  }
  std::copy(from.begin(), from.end(), to.begin());
}

int main(int argc, char** argv) {
  return run(argc, argv, [&](Session& session) {
    if (argc != 2) throw usage_error("slow_job takes an output file");
    const Array numbers = arange(120 * 512, 512).rename({"x"});
    session.store(map_blocks(BlockOptions{.name = "slow_copy"}, slow_copy, sqrt(numbers)),
                  std::string(argv[1]) + ":/root");
  });
}
