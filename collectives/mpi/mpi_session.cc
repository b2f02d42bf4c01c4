#include "collectives/mpi/mpi_session.h"

#include <bit>
#include <cstdlib>
#include <memory>
#include <utility>

#include "collectives/check.h"
#include "collectives/mpi/bulk.h"
#include "collectives/mpi/check.h"
#include "collectives/progress.h"

namespace rankine::collectives {
namespace {

constexpr std::size_t kLargestSegment = std::size_t{1} << 30;  // MPI counts in int

// The largest mask of low bits that MPI takes as a tag. Tags that differ in the 15 bits of
// kTagMask, which every MPI has, still differ behind any such mask.
std::uint32_t tag_mask_of(MPI_Comm communicator) {
  int* upper_bound = nullptr;
  int found = 0;
  check_mpi(MPI_Comm_get_attr(communicator, MPI_TAG_UB, &upper_bound, &found), "MPI_Comm_get_attr");
  if (!found || *upper_bound < static_cast<int>(kTagMask)) {
    throw Error(ExitCode::kTaskFailed, "this MPI has fewer message tags than the standard demands");
  }
  return std::bit_floor(static_cast<std::uint32_t>(*upper_bound) + 1) - 1;
}

Request request_of(std::vector<MPI_Request> requests, std::size_t received = MpiPending::kNoCheck) {
  return Request(std::make_unique<MpiPending>(std::move(requests), received));
}

}  // namespace

void abort_job(int code) {
  MPI_Abort(MPI_COMM_WORLD, code);
  std::_Exit(code);
}

OwnCommunicator::OwnCommunicator() {
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &communicator_), "MPI_Comm_dup");
  check_mpi(MPI_Comm_set_errhandler(communicator_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
}

OwnCommunicator::~OwnCommunicator() { MPI_Comm_free(&communicator_); }

MpiWorld::Session::Session()
    : tag_mask_(tag_mask_of(bulk_communicator_.get())),
      segment_bytes_(kLargestSegment),
      sender_(packet_communicator_.get()),
      ring_(packet_communicator_.get()) {
  check_mpi(MPI_Comm_rank(bulk_communicator_.get(), &rank_), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(bulk_communicator_.get(), &size_), "MPI_Comm_size");
}

void MpiWorld::Session::set_segment_bytes(std::size_t bytes) {
  if (bytes < 1 || bytes > kLargestSegment) {
    throw Error(ExitCode::kTaskFailed, "a segment must have 1 byte to 1 GiB");
  }
  segment_bytes_ = bytes;
}

void MpiWorld::Session::send_packet(int to, std::span<const std::byte> packet) {
  check_rank(to, size_);
  check_packet(packet.size());
  sender_.send(to, packet);
}

int MpiWorld::Session::receive_packets(const PacketHandler& handler) {
  sender_.reclaim();
  return ring_.receive(handler);
}

Request MpiWorld::Session::async_send(int to, std::uint32_t tag, std::span<const std::byte> bytes) {
  check_rank(to, size_);
  const auto post = [&](std::size_t offset, int length, MPI_Request* request) {
    check_mpi(MPI_Isend(bytes.data() + offset, length, MPI_BYTE, to, folded(tag),
                        bulk_communicator_.get(), request),
              "MPI_Isend");
  };
  return request_of(post_segments(bytes.size(), segment_bytes_, post));
}

Request MpiWorld::Session::async_receive(int from, std::uint32_t tag, std::span<std::byte> bytes) {
  check_rank(from, size_);
  const auto post = [&](std::size_t offset, int length, MPI_Request* request) {
    check_mpi(MPI_Irecv(bytes.data() + offset, length, MPI_BYTE, from, folded(tag),
                        bulk_communicator_.get(), request),
              "MPI_Irecv");
  };
  return request_of(post_segments(bytes.size(), segment_bytes_, post), bytes.size());
}

Request MpiWorld::Session::async_broadcast(int root, std::span<std::byte> bytes) {
  check_rank(root, size_);
  const auto post = [&](std::size_t offset, int length, MPI_Request* request) {
    check_mpi(MPI_Ibcast(bytes.data() + offset, length, MPI_BYTE, root, bulk_communicator_.get(),
                         request),
              "MPI_Ibcast");
  };
  return request_of(post_segments(bytes.size(), segment_bytes_, post));
}

Request MpiWorld::Session::async_barrier() {
  std::vector<MPI_Request> requests(1, MPI_REQUEST_NULL);
  check_mpi(MPI_Ibarrier(bulk_communicator_.get(), &requests[0]), "MPI_Ibarrier");
  return request_of(std::move(requests));
}

void MpiWorld::Session::discard_packets() {
  receive_packets([](int, std::span<const std::byte>) {});
}

// A large packet leaves only when its receiver takes it, so every rank goes on taking packets until
// all ranks have nothing left to send; behind the barrier no message is under way.
bool MpiWorld::Session::close(std::optional<std::chrono::seconds> patience) {
  const auto start = std::chrono::steady_clock::now();
  Waiter waiter(Cores::kShared);
  MPI_Request barrier = MPI_REQUEST_NULL;
  bool entered = false;
  for (int complete = 0; !complete; waiter.wait()) {
    if (patience && std::chrono::steady_clock::now() - start > *patience) return false;
    discard_packets();
    if (!sender_.idle()) continue;
    if (!entered) {
      check_mpi(MPI_Ibarrier(bulk_communicator_.get(), &barrier), "MPI_Ibarrier");
      entered = true;
    }
    check_mpi(MPI_Test(&barrier, &complete, MPI_STATUS_IGNORE), "MPI_Test");
  }
  ring_.cancel();
  return true;
}

}  // namespace rankine::collectives
