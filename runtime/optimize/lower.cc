#include "runtime/optimize/lower.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <unordered_map>

#include "runtime/base/config.h"
#include "runtime/optimize/map_builder.h"
#include "runtime/optimize/points.h"

namespace rankine::optimize {
namespace {

using expr::Node;
using expr::NodePtr;

std::string place_of(const Node& node) { return expr::to_string(node.location); }

// The value of a reduction over nothing: what an untouched state becomes.
Literal empty_reduction(const kernels::ReduceSpec& spec) {
  std::vector<std::byte> state(kernels::state_bytes(spec, 1));
  kernels::init_state(spec, 1, state.data());
  std::byte out[16] = {};
  kernels::finalize_state(spec, 1, state.data(), out);
  return visit_dtype(kernels::result_dtype(spec), [&](auto tag) {
    using T = typename decltype(tag)::type;
    T value;
    std::memcpy(&value, out, sizeof value);
    if constexpr (std::is_same_v<T, bool>) return Literal::of(value);
    if constexpr (std::is_integral_v<T>) return Literal::of(static_cast<std::int64_t>(value));
    return Literal::of(static_cast<double>(value));
  });
}

// A reduction along an axis of length 0: a constant, without tasks.
bool reduces_nothing(const Point& point) {
  const auto* reduce = point.target < 0 ? point.node->as<expr::Reduce>() : nullptr;
  if (reduce == nullptr) return false;
  for (std::size_t k = 0; k < reduce->reduced.size(); ++k) {
    if (reduce->reduced[k] != 0 && point.grid.axis(k).count() == 0) return true;
  }
  return false;
}

// Chunks along the reduced axes: the leaves of each tree.
std::int64_t reduced_chunks(const Point& point, const expr::Reduce& reduce) {
  std::int64_t chunks = 1;
  for (std::size_t k = 0; k < reduce.reduced.size(); ++k) {
    if (reduce.reduced[k] != 0) chunks *= point.grid.axis(k).count();
  }
  return chunks;
}

const expr::CombineBlocks* combination_of(const Point& point) {
  return point.target < 0 ? point.node->as<expr::CombineBlocks>() : nullptr;
}

// Tasks of a tree for each kept chunk.
std::int64_t tree_nodes(std::int64_t leaves, std::int64_t fan_in) {
  std::int64_t nodes = 0;
  for (std::int64_t width = leaves; width > 1;) {
    width = (width + fan_in - 1) / fan_in;
    nodes += width;
  }
  return nodes;
}

bool common_source(const Point& a, const Point& b) {
  return std::any_of(a.sources.begin(), a.sources.end(), [&](const Node* source) {
    return std::binary_search(b.sources.begin(), b.sources.end(), source);
  });
}

class Lowering {
 public:
  Lowering(const NumericPlan& plan, const LowerOptions& options)
      : plan_(plan),
        options_(options),
        points_(plan, options),
        graph_(std::make_shared<graph::Graph>()) {
    for (const Target& target : plan_.targets) declare(target);
  }

  std::shared_ptr<graph::Graph> run() {
    std::vector<bool> done(points_.all().size(), false);
    for (std::size_t i = 0; i < points_.all().size(); ++i) {
      if (done[i]) continue;
      std::vector<const Point*> group;
      const int depth = points_.all()[i].depth;
      for (std::size_t j = i; j < done.size() && points_.all()[j].depth == depth; ++j) {
        if (!done[j] && fits(points_.all()[i], points_.all()[j], i == j)) {
          group.push_back(&points_.all()[j]);
          done[j] = true;
        }
      }
      emit(group);
    }
    return graph_;
  }

 private:
  bool fits(const Point& first, const Point& other, bool same) const {
    if (same) return true;
    if (combination_of(first) != nullptr || combination_of(other) != nullptr) return false;
    return options_.fuse && other.grid == first.grid && other.steps == first.steps &&
           common_source(first, other);
  }

  std::optional<graph::Source> find(const Node& node) {
    if (const auto found = made_.find(&node); found != made_.end()) return found->second;
    if (const auto* data = node.as<expr::FromDataset>()) {
      return graph::FileData{dataset_index(*data->dataset)};
    }
    if (const auto* held = node.as<expr::FromHeld>()) return held_layer(node, *held);
    return std::nullopt;
  }

