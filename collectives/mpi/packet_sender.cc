#include "collectives/mpi/packet_sender.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <utility>

#include "collectives/communicator.h"
#include "collectives/mpi/check.h"

namespace rankine::collectives {
namespace {

constexpr std::size_t kClassBytes[] = {4096, kPacketLimit};

}  // namespace

PacketSender::~PacketSender() {
  if (idle()) return;
  std::fputs("rankine: packets were still being sent when their communicator ended\n", stderr);
  std::abort();
}

PacketSender::Buffer PacketSender::take_buffer(std::size_t bytes) {
  const SizeClass size_class = bytes <= kClassBytes[kSmall] ? kSmall : kLarge;
  auto& free = free_[size_class];
  if (free.empty()) return {std::make_unique<std::byte[]>(kClassBytes[size_class]), size_class};
  Block block = std::move(free.back());
  free.pop_back();
  return {std::move(block), size_class};
}

// Most packets have left when MPI_Isend returns, and their buffer is the next one used again.
void PacketSender::send(int to, std::span<const std::byte> packet) {
  Buffer buffer = take_buffer(packet.size());
  std::copy(packet.begin(), packet.end(), buffer.block.get());
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Isend(buffer.block.get(), static_cast<int>(packet.size()), MPI_BYTE, to, 0,
                      communicator_, &request),
            "MPI_Isend");
  int complete = 0;
  check_mpi(MPI_Test(&request, &complete, MPI_STATUS_IGNORE), "MPI_Test");
  if (complete) {
    free_[buffer.size_class].push_back(std::move(buffer.block));
    return;
  }
  requests_.push_back(request);
  buffers_.push_back(std::move(buffer));
}

void PacketSender::reclaim() {
  if (idle()) return;
  if (looked_at_ >= requests_.size()) looked_at_ = 0;
  const std::size_t first = looked_at_;
  const std::size_t looks = std::min(kLooks, requests_.size() - first);
  std::array<int, kLooks> completed;
  int count = 0;
  check_mpi(MPI_Testsome(static_cast<int>(looks), requests_.data() + first, &count,
                         completed.data(), MPI_STATUSES_IGNORE),
            "MPI_Testsome");
  looked_at_ = first + looks;
  // From the back, so that the last entry, which fills the gap, is never one to be removed.
  std::sort(completed.begin(), completed.begin() + count, std::greater<>());
  for (int i = 0; i < count; ++i) {
    const auto index = static_cast<std::size_t>(completed[static_cast<std::size_t>(i)]);
    remove(first + index);
  }
}

void PacketSender::remove(std::size_t index) {
  free_[buffers_[index].size_class].push_back(std::move(buffers_[index].block));
  std::swap(buffers_[index], buffers_.back());
  std::swap(requests_[index], requests_.back());
  buffers_.pop_back();
  requests_.pop_back();
}

}  // namespace rankine::collectives
