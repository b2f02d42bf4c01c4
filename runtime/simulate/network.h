// The virtual network: when what is sent arrives. A rank sends and receives one thing at a time, at
// its bandwidth; between two ranks packets keep their order, transfers and packets overtake each
// other, as collectives/communicator.h allows.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "runtime/simulate/machine.h"

namespace rankine::simulate {

class Network {
 public:
  Network(const Machine& machine, Draws& draws);

  struct Sent {
    std::int64_t left_ns;     // the sender may use the bytes again
    std::int64_t reaches_ns;  // the receiver's end; then call reached()
  };
  Sent send_packet(int from, int to, std::int64_t bytes, std::int64_t now_ns);
  Sent send_bulk(int from, int to, std::int64_t bytes, std::int64_t now_ns);
  // In the order of reaches_ns: when all of it is there.
  std::int64_t reached(int to, std::int64_t bytes, std::int64_t now_ns);
  std::int64_t reached_packet(int from, int to, std::int64_t bytes, std::int64_t now_ns);

 private:
  struct Line {  // packets from one rank to another
    std::int64_t last_ns = 0;
    std::int64_t under_way = 0;
  };
  static std::uint64_t line_key(int from, int to) {
    return (static_cast<std::uint64_t>(from) << 32) | static_cast<std::uint32_t>(to);
  }
  Sent leave(int from, std::int64_t bytes, std::int64_t now_ns);
  std::int64_t wire_ns(std::int64_t bytes) const;

  double bytes_per_ns_;
  std::int64_t latency_ns_;
  Draws& draws_;
  std::vector<std::int64_t> out_free_ns_;  // by rank
  std::vector<std::int64_t> in_free_ns_;
  std::unordered_map<std::uint64_t, Line> lines_;  // with packets under way
};

}  // namespace rankine::simulate
