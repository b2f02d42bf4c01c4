// N ranks inside one process. With one rank it is what runs without a launcher; with more, each
// driven by threads of its own, it is the network of the tests.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "collectives/communicator.h"

namespace rankine::collectives {

class LoopbackNetwork {
 public:
  // Receivers copy bulk bytes, at most segment_bytes (>= 1) of each transfer per call of
  // test() or receive_packets().
  explicit LoopbackNetwork(int ranks, std::size_t segment_bytes = std::size_t{1} << 20);
  ~LoopbackNetwork();

  // The communicator of one rank, valid as long as the network. The communicators of different
  // ranks may be called at the same time.
  Communicator& rank(int rank);

 private:
  class Endpoint;
  class Exchange;
  std::unique_ptr<Exchange> exchange_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
};

}  // namespace rankine::collectives
