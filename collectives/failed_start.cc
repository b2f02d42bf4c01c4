#include "collectives/failed_start.h"

#include <unistd.h>

#include <charconv>
#include <chrono>
#include <string>
#include <thread>

#include "collectives/environment.h"

namespace rankine::collectives {

void leave_before_start(int code) {
  // Hydra ends all ranks at once, and what one of them has just said may be lost.
  constexpr std::chrono::milliseconds kTimeToBeHeard{500};
  if (launcher() != Launcher::kHydra || launcher_size() == 1) return;
  const std::string text = Surroundings::of_process().variable("PMI_FD").value_or("");
  int descriptor = -1;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), descriptor);
  if (problem != std::errc() || end != text.data() + text.size() || descriptor < 3) return;
  std::this_thread::sleep_for(kTimeToBeHeard);
  const std::string message = "cmd=abort exitcode=" + std::to_string(code) + "\n";  // of PMI-1
  // If it is not written, there is nobody left to end the job.
  static_cast<void>(::write(descriptor, message.data(), message.size()) < 0);
}

}  // namespace rankine::collectives
