#include "runtime/worker/task_steps.h"

namespace rankine::worker {

std::vector<Box> steps_of(const graph::Map& map, const Box& box) {
  if (!map.steps) return {box};
  const Box chunks = map.steps->chunks_over(box);
  std::vector<Box> steps;
  Extents offset(chunks.rank(), 0);
  const Extents counts = chunks.shape();
  do {
    Extents chunk = chunks.lo;
    for (std::size_t k = 0; k < chunk.size(); ++k) chunk[k] += offset[k];
    steps.push_back(map.steps->chunk_box(chunk));
  } while (next_coordinate(offset, counts));
  return steps;
}

}  // namespace rankine::worker
