#include "collectives/broadcast.h"

#include <chrono>
#include <cstdint>
#include <span>

namespace rankine::collectives {

BroadcastTimes broadcast(Communicator& communicator, int root, std::vector<std::byte>& bytes,
                         Waiter waiter) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  std::uint64_t length = bytes.size();
  Request request =
      communicator.async_broadcast(root, std::as_writable_bytes(std::span(&length, 1)));
  wait_for(communicator, request, waiter);
  if (communicator.rank() != root) bytes.resize(length);
  request = communicator.async_broadcast(root, bytes);
  wait_for(communicator, request, waiter.wakeful());
  return {std::chrono::duration<double>(Clock::now() - start).count()};
}

void barrier(Communicator& communicator, Waiter waiter) {
  Request request = communicator.async_barrier();
  wait_for(communicator, request, waiter);
}

}  // namespace rankine::collectives
