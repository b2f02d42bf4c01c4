// Users' tasks as a simulation makes them: each takes results of earlier ones, and what it makes
// depends on every byte it takes, so that no mistake stays unseen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/graph/explicit.h"

namespace rankine::simulate {

// What a task makes of its arguments, in their order: 8 to 4,096 bytes, mostly few.
std::vector<std::byte> digest_of(std::span<const std::span<const std::byte>> arguments);

class TaskList {
 public:
  TaskList();

  // A task that takes, after a number of its own, results of tasks before it, in this order, and
  // whole arrays. With `fails` it throws. Returns its number.
  std::uint32_t add(std::uint64_t own, std::span<const std::uint32_t> takes, bool fails = false,
                    std::span<const std::uint32_t> arrays = {});
  std::uint32_t add(std::uint64_t own, std::initializer_list<std::uint32_t> takes) {
    return add(own, std::span(takes.begin(), takes.size()));
  }

  std::size_t size() const { return tasks_.task_count(); }
  const graph::Explicit& tasks() const { return tasks_; }
  graph::Explicit take() { return std::move(tasks_); }

 private:
  graph::Explicit tasks_;
};

}  // namespace rankine::simulate
