// Tells the system what the tasks of a rank read next, so that the disk works while they decode.
//
// A task that reads takes its steps one after the other, and tasks of a layer start in its order.
// So while a thread is at one step, what comes next are the other steps of its task, then the tasks
// behind. No more than io::kExpectedBytes for each thread are on their way: told of, and the step
// that reads them has not begun. Only hints: results never depend on them.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "io/reader.h"
#include "runtime/graph/topology.h"
#include "runtime/plan/placement.h"

namespace rankine::worker {

class ReadAhead {
 public:
  // readers: by data set of the graph. All must outlive it.
  ReadAhead(const graph::Topology& topology, const plan::Placement& placement, int rank,
            int threads, const std::vector<std::unique_ptr<io::DatasetReader>>& readers);

  // The task begins a step of its steps. Any thread.
  void before(const graph::TaskId& task, std::span<const Box> steps, std::size_t step,
              io::ReadStats& stats);

 private:
  struct Step {
    std::uint32_t layer;
    std::int64_t ordered;  // of the task
    std::size_t step;
    auto operator<=>(const Step&) const = default;
  };
  struct Layer {
    bool reads = false;
    Interval range;
    std::int64_t next = 0;  // ordered position of the first task that was not looked at
  };
  struct Wanted {
    std::uint32_t dataset;
    Box box;
  };
  using Told = std::vector<std::pair<Wanted, std::int64_t>>;  // with the bytes of it

  bool reads_files(const graph::Map& map) const;
  void look_ahead(const graph::TaskId& task, std::span<const Box> steps, std::size_t step,
                  Told& told);
  void forget(std::uint32_t layer, std::int64_t ordered, std::size_t step);
  bool take_all(std::uint32_t layer, std::int64_t ordered, Told& told);
  bool take(const Step& step, const graph::TaskId& task, const Box& box, std::int64_t room,
            Told& told);
  std::vector<Wanted> wanted_by(const graph::TaskId& task, const Box& step) const;

  const graph::Topology& topology_;
  const plan::Placement& placement_;
  const std::vector<std::unique_ptr<io::DatasetReader>>& readers_;
  const std::int64_t most_bytes_;
  const std::int64_t far_behind_;  // tasks that all threads have passed, as good as certainly

  std::mutex mutex_;  // protects what follows; not held while the system is told
  std::vector<Layer> layers_;
  std::map<Step, std::int64_t> told_;  // bytes of steps that were told of and have not begun
  std::int64_t told_bytes_ = 0;        // their sum
};

}  // namespace rankine::worker
