// Graphs that all ranks have from before: one whose bytes are those of an earlier one is not sent
// and not installed again.
//
// Rank 0 decides when it announces a graph, the others follow when they get there. All go through
// the same graphs in the same order and keep the same ones, so what rank 0 takes for known is known
// everywhere.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "io/parts.h"
#include "runtime/base/archive.h"
#include "runtime/base/hash.h"
#include "runtime/graph/topology.h"
#include "runtime/plan/placement.h"
#include "runtime/plan/reserve.h"

namespace rankine::session {

// Of the bytes of a graph and of its chunk indexes. 128 bits: equal keys are equal bytes.
struct GraphKey {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const GraphKey&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(low, high);
  }
};
inline GraphKey key_of(std::span<const std::byte> graph, std::span<const std::byte> indexes) {
  return {hash_bytes(indexes, hash_bytes(graph, 0)), hash_bytes(indexes, hash_bytes(graph, 1))};
}

// What a rank keeps of one.
struct KnownGraph {
  std::shared_ptr<const graph::Topology> topology;
  plan::Placement placement;
  std::int64_t pool_bytes = 0;
  plan::Budget budget;
  std::vector<io::ChunkMap> maps;
};

// What belongs to the graphs used last: few, and not longer than kMostBytes together.
template <class Key, class Value>
class Recent {
 public:
  static constexpr std::size_t kMost = 8;
  static constexpr std::int64_t kMostBytes = std::int64_t{32} << 20;  // as they are sent
  // What a rank takes for a byte that was sent: topologies have inverse edges, too.
  static constexpr std::int64_t kMemoryPerByte = 4;

  // Null if it is not there; else it is now the one used last.
  Value* find(const Key& key) {
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
      if (!(entry->key == key)) continue;
      entries_.splice(entries_.begin(), entries_, entry);
      return &entry->value;
    }
    return nullptr;
  }
  // One that is not there. Others make room; longer ones than all room are not kept.
  void add(const Key& key, std::int64_t bytes, Value value) {
    if (bytes > kMostBytes) return;
    while (entries_.size() >= kMost || bytes_ + bytes > kMostBytes) {
      bytes_ -= entries_.back().bytes;
      entries_.pop_back();
    }
    entries_.push_front({key, bytes, std::move(value)});
    bytes_ += bytes;
  }
  void drop(const Key& key) {
    if (find(key) == nullptr) return;
    bytes_ -= entries_.front().bytes;
    entries_.pop_front();
  }
  void clear() {
    entries_.clear();
    bytes_ = 0;
  }
  std::int64_t bytes() const { return bytes_; }

 private:
  struct Entry {
    Key key;
    std::int64_t bytes;
    Value value;
  };
  std::list<Entry> entries_;  // the one used last in front
  std::int64_t bytes_ = 0;
};
template <class Value>
using RecentGraphs = Recent<GraphKey, Value>;

}  // namespace rankine::session
