// Moves chunks between ranks: a pure state machine. Every event is a function of the state that
// appends actions to an outbox; no clock, no network, no thread inside. The loop (graph_run.h)
// carries the actions out, tests let them arrive in every legal order.
//
// A finished chunk that another rank needs goes there once: inside the message if it is small and a
// credit is left, else it is announced and pulled by the other rank. Every Announce is
// answered by one Pull or one Decline, every Pull by the bytes, every Eager by credit for it. So
// when nothing is owed in either direction (quiet()), nothing of the graph is under way from or to
// here.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/plan/footprint.h"
#include "runtime/protocol/messages.h"
#include "runtime/worker/admission.h"

namespace rankine::worker {

using protocol::ChunkName;
using protocol::Message;

struct ChunkNameHash {
  std::size_t operator()(const ChunkName& name) const {
    return static_cast<std::size_t>(name.position) * 0x9e3779b97f4a7c15u ^
           (name.layer * 0xff51afd7u + name.output);
  }
};

// What the loop has to do after an event, in this order.
struct Outbox {
  struct Send {  // if it is a kEager, the chunk's bytes go with it
    int to;
    Message message;
  };
  struct PostReceive {  // a bulk receive of `bytes` for a chunk, before the Pull is sent
    int from;
    ChunkName chunk;
    std::int64_t bytes;
    std::uint32_t tag;
  };
  struct PostSend {  // the chunk's bytes by bulk
    int to;
    ChunkName chunk;
    std::uint32_t tag;
    std::int64_t bytes;
  };
  std::vector<PostReceive> receives;
  std::vector<Send> sends;
  std::vector<PostSend> bulk_sends;
  std::vector<ChunkName> delivered;  // a chunk from elsewhere is here, once per entry
  std::vector<ChunkName> unpinned;   // one remote use of a local chunk is over
  void clear();
};

class Reactor {
 public:
  Reactor(int rank, int ranks, std::uint32_t graph,
          std::int64_t eager_limit = protocol::kEagerLimit,
          std::int64_t window = protocol::kEagerWindow, std::int64_t bulk_sends = plan::kBulkSends);
  // Before the first event: layers whose chunks go to scratch on every rank that has them. They are
  // announced whatever their size, and few are pulled at one time: the others stay where they are.
  void set_spilled(std::vector<bool> by_layer, std::int64_t receives = plan::kSpillReceives) {
    spilled_ = std::move(by_layer);
    spill_receives_ = receives;
  }

  // Before the first event: memory is short (admission.h). All chunks are announced, whatever their
  // size, and pulled when pull_admitted() finds room for them.
  void ask_first() { asks_first_ = true; }
  // Pulls what may be pulled, the lowest key first, so that the one at the frontier is never behind
  // another one. To be called after every event.
  void pull_admitted(Admission& admission, Outbox& outbox);

  // A local task left a chunk that tasks at home on `destinations` (distinct, not this rank) need.
  // The chunk must stay until it was unpinned once per destination.
  void on_output(const ChunkName& chunk, std::int64_t bytes, std::span<const int> destinations,
                 Outbox& outbox);
  // A message about a task that moves (steal.h), which is counted here.
  void send(int to, Message message, Outbox& outbox);
  // A data message of this graph; of those about tasks that move it is only counted. For kEager the
  // loop has stored the payload already.
  void on_message(int from, const Message& message, Outbox& outbox);
  void on_bulk_sent(int to, const ChunkName& chunk, Outbox& outbox);
  void on_bulk_received(int from, const ChunkName& chunk, Outbox& outbox);
  void on_abort() { aborting_ = true; }
  // Credits travel with the next eager message to their rank. This gives back by a message of their
  // own those that are a good part of a window, or `all` of them (which a rank must do in the end:
  // when no task of it is left that could send something, and after an abort); and after an abort
  // declines what waits to be pulled. The loop calls it before it carries out what an event left to
  // do. A sender never waits for credits (it announces what it has none for), so late ones delay
  // nobody but the end.
  void give_back(bool all, Outbox& outbox);

  bool aborting() const { return aborting_; }
  // Nothing is owed: all credits are home, no announce, pull or transfer is open.
  bool quiet() const;
  // Bytes of credits to be given.
  std::int64_t owed() const { return owed_; }
  struct Announced {
    int from;
    ChunkName chunk;
    std::int64_t bytes;
    std::optional<OrderKey> key = std::nullopt;  // when pull_admitted has seen it
  };
  // Announced by others and neither pulled nor declined yet, in order.
  const std::deque<Announced>& announced() const { return announced_; }
  // Pulls that wait for their turn, in order.
  const std::deque<Outbox::PostSend>& waiting_sends() const { return pulled_; }
  // Chunks that were pulled and are not here yet, and from which rank.
  const std::unordered_map<ChunkName, int, ChunkNameHash>& incoming() const { return incoming_; }
  // Bulk transfers under way from here.
  std::int64_t bulk_sends() const { return static_cast<std::int64_t>(sending_.size()); }

  // What stands open between this rank and another one.
  struct Peer {
    std::int64_t lent = 0;            // of the window to it: bytes of eager messages under way
    std::int64_t owed = 0;            // credits to be given to it, in bytes
    bool listed = false;              // in creditors_
    std::int64_t open_announces = 0;  // to it, not yet answered or still being sent
    std::uint32_t next_tag = 0;       // of pulls from it
  };
  // Of all ranks that ever sent something here or were sent something, in any order.
  const std::unordered_map<int, Peer>& peers() const { return peers_; }
  std::int64_t messages_sent() const { return sent_; }
  std::int64_t messages_received() const { return received_; }

  // Re-derives what the counters say; throws std::logic_error with the state if they disagree.
  void sanity_check() const;
  std::string describe() const;

 private:
  void on_eager(int from, const Message& message, Outbox& outbox);
  std::int64_t take_credit(Peer& peer);
  void on_announce(int from, const Message& message, Outbox& outbox);
  void pull(int from, const ChunkName& chunk, std::int64_t bytes, Outbox& outbox);
  void pull_announced(Outbox& outbox);
  void decline(int from, const ChunkName& chunk, Outbox& outbox);
  void send_pulled(Outbox& outbox);
  bool may_send(std::int64_t bytes) const;
  bool is_spilled(const ChunkName& chunk) const {
    return chunk.layer < spilled_.size() && spilled_[chunk.layer];
  }

  int rank_;
  int ranks_;
  std::uint32_t graph_;
  std::int64_t eager_limit_;
  std::int64_t window_;
  std::int64_t bulk_limit_;
  bool aborting_ = false;
  bool asks_first_ = false;
  // Made on first use: a rank keeps as much as it has partners, not as there are ranks.
  std::unordered_map<int, Peer> peers_;
  std::vector<int> creditors_;       // all peers with owed > 0, and perhaps others
  std::int64_t owed_ = 0;            // sum over the peers
  std::int64_t lent_ = 0;            // sum over the peers
  std::int64_t open_announces_ = 0;  // likewise
  std::unordered_map<ChunkName, int, ChunkNameHash> incoming_;  // pulled, from which rank
  std::vector<bool> spilled_;                                   // by layer
  std::deque<Announced> announced_;                             // of such layers, not pulled yet
  std::int64_t spill_receives_ = plan::kSpillReceives;
  std::int64_t spilled_incoming_ = 0;      // of such layers, in incoming_
  std::deque<Outbox::PostSend> pulled_;    // by others, not yet in an outbox
  std::vector<Outbox::PostSend> sending_;  // bulk sends under way from here
  std::int64_t sent_ = 0;
  std::int64_t received_ = 0;
};

}  // namespace rankine::worker
