#include "collectives/mpi/column_exchange.h"

#include <mpi.h>

#include <utility>

#include "collectives/mpi/check.h"

namespace rankine::collectives {

struct ColumnExchange::Requests {
  std::vector<MPI_Request> live;
};

ColumnExchange::ColumnExchange(std::vector<Step> steps, std::size_t item_bytes, int first_tag)
    : steps_(std::move(steps)),
      item_bytes_(item_bytes),
      first_tag_(first_tag),
      requests_(std::make_unique<Requests>()) {}

ColumnExchange::~ColumnExchange() = default;

// On MPI_COMM_WORLD, which the rest of the program leaves alone.
void ColumnExchange::post(std::size_t step, std::byte* row) {
  const auto item = static_cast<int>(item_bytes_);
  for (const Transfer& transfer : steps_[step].receives) {
    check_mpi(MPI_Irecv(row + static_cast<std::size_t>(transfer.column) * item_bytes_, item,
                        MPI_BYTE, transfer.peer, first_tag_ + static_cast<int>(transfer.column),
                        MPI_COMM_WORLD, &requests_->live.emplace_back()),
              "MPI_Irecv");
  }
  for (const Transfer& transfer : steps_[step].sends) {
    check_mpi(MPI_Isend(row + static_cast<std::size_t>(transfer.column) * item_bytes_, item,
                        MPI_BYTE, transfer.peer, first_tag_ + static_cast<int>(transfer.column),
                        MPI_COMM_WORLD, &requests_->live.emplace_back()),
              "MPI_Isend");
  }
  empty_ = false;
}

void ColumnExchange::wait() {
  check_mpi(MPI_Waitall(static_cast<int>(requests_->live.size()), requests_->live.data(),
                        MPI_STATUSES_IGNORE),
            "MPI_Waitall");
  requests_->live.clear();
  empty_ = true;
}

}  // namespace rankine::collectives
