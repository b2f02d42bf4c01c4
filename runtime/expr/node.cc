#include "runtime/expr/node.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "runtime/base/archive.h"
#include "runtime/base/hash.h"

namespace rankine::expr {
namespace {

template <class... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <class... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

// The parameters of an operation as bytes; operands are added by their hashes.
Bytes parameters_of(const Operation& operation) {
  return std::visit(
      Overloaded{
          [](const FromDataset& x) {
            // Of one that is put together the parts tell, not what its file is called from here.
            const io::Dataset& data = *x.dataset;
            return to_bytes(data.is_put_together() ? std::string() : data.file, data.path,
                            data.grid, data.parts_hash, data.conventions, data.decode);
          },
          [](const Full& x) { return to_bytes(x.value); },
          [](const Arange& x) { return to_bytes(x.start, x.step); },
          [](const Elementwise& x) { return to_bytes(x.op); },
          [](const Cast&) { return Bytes{}; },
          [](const Slice& x) { return to_bytes(x.start, x.step); },
          [](const View& x) { return to_bytes(x.axes); },
          [](const Reduce& x) { return to_bytes(x.spec, x.reduced); },
          [](const Concatenate& x) { return to_bytes(x.axis); },
          [](const Rechunk&) { return Bytes{}; },
          [](const Shift& x) { return to_bytes(x.offset); },
          [](const FromHeld& x) { return to_bytes(x.chunks->id()); },
          [](const MapBlocks& x) {
            return to_bytes(x.function.identity(), x.calls, x.axes, x.halo, x.trims, x.elementwise,
                            x.hidden, x.start, x.length, x.result_start, x.operand_start);
          },
          [](const CombineBlocks& x) {
            return to_bytes(x.function.identity(), x.reduced, x.start);
          },
      },
      operation);
}

// Everything that tells nodes apart; the place where they were written does not.
Bytes identity_of(const Node& node) {
  std::vector<std::uint64_t> operands;
  for (const NodePtr& operand : node.operands) operands.push_back(operand->hash);
  const Bytes parameters = parameters_of(node.operation);
  return to_bytes(static_cast<std::uint32_t>(node.operation.index()), node.dtype, node.grid,
                  node.dims, operands, hash_bytes(parameters));
}

struct Table {
  std::mutex mutex;
  std::unordered_map<std::uint64_t, std::weak_ptr<const Node>> nodes;
  std::size_t sweep_at = 1024;  // size at which dead entries are removed next
};

Table& table() {
  static Table instance;
  return instance;
}

void sweep(Table& all) {
  std::erase_if(all.nodes, [](const auto& entry) { return entry.second.expired(); });
  all.sweep_at = std::max<std::size_t>(1024, 2 * all.nodes.size());
}

}  // namespace

HeldChunks::HeldChunks(std::uint32_t graph, std::uint32_t slot, Extents order,
                       std::function<void()> release)
    : graph_(graph),
      slot_(slot),
      order_(std::move(order)),
      release_(std::move(release)) {
  static std::atomic<std::uint64_t> last{0};
  id_ = ++last;
}

std::string_view name_of(kernels::ReduceOp op) {
  constexpr std::string_view kNames[] = {"sum", "prod", "mean", "var", "std",
                                         "min", "max",  "any",  "all", "count"};
  return kNames[static_cast<std::size_t>(op)];
}

std::string name_of(const Node& node) {
  return std::visit(
      Overloaded{
          [](const FromDataset& x) { return "read " + x.dataset->path; },
          [](const Full&) { return std::string("full"); },
          [](const Arange&) { return std::string("arange"); },
          [](const Elementwise& x) { return std::string(kernels::name_of(x.op)); },
          [&](const Cast&) { return "astype " + std::string(rankine::name_of(node.dtype)); },
          [](const Slice&) { return std::string("slice"); },
          [](const View&) { return std::string("view"); },
          [](const Reduce& x) { return std::string(name_of(x.spec.op)); },
          [](const Concatenate&) { return std::string("concatenate"); },
          [](const Rechunk&) { return std::string("rechunk"); },
          [](const Shift&) { return std::string("shift"); },
          [](const FromHeld&) { return std::string("persisted"); },
          [](const MapBlocks& x) { return x.function.name; },
          [](const CombineBlocks& x) { return x.function.name; },
      },
      node.operation);
}

Node::~Node() {
  // The outermost destructor of a thread lets go of what all inner ones hand to it.
  thread_local std::vector<NodePtr>* released = nullptr;
  if (operands.empty()) return;
  if (released != nullptr) {
    for (NodePtr& operand : operands) released->push_back(std::move(operand));
    return;
  }
  std::vector<NodePtr> mine = std::move(operands);
  released = &mine;
  while (!mine.empty()) {
    const NodePtr last = std::move(mine.back());
    mine.pop_back();
  }
  released = nullptr;
}

NodePtr intern(Node node) {
  node.hash = hash_bytes(identity_of(node));
  Table& all = table();
  const std::lock_guard lock(all.mutex);
  if (auto found = all.nodes.find(node.hash); found != all.nodes.end()) {
    if (NodePtr live = found->second.lock()) return live;
  }
  auto fresh = std::make_shared<const Node>(std::move(node));
  all.nodes[fresh->hash] = fresh;
  if (all.nodes.size() > all.sweep_at) sweep(all);
  return fresh;
}

std::vector<NodePtr> topological_order(const std::vector<NodePtr>& roots) {
  std::vector<NodePtr> order;
  std::unordered_set<const Node*> seen;
  struct Frame {
    NodePtr node;
    std::size_t next = 0;
  };
  std::vector<Frame> stack;  // explicit: expressions may be deep
  for (const NodePtr& root : roots) {
    if (seen.insert(root.get()).second) stack.push_back({root});
    while (!stack.empty()) {
      Frame& top = stack.back();
      if (top.next < top.node->operands.size()) {
        NodePtr operand = top.node->operands[top.next++];
        if (seen.insert(operand.get()).second) stack.push_back({std::move(operand)});
      } else {
        order.push_back(top.node);
        stack.pop_back();
      }
    }
  }
  return order;
}

}  // namespace rankine::expr
