// Rank 0's side of memory that is short (worker/admission.h): the frontier, the lowest key that is
// complete nowhere, and who has to know it. A pure state machine.
//
// Every rank tells its lowest key that is not complete, which never falls, and whether something
// waits there for memory. The least of them is the frontier; it is not known before all ranks have
// told. What a rank told may be old, so the frontier may be lower than it could be, never higher.
// Who is told: the rank whose key it is, at once, for without that nobody may go on; who told
// something, in answer, if the frontier has risen since; and ranks where something waits for memory
// whenever the frontier comes to another slab, for what they hold of earlier ones then counts as
// reserve. So there are at most two answers to a message, and one to each rank per slab.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/order_key.h"
#include "runtime/protocol/messages.h"
#include "runtime/scheduler/reactor.h"

namespace rankine::scheduler {

class Frontier {
 public:
  Frontier(int ranks, std::uint32_t graph) : graph_(graph), ranks_(ranks) {}

  // kLowest.
  void on_message(int from, const protocol::Message& message, Reactor::Outbox& outbox);

  // Nothing: some rank has not told its key yet, or all is complete.
  std::optional<OrderKey> key() const;
  // What decides all that comes: for tests.
  std::string describe() const;
  void sanity_check() const;

 private:
  struct Rank {
    bool heard = false;
    bool waits = false;
    std::optional<OrderKey> lowest;  // nothing: all is complete
    std::optional<OrderKey> told;
  };
  void tell(int rank, const OrderKey& frontier, Reactor::Outbox& outbox);

  std::uint32_t graph_;
  std::vector<Rank> ranks_;
  std::size_t heard_ = 0;
  std::set<std::pair<OrderKey, int>> lowest_;  // of ranks that have one
  std::optional<OrderKey> spread_;             // the frontier when all that wait were told last
};

}  // namespace rankine::scheduler
