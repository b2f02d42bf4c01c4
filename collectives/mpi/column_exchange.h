// Rows of items that ranks compute step by step, exchanged as one would by hand: nonblocking
// receives and sends of single items, one wait for all. The yardstick of `bench metg`; a program
// without a launcher, where no item crosses, never calls MPI.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace rankine::collectives {

class ColumnExchange {
 public:
  struct Transfer {
    int peer = 0;
    std::int64_t column = 0;
  };
  // What crosses before one step. Both ends list the same transfers.
  struct Step {
    std::vector<Transfer> sends;
    std::vector<Transfer> receives;
  };

  // first_tag: exchanges under way at one time use different tags, from first_tag on, one for each
  // column.
  ColumnExchange(std::vector<Step> steps, std::size_t item_bytes, int first_tag);
  ~ColumnExchange();
  ColumnExchange(const ColumnExchange&) = delete;
  ColumnExchange& operator=(const ColumnExchange&) = delete;

  // Item c lies at row + c * item_bytes; received ones come to their place. The row must not change
  // until finish(). The caller's thread is the only one in MPI. Throws Error.
  void start(std::size_t step, std::byte* row) {
    if (crosses(step)) post(step, row);
  }
  void finish() {
    if (!empty_) wait();
  }

 private:
  struct Requests;
  bool crosses(std::size_t step) const {
    return !steps_[step].sends.empty() || !steps_[step].receives.empty();
  }
  void post(std::size_t step, std::byte* row);
  void wait();

  std::vector<Step> steps_;
  std::size_t item_bytes_;
  int first_tag_;
  bool empty_ = true;  // nothing is under way
  std::unique_ptr<Requests> requests_;
};

}  // namespace rankine::collectives
