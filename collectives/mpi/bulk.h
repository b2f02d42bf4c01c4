// Bulk transfers and collectives: one or several MPI requests, one per segment, under one Pending.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <vector>

#include "collectives/communicator.h"

namespace rankine::collectives {

// The requests advance together; the operation is complete when all are. `received_bytes` is what
// a receive must bring in all, or kNoCheck.
class MpiPending : public Pending {
 public:
  static constexpr std::size_t kNoCheck = static_cast<std::size_t>(-1);

  explicit MpiPending(std::vector<MPI_Request> requests, std::size_t received_bytes = kNoCheck);
  bool advance() override;

 private:
  void check_received() const;

  std::vector<MPI_Request> requests_;
  std::vector<MPI_Status> statuses_;
  std::size_t received_bytes_;
};

// Calls post(offset, length, &request) for every segment of `bytes`; one empty segment if 0.
template <class Post>
std::vector<MPI_Request> post_segments(std::size_t bytes, std::size_t segment_bytes, Post post) {
  const std::size_t count = bytes == 0 ? 1 : (bytes - 1) / segment_bytes + 1;
  std::vector<MPI_Request> requests(count, MPI_REQUEST_NULL);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t offset = i * segment_bytes;
    const std::size_t length = i + 1 < count ? segment_bytes : bytes - offset;
    post(offset, static_cast<int>(length), &requests[i]);
  }
  return requests;
}

}  // namespace rankine::collectives
