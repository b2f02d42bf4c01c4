// Chunks as graphs and as messages name them.
#pragma once

#include "runtime/graph/topology.h"
#include "runtime/protocol/messages.h"

namespace rankine::worker {

inline protocol::ChunkName name_of(const graph::ChunkId& id) {
  return {id.layer, id.output, id.position};
}
inline graph::ChunkId id_of(const protocol::ChunkName& name) {
  return {name.layer, name.output, name.position};
}

}  // namespace rankine::worker
