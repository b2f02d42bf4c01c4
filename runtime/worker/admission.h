// Which tasks may start and which chunks may be pulled when the plan does not bound what all
// threads may hold in any order (session/physical_plan.cc chooses this only then). A pure state
// machine, as worker/reactor.h is.
//
// The budget of a rank is reserve + slack. Whatever takes memory is charged before it takes it: a
// running task with all that it allocates, a chunk while it is held, a chunk that was pulled from
// the pull on. Nothing is charged that does not fit (but
// what a task leaves is charged beside the task until that is over, in one locked step), so the
// budget is never passed: this needs no proof but the accounting (sanity_check). Nothing is sent
// eagerly: what comes has been asked for.
//
// Every charge has a key: a chunk made here that of its task, a chunk from elsewhere that of the
// first task here that uses it. The frontier F is the lowest key that is complete nowhere, as rank
// 0 last told; it never falls. What has a key above F is charged to the slack, which it must not
// pass; what has a key up to F may take all that is left.
//
// No deadlock. Let F be the true frontier and the task t at F have its home on rank r. All tasks
// below F are complete. So (1) the inputs of t exist, and were announced to r. (2) A charge on r
// with a key up to F is a chunk that was made or pulled for a task up to F and has users that are
// not complete (else it is released as soon as the transfers of it that are under way end, and
// those end by themselves: both ends have memory for them), or it is t itself or an input of t. All
// of these are there together when the tasks run one at a time in the order of keys, so they and t
// fit the reserve, by plan/reserve.h; other charges keep to the slack. (3) The chunks that r may
// pull have keys of at least F, as their users are not complete; r pulls the lowest first; the
// inputs of t have key F. Answering a pull takes what is set aside for it (Footprint::sent_bytes),
// so they come. Then t is ready, or has no inputs; the board offers every ready task, and tasks
// without inputs in the order of their keys, so it offers t; t is admitted. (4) r learns F: every
// rank tells its lowest key (has_to_tell), at once if no task runs there; rank 0 takes the least
// and tells the rank whose it is. A rank that knows an older F only holds back. When t is complete,
// F rises; there are finitely many keys: the graph ends.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/plan/reserve.h"
#include "runtime/protocol/messages.h"
#include "runtime/worker/rank_tasks.h"

namespace rankine::worker {

class Admission {
 public:
  // keys: of topology and placement, which must outlive it.
  Admission(const graph::Topology& topology, const plan::Placement& placement,
            std::shared_ptr<const plan::KeyOrder> keys, int rank, const plan::Budget& budget);

  const plan::KeyOrder& keys() const { return *keys_; }
  // Of what a task is charged, what it takes beside the pool.
  std::int64_t scratch_bytes(std::uint32_t layer) const { return scratch_bytes_[layer]; }

  // A task that could run: if true, it is charged and must run. urgent: only if it is at the
  // frontier.
  bool start(const graph::TaskId& task, bool urgent = false);
  // It is over, after its outputs were held.
  void complete(const graph::TaskId& task);
  // A chunk made here begins to be held; any held chunk ends to be.
  void hold(const graph::ChunkId& chunk);
  void release(const graph::ChunkId& chunk);
  // A chunk that was announced: if true, it is charged, until it is released, and must be pulled.
  bool pull(const graph::ChunkId& chunk, const OrderKey& key, std::int64_t bytes);
  // The key of a chunk from elsewhere.
  OrderKey key_here(const graph::ChunkId& chunk) const;

  void set_frontier(const OrderKey& frontier);
  const std::optional<OrderKey>& frontier() const { return frontier_; }
  // The lowest key that is not complete at home here.
  std::optional<OrderKey> lowest() const { return tasks_.lowest(); }
  // Whether rank 0 knows something else of the lowest key here, or of whether something waits for
  // memory; and what it has to know. Changes with tasks that are over, or before the last of them.
  bool has_to_tell() const { return !(told_ == word()); }
  protocol::Message tell();
  // Once after something became free: what was refused may be tried again.
  bool take_news() { return std::exchange(news_, false); }

  std::int64_t charged_bytes() const { return charged_; }
  std::int64_t slack_used() const { return beyond_; }
  std::string describe() const;
  void sanity_check() const;

 private:
  struct Charge {
    OrderKey key;
    std::int64_t bytes;
  };
  struct ChunkHash {
    std::size_t operator()(const graph::ChunkId& id) const {
      return graph::TaskIdHash()({id.layer * 31 + id.output, id.position});
    }
  };
  struct Word {  // to rank 0
    std::optional<OrderKey> lowest;
    bool waits = false;
    bool operator==(const Word&) const = default;
  };
  // Something waits that was refused, and nothing has become free since.
  Word word() const {
    const auto lowest = this->lowest();
    return {lowest, lowest && short_};
  }
  bool is_reached(const OrderKey& key) const { return frontier_ && key <= *frontier_; }
  bool fits(const OrderKey& key, std::int64_t bytes, std::int64_t slack) const;
  bool refuse();
  void charge(const OrderKey& key, std::int64_t bytes);
  void give_back(const OrderKey& key, std::int64_t bytes);
  std::int64_t slack() const { return budget_.bytes - budget_.reserve; }

  const graph::Topology& topology_;
  const plan::Placement& placement_;
  std::shared_ptr<const plan::KeyOrder> keys_;
  int rank_;
  plan::Budget budget_;
  std::vector<std::int64_t> task_bytes_;     // by layer
  std::vector<std::int64_t> scratch_bytes_;  // by layer
  RankTasks tasks_;
  std::unordered_map<graph::ChunkId, Charge, ChunkHash> chunks_;  // held or pulled
  std::unordered_map<graph::TaskId, OrderKey, graph::TaskIdHash> running_;
  std::map<OrderKey, std::int64_t> above_;  // bytes charged by key, of keys above the frontier
  std::int64_t charged_ = 0;
  std::int64_t beyond_ = 0;  // sum over above_
  std::optional<OrderKey> frontier_;
  std::optional<Word> told_;
  bool short_ = false;
  bool news_ = false;
};

// Nothing if the budget asks for none.
std::optional<Admission> admission_for(const graph::Topology& topology,
                                       const plan::Placement& placement, int rank,
                                       const plan::Budget& budget);

}  // namespace rankine::worker
