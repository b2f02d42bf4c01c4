// How a key of the order of tasks travels in a Message.
#pragma once

#include "runtime/base/order_key.h"
#include "runtime/protocol/messages.h"

namespace rankine::protocol {

inline void set_key(Message& message, const OrderKey& key) {
  message.round = static_cast<std::uint32_t>(key.phase);
  message.first = key.wave;
  message.second = key.slab;
  message.bytes = key.inner;
  message.chunk = {key.layer, static_cast<std::uint32_t>(key.depth), key.order};
}

inline OrderKey key_of(const Message& message) {
  return {static_cast<std::int32_t>(message.round),
          message.first,
          message.second,
          message.bytes,
          static_cast<std::int32_t>(message.chunk.output),
          message.chunk.layer,
          message.chunk.position};
}

}  // namespace rankine::protocol
