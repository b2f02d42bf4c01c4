// What rank 0 tells all ranks to do together: each is a collective phase. Sent as a Command message
// (protocol/messages.h) followed by a broadcast of these bytes.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "runtime/base/varint.h"

namespace rankine::session {

// Broadcasts follow: the sealed graph with its placement, then the chunk indexes.
struct RunGraph {
  std::uint32_t number = 0;
  std::string log_folder;  // where stored chunks are logged; "" without outputs
  template <class Archive>
  void serialize(Archive& archive) {
    archive(number, log_folder);
  }
};
// A graph is broadcast and installed, and thrown away: what `bench graph` measures. The broadcast
// of its bytes and a barrier follow.
struct Rehearse {
  template <class Archive>
  void serialize(Archive&) {}
};
// The logs become one file (io/settle.h). Gather of records, broadcast of copies, gather of errors.
struct Settle {
  std::string log_folder;
  std::string part;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(log_folder, part);
  }
};
// Close the logs without using them. Barrier.
struct Discard {
  template <class Archive>
  void serialize(Archive&) {}
};
struct Quit {
  template <class Archive>
  void serialize(Archive&) {}
};

using Command = std::variant<RunGraph, Rehearse, Settle, Discard, Quit>;

}  // namespace rankine::session
