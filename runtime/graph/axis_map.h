// Which chunks of a producer's axis a consumer needs, in closed form both ways.
//
// Element i of the consumer's axis is element step * i + offset of the producer's axis, for i in
// `domain`; both axes are cut into chunks. For consumer chunk c the map gives the interval of
// producer chunks from the first to the last element it touches (the hull, if |step| > 1 jumps over
// chunks), and for a producer chunk p exactly the consumer chunks whose interval holds p: the two
// directions are each other's inverse (tests hold this by brute force). Chunk lengths are
// run-length lists, so a map is O(runs), regular or not.
#pragma once

#include <cstdint>

#include "runtime/base/chunk_grid.h"

namespace rankine::graph {

class AxisMap {
 public:
  // step != 0. Every element of the domain must map into the producer's axis. A consumer chunk
  // needs what it would need if it were `before` and `after` elements longer at its ends; the
  // domain may reach that far beyond the ends of the axis.
  AxisMap(AxisChunks consumer, AxisChunks producer, std::int64_t step, std::int64_t offset,
          Interval domain, std::int64_t before = 0, std::int64_t after = 0);

  // The producer chunks of consumer chunk c; empty outside the domain.
  Interval inputs(std::int64_t c) const;
  // The consumer chunks that need producer chunk p.
  Interval consumers(std::int64_t p) const;
  // The consumer chunks that have any inputs.
  Interval domain_chunks() const { return domain_chunks_; }

 private:
  AxisChunks consumer_;
  AxisChunks producer_;
  std::int64_t step_;
  std::int64_t offset_;
  std::int64_t before_;
  std::int64_t after_;
  Interval domain_;         // elements of the consumer's axis, and beyond its ends
  Interval domain_chunks_;  // the chunks that meet it
  bool identity_;  // equal cuts, step 1, offset 0, whole domain, no more: chunk c needs chunk c
};

}  // namespace rankine::graph
