// Ranks as MPI processes. This folder is the only one that includes <mpi.h>, and this header does
// not.
#pragma once

#include <cstddef>
#include <memory>

#include "collectives/communicator.h"

namespace rankine::collectives {

// MPI for as long as the object lives: at most one per process, made and destroyed by the same
// thread. Any thread may use communicator() in between, one at a time (MPI_THREAD_SERIALIZED; see
// ProgressRight). Ignores SIGPIPE from then on: a peer that dies in the middle of a transfer would
// otherwise take this rank with it before anything could be reported.
class MpiWorld {
 public:
  // Calls MPI_Init_thread. Throws Error if MPI offers a lower thread level, if it was initialized
  // before, or if it sees one process where the launcher started several.
  MpiWorld() : MpiWorld(nullptr, nullptr) {}
  MpiWorld(int* argc, char*** argv);
  // Collective: waits until every rank is here, then calls MPI_Finalize. Unreceived packets are
  // dropped; no Request may be live. If an exception is passing, other ranks may never come, so
  // after 10 s it says so and ends the job.
  ~MpiWorld();
  MpiWorld(const MpiWorld&) = delete;
  MpiWorld& operator=(const MpiWorld&) = delete;

  Communicator& communicator();  // on its own duplicates of MPI_COMM_WORLD; valid as long as this

  // Bulk bytes travel in segments of at most this many bytes: 1 GiB, as MPI counts in int. Every
  // rank must use the same value, and no transfer may be live when it changes. For tests.
  void set_segment_bytes(std::size_t bytes);

  // Ends the program on all ranks. Any thread, also without the progress right.
  [[noreturn]] void abort(int code);

 private:
  class Session;
  std::unique_ptr<Session> session_;
};

}  // namespace rankine::collectives
