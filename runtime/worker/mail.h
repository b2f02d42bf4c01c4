// Messages to other ranks: those of one turn to one rank travel in one packet. Only for the holder
// of the progress right.
#pragma once

#include <span>
#include <vector>

#include "collectives/communicator.h"
#include "runtime/protocol/codec.h"

namespace rankine::worker {

class Mail {
 public:
  explicit Mail(collectives::Communicator& communicator);

  // The payload is copied. Messages to one rank arrive in the order in which they are sent here.
  void send(int to, const protocol::Message& message, std::span<const std::byte> payload = {});
  // What was sent leaves now.
  void flush();

 private:
  collectives::Communicator& communicator_;
  std::vector<protocol::PacketWriter> writers_;  // by destination
  std::vector<int> written_;                     // destinations since the last flush
};

}  // namespace rankine::worker
