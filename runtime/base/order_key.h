// The place of a task in the one order in which all ranks go on when memory is short: see
// plan/key_order.h, which makes these, and scheduler/frontier.h, which compares those of all ranks.
#pragma once

#include <compare>
#include <cstdint>

namespace rankine {

struct OrderKey {
  std::int32_t phase = 0;
  std::int64_t wave = 0;
  std::int64_t slab = 0;
  std::int64_t inner = 0;
  std::int32_t depth = 0;
  std::uint32_t layer = 0;
  std::int64_t order = 0;  // of the task in its layer: together with the layer it names the task
  auto operator<=>(const OrderKey&) const = default;
};

}  // namespace rankine
