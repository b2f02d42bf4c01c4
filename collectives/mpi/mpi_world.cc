#include <mpi.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>

#include "collectives/environment.h"
#include "collectives/mpi/check.h"
#include "collectives/mpi/mpi_communicator.h"
#include "collectives/mpi/mpi_session.h"
#include "collectives/mpi/version.h"

namespace rankine::collectives {
namespace {

constexpr std::chrono::seconds kPatience{10};

void ignore_broken_pipes() {
  if (std::signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
    throw Error(ExitCode::kTaskFailed, "cannot ignore SIGPIPE");
  }
}

void check_thread_level(int provided) {
  if (provided >= MPI_THREAD_SERIALIZED) return;
  throw Error(ExitCode::kUsage, "this MPI does not support MPI_THREAD_SERIALIZED", "",
              "use an MPI built with thread support");
}

// What the launcher said. Read before MPI_Init: a lone Open MPI process sets its own variables to
// rank 0 of 1.
struct Launch {
  int rank = launcher_rank();
  int size = launcher_size();
};

// Without a common process manager every process becomes a world of its own, and each would do
// all the work and write the same output.
void check_seen_together(const Launch& launch) {
  int ranks = 0;
  check_mpi(MPI_Comm_size(MPI_COMM_WORLD, &ranks), "MPI_Comm_size");
  if (ranks > 1 || (launch.size == 1 && launch.rank == 0)) return;
  throw Error(ExitCode::kUsage,
              "the launcher started several processes, but MPI sees each as rank 0 of 1",
              "process " + std::to_string(launch.rank) + " of the launcher", how_to_start());
}

// Open MPI ends the process inside MPI_Init, with a page of text from each, if srun joined the
// tasks of the step by nothing at all. By PMI-2 it works where Open MPI was built for that. MPICH
// lets each process be a world of its own (check_seen_together).
void check_joined(const Launch& launch) {
#ifdef OPEN_MPI
  for (const char* joined : {"PMIX_RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK"}) {
    if (std::getenv(joined) != nullptr) return;
  }
  if (launch.size == 1) return;
  throw Error(ExitCode::kUsage,
              "the launcher started " + std::to_string(launch.size) +
                  " processes that do not know of each other",
              "process " + std::to_string(launch.rank) + " of the launcher", how_to_start());
#else
  static_cast<void>(launch);
#endif
}

void initialize(int* argc, char*** argv) {
  int initialized = 0;
  check_mpi(MPI_Initialized(&initialized), "MPI_Initialized");
  if (initialized) throw Error(ExitCode::kTaskFailed, "MPI is already initialized");
  const Launch launch;
  check_joined(launch);
  int provided = 0;
  check_mpi(MPI_Init_thread(argc, argv, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread");
  try {
    check_mpi(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN),
              "MPI_Comm_set_errhandler");
    check_thread_level(provided);
    check_seen_together(launch);
  } catch (...) {
    MPI_Finalize();
    throw;
  }
}

}  // namespace

MpiWorld::MpiWorld(int* argc, char*** argv) {
  ignore_broken_pipes();
  initialize(argc, argv);
  session_ = std::make_unique<Session>();
}

MpiWorld::~MpiWorld() {
  try {
    const bool passing = std::uncaught_exceptions() > 0;
    if (!session_->close(passing ? std::optional(kPatience) : std::nullopt)) {
      throw Error(ExitCode::kTaskFailed, "an error ended rank " + std::to_string(session_->rank()) +
                                             ", and the other ranks did not end within 10 s");
    }
    session_.reset();
    check_mpi(MPI_Finalize(), "MPI_Finalize");
  } catch (const Error& error) {
    std::fputs(error.block().c_str(), stderr);
    abort(static_cast<int>(error.exit_code));
  }
}

Communicator& MpiWorld::communicator() { return *session_; }

void MpiWorld::set_segment_bytes(std::size_t bytes) { session_->set_segment_bytes(bytes); }

void MpiWorld::abort(int code) { abort_job(code); }

}  // namespace rankine::collectives
