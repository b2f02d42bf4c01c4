#include "collectives/gather.h"

#include <cstdint>

namespace rankine::collectives {
namespace {

void give(Communicator& communicator, int root, std::span<const std::byte> mine, Waiter waiter) {
  const std::uint64_t length = mine.size();
  Request request = communicator.async_send(root, kGatherTag, std::as_bytes(std::span(&length, 1)));
  wait_for(communicator, request, waiter);
  request = communicator.async_send(root, kGatherTag, mine);
  wait_for(communicator, request, waiter);
}

std::vector<std::byte> take(Communicator& communicator, int from, Waiter waiter) {
  std::uint64_t length = 0;
  Request request =
      communicator.async_receive(from, kGatherTag, std::as_writable_bytes(std::span(&length, 1)));
  wait_for(communicator, request, waiter);
  std::vector<std::byte> bytes(length);
  request = communicator.async_receive(from, kGatherTag, bytes);
  wait_for(communicator, request, waiter.wakeful());
  return bytes;
}

}  // namespace

std::vector<std::vector<std::byte>> gather(Communicator& communicator, int root,
                                           std::span<const std::byte> mine, Waiter waiter) {
  if (communicator.rank() != root) {
    give(communicator, root, mine, waiter);
    return {};
  }
  std::vector<std::vector<std::byte>> all(static_cast<std::size_t>(communicator.size()));
  for (int rank = 0; rank < communicator.size(); ++rank) {
    auto& bytes = all[static_cast<std::size_t>(rank)];
    if (rank == root) {
      bytes.assign(mine.begin(), mine.end());
    } else {
      bytes = take(communicator, rank, waiter);
    }
  }
  return all;
}

}  // namespace rankine::collectives
