#include "runtime/worker/admission.h"

#include <stdexcept>

#include "runtime/graph/story.h"
#include "runtime/protocol/order_key.h"

namespace rankine::worker {

using graph::ChunkId;
using graph::TaskId;

Admission::Admission(const graph::Topology& topology, const plan::Placement& placement,
                     std::shared_ptr<const plan::KeyOrder> keys, int rank,
                     const plan::Budget& budget)
    : topology_(topology),
      placement_(placement),
      keys_(std::move(keys)),
      rank_(rank),
      budget_(budget),
      tasks_(topology, placement, *keys_, rank) {
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    task_bytes_.push_back(plan::admitted_bytes(topology, placement, layer));
    scratch_bytes_.push_back(plan::scratch_bytes(topology, placement, layer));
  }
}

bool Admission::fits(const OrderKey& key, std::int64_t bytes, std::int64_t slack) const {
  if (charged_ + bytes > budget_.bytes) return false;
  return is_reached(key) || beyond_ + bytes <= slack;
}

bool Admission::refuse() {
  short_ = true;
  return false;
}

void Admission::charge(const OrderKey& key, std::int64_t bytes) {
  charged_ += bytes;
  if (is_reached(key) || bytes == 0) return;
  beyond_ += bytes;
  above_[key] += bytes;
}

void Admission::give_back(const OrderKey& key, std::int64_t bytes) {
  charged_ -= bytes;
  news_ = true;
  short_ = false;
  if (is_reached(key) || bytes == 0) return;
  beyond_ -= bytes;
  const auto found = above_.find(key);
  if ((found->second -= bytes) == 0) above_.erase(found);
}

bool Admission::start(const TaskId& task, bool urgent) {
  const OrderKey key = keys_->key(task);
  const std::int64_t bytes = task_bytes_[task.layer];
  if ((urgent && !is_reached(key)) || !fits(key, bytes, slack())) return refuse();
  charge(key, bytes);
  running_.emplace(task, key);
  return true;
}

void Admission::complete(const TaskId& task) {
  const auto found = running_.find(task);
  if (found == running_.end()) throw std::logic_error("a task is over that was not admitted");
  give_back(found->second, task_bytes_[task.layer]);
  running_.erase(found);
  tasks_.complete(task);
}

// Until its task is complete, the chunk is part of what the task was charged.
void Admission::hold(const ChunkId& chunk) {
  if (topology_.is_held(chunk.layer)) return;  // an earlier graph's
  const OrderKey key = keys_->key(chunk.task());
  const std::int64_t bytes = plan::pool_block(topology_.output_bytes(chunk));
  charge(key, bytes);
  chunks_.emplace(chunk, Charge{key, bytes});
}

void Admission::release(const ChunkId& chunk) {
  const auto found = chunks_.find(chunk);
  if (found == chunks_.end()) return;
  give_back(found->second.key, found->second.bytes);
  chunks_.erase(found);
}

// Chunks that wait for tasks must not take all of what the tasks need to start.
bool Admission::pull(const ChunkId& chunk, const OrderKey& key, std::int64_t bytes) {
  const std::int64_t block = plan::pool_block(bytes);
  if (!fits(key, block, slack() / 2)) return refuse();
  charge(key, block);
  chunks_.emplace(chunk, Charge{key, block});
  return true;
}

OrderKey Admission::key_here(const ChunkId& chunk) const {
  std::optional<OrderKey> lowest;
  placement_.for_each_use_on(topology_, chunk, rank_, [&](TaskId task, const auto*) {
    const OrderKey key = keys_->key(task);
    if (!lowest || key < *lowest) lowest = key;
  });
  if (!lowest) throw std::logic_error("a chunk was announced that nobody here uses");
  return *lowest;
}

void Admission::set_frontier(const OrderKey& frontier) {
  if (is_reached(frontier)) return;
  frontier_ = frontier;
  for (auto first = above_.begin(); first != above_.end() && is_reached(first->first);) {
    beyond_ -= first->second;
    first = above_.erase(first);
  }
  news_ = true;
  short_ = false;
}

protocol::Message Admission::tell() {
  told_ = word();
  protocol::Message message;
  message.kind = protocol::Kind::kLowest;
  message.idle = !told_->lowest ? 2 : told_->waits ? 1 : 0;
  if (told_->lowest) protocol::set_key(message, *told_->lowest);
  return message;
}

std::string Admission::describe() const {
  std::string text = "  memory: " + std::to_string(charged_) + " of " +
                     std::to_string(budget_.bytes) + " bytes taken, beyond the frontier " +
                     std::to_string(beyond_) + " of " + std::to_string(slack()) +
                     (short_ ? "; something waits for memory" : "") + "\n";
  const auto name = [&](const OrderKey& key) {
    const bool tree =
        std::holds_alternative<graph::Reduce>(topology_.graph().layers[key.layer].kind);
    return graph::story_of(
        topology_,
        {key.layer, tree ? key.order : placement_.position_at(topology_, key.layer, key.order)});
  };
  if (frontier_) text += "  frontier: " + name(*frontier_) + "\n";
  if (const auto lowest = this->lowest()) text += "  next here: " + name(*lowest) + "\n";
  return text;
}

void Admission::sanity_check() const {
  std::int64_t charged = 0;
  std::int64_t beyond = 0;
  const auto add = [&](const OrderKey& key, std::int64_t bytes) {
    charged += bytes;
    if (!is_reached(key)) beyond += bytes;
  };
  for (const auto& [chunk, charge] : chunks_) add(charge.key, charge.bytes);
  for (const auto& [task, key] : running_) add(key, task_bytes_[task.layer]);
  std::int64_t above = 0;
  for (const auto& [key, bytes] : above_) above += bytes;
  const auto lowest = this->lowest();
  const bool ahead = frontier_ && lowest && *lowest < *frontier_;
  if (charged != charged_ || beyond != beyond_ || above != beyond_ || charged_ > budget_.bytes ||
      beyond_ > slack() || ahead) {
    throw std::logic_error("memory is not counted right:\n" + describe());
  }
}

std::optional<Admission> admission_for(const graph::Topology& topology,
                                       const plan::Placement& placement, int rank,
                                       const plan::Budget& budget) {
  if (budget.bytes == 0) return std::nullopt;
  return Admission(topology, placement, std::make_shared<plan::KeyOrder>(topology, placement), rank,
                   budget);
}

}  // namespace rankine::worker