  // Producers come before consumers, and the layer that is being built is not in the graph yet.
  graph::LayerOutput held_layer(const Node& node, const expr::FromHeld& held) {
    const graph::LayerOutput output{static_cast<std::uint32_t>(graph_->layers.size()), 0};
    graph_->layers.push_back({expr::name_of(node), place_of(node),
                              graph::HeldArray{held.chunks->graph(), held.chunks->slot(), node.grid,
                                               node.dtype, held.chunks->order()}});
    made_.emplace(&node, output);
    return output;
  }

  std::uint32_t dataset_index(const io::Dataset& dataset) {
    for (std::uint32_t i = 0; i < graph_->datasets.size(); ++i) {
      const io::Dataset& known = graph_->datasets[i];
      if (known.file == dataset.file && known.path == dataset.path &&
          known.parts_hash == dataset.parts_hash && known.conventions == dataset.conventions) {
        return i;
      }
    }
    graph_->datasets.push_back(dataset);
    return static_cast<std::uint32_t>(graph_->datasets.size() - 1);
  }

  // A tree over states that are chunks of another point.
  void emit_combination(const Point& point, const expr::CombineBlocks& combine) {
    const NodePtr& states = point.node->operands[0];
    const auto* source = std::get_if<graph::LayerOutput>(&made_.at(states.get()));
    if (source == nullptr) throw std::logic_error("states that are no chunks");
    graph::Reduce tree{*source, {}, combine.reduced, states->grid, kReductionFanIn, std::nullopt};
    tree.combination = graph::Combination{combine.function, point.node->dtype, combine.start};
    graph_->layers.push_back({label_of(point), place_of(*point.node), std::move(tree)});
    made_.emplace(point.node.get(),
                  graph::LayerOutput{static_cast<std::uint32_t>(graph_->layers.size() - 1), 0});
  }

  void emit(const std::vector<const Point*>& group) {
    if (const auto* combine = combination_of(*group.front())) {
      return emit_combination(*group.front(), *combine);
    }
    MapBuilder builder(group.front()->grid, [this](const Node& node) { return find(node); });
    std::vector<const Point*> heads;
    std::string name;
    for (const Point* point : group) {
      if (constant_of(*point)) continue;
      builder.add(point->value, head_of(*point));
      heads.push_back(point);
      name += (name.empty() ? "" : " + ") + label_of(*point);
    }
    if (heads.empty()) return;
    graph::Map map = builder.finish();
    map.steps = group.front()->steps;
    const auto layer = static_cast<std::uint32_t>(graph_->layers.size());
    graph_->layers.push_back({name, place_of(*heads.front()->node), std::move(map)});
    for (std::uint32_t output = 0; output < heads.size(); ++output) {
      finish_point(*heads[output], {layer, output});
    }
  }

  // Users of a reduction of nothing find it as a constant.
  bool constant_of(const Point& point) {
    if (!reduces_nothing(point)) return false;
    const auto& spec = point.node->as<expr::Reduce>()->spec;
    made_.emplace(point.node.get(),
                  graph::Ramp{empty_reduction(spec), Literal::of(std::int64_t{0})});
    return true;
  }

  // Outputs and results are numbered in the order of the targets.
  void declare(const Target& target) {
    if (target.kept) {
      target_heads_.push_back(graph::Keep{});
      return;
    }
    if (target.held) {
      target_heads_.push_back(graph::Hold{held_++});
      return;
    }
    if (!target.output) {
      target_heads_.push_back(graph::Fetch{static_cast<std::uint32_t>(graph_->results.size())});
      graph_->results.push_back({target.node->dtype, target.node->shape()});
      return;
    }
    const auto number = static_cast<std::uint32_t>(graph_->outputs.size());
    io::OutputVariable variable = *target.output;
    const Extents counts = io::chunk_grid(variable).counts();
    const graph::LoggedAs whole{number, Extents(counts.size()), counts};
    target_heads_.push_back(graph::Store{number, target.part.value_or(whole)});
    variable.attributes.clear();
    variable.inline_data.reset();
    graph_->outputs.push_back(std::move(variable));
  }

  graph::Head head_of(const Point& point) {
    if (point.target >= 0) return target_heads_[point.target];
    if (const auto* reduce = point.node->as<expr::Reduce>()) {
      return graph::Partial{reduce->spec, reduce->reduced, reduced_chunks(point, *reduce) == 1};
    }
    return graph::Keep{};
  }

