#include "collectives/communicator.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace rankine::collectives {
namespace {

void refuse_to_drop(const std::unique_ptr<Pending>& pending) {
  if (!pending) return;
  std::fputs(
      "rankine: a transfer was dropped before it was complete; its memory is still in use by the "
      "network, so the program ends here\n",
      stderr);
  std::abort();
}

}  // namespace

Request& Request::operator=(Request&& other) noexcept {
  if (this == &other) return *this;
  refuse_to_drop(pending_);
  pending_ = std::move(other.pending_);
  return *this;
}

Request::~Request() { refuse_to_drop(pending_); }

void Communicator::abort(int code) { std::_Exit(code); }

bool Communicator::test(Request& request) {
  if (!request.pending_) return true;
  try {
    if (!request.pending_->advance()) return false;
  } catch (...) {
    request.pending_.reset();
    throw;
  }
  request.pending_.reset();
  return true;
}

}  // namespace rankine::collectives