  void finish_point(const Point& point, graph::LayerOutput output) {
    if (point.target >= 0) {
      const Target& target = plan_.targets[point.target];
      if (target.kept || target.held) graph_->kept.emplace_back(point.target, output);
      return;
    }
    const graph::Map& map = std::get<graph::Map>(graph_->layers[output.layer].kind);
    const auto* partial = std::get_if<graph::Partial>(&map.heads[output.output]);
    if (partial != nullptr && !partial->complete) {
      graph::Reduce tree{output,
                         partial->spec,
                         partial->reduced,
                         map.grid,
                         plan_.folds.at(point.node.get()).fan_in,
                         std::nullopt};
      graph_->layers.push_back({label_of(point) + " tree", place_of(*point.node), std::move(tree)});
      output = {static_cast<std::uint32_t>(graph_->layers.size() - 1), 0};
    }
    made_.emplace(point.node.get(), output);
  }

  std::string label_of(const Point& point) const {
    if (point.target < 0) return expr::name_of(*point.node);
    const Target& target = plan_.targets[point.target];
    return target.output ? "store " + target.output->name
           : target.kept ? "keep"
           : target.held ? "persist"
                         : "fetch";
  }

  const NumericPlan& plan_;
  const LowerOptions& options_;
  Points points_;
  std::shared_ptr<graph::Graph> graph_;
  std::vector<graph::Head> target_heads_;
  std::uint32_t held_ = 0;  // slots given out
  std::unordered_map<const Node*, graph::Source> made_;
};

}  // namespace

std::shared_ptr<graph::Graph> lower(const NumericPlan& plan, const LowerOptions& options) {
  return Lowering(plan, options).run();
}

GraphSize unfused_size(const NumericPlan& plan) {
  LowerOptions apart;
  apart.fuse = false;
  GraphSize size;
  const Points points(plan, apart);
  for (const Point& point : points.all()) {
    if (reduces_nothing(point)) continue;
    const std::int64_t chunks = point.grid.chunk_count();
    ++size.layers;
    if (combination_of(point) != nullptr) {
      const std::int64_t states = point.node->operands[0]->grid.chunk_count();
      if (chunks > 0) size.tasks += chunks * tree_nodes(states / chunks, kReductionFanIn);
      continue;
    }
    size.tasks += chunks;
    const auto* reduce = point.target < 0 ? point.node->as<expr::Reduce>() : nullptr;
    const std::int64_t leaves = reduce == nullptr ? 1 : reduced_chunks(point, *reduce);
    if (leaves <= 1) continue;
    ++size.layers;
    const std::int64_t fan_in = plan.folds.at(point.node.get()).fan_in;
    size.tasks += chunks / leaves * tree_nodes(leaves, fan_in);
  }
  return size;
}

std::vector<NodePtr> shared_nodes(const NumericPlan& plan) {
  const Points points(plan, {});
  std::vector<NodePtr> roots;
  for (const Target& target : plan.targets) roots.push_back(target.node);
  std::unordered_map<const Node*, std::vector<const Point*>> users;
  for (const Point& point : points.all()) {
    for (const Node* node : points.computed_by(point)) users[node].push_back(&point);
  }
  // Points that end in one layer compute a node once.
  const auto shared = [&](const Node& node) {
    const auto found = users.find(&node);
    if (found == users.end()) return false;
    return std::any_of(found->second.begin(), found->second.end(), [&](const Point* point) {
      const Point& first = *found->second.front();
      return point->depth != first.depth || !(point->grid == first.grid) ||
             !(point->steps == first.steps);
    });
  };
  std::vector<NodePtr> result;
  NodeSet inside;  // operands of a shared node that are shared for no other reason
  const std::vector<NodePtr> order = expr::topological_order(roots);
  for (auto node = order.rbegin(); node != order.rend(); ++node) {
    if (!shared(**node) || (*node)->size() <= 1) continue;
    const bool only_renames = (*node)->as<expr::View>() || (*node)->as<expr::Slice>() ||
                              (*node)->as<expr::Rechunk>() || (*node)->as<expr::Full>() ||
                              (*node)->as<expr::Arange>() || (*node)->as<expr::FromHeld>();
    if (!only_renames && !inside.contains(node->get())) result.push_back(*node);
    if (only_renames) continue;
    for (const NodePtr& operand : (*node)->operands) {
      if (users[operand.get()].size() == users[node->get()].size()) inside.insert(operand.get());
    }
  }
  std::reverse(result.begin(), result.end());
  return result;
}

}  // namespace rankine::optimize
