#include "runtime/worker/executor.h"

#include <cstring>
#include <optional>

#include "runtime/base/clock.h"
#include "runtime/graph/story.h"
#include "runtime/kernels/convert.h"
#include "runtime/worker/task_steps.h"

namespace rankine::worker {
namespace {

using graph::ChunkId;
using graph::Head;
using graph::Partial;
using graph::TaskId;

std::uint32_t reduced_mask(const Extents& reduced) {
  std::uint32_t mask = 0;
  for (std::size_t k = 0; k < reduced.size(); ++k) {
    if (reduced[k] != 0) mask |= std::uint32_t{1} << k;
  }
  return mask;
}

std::int64_t kept_elements(const Box& box, const Extents& reduced) {
  std::int64_t kept = 1;
  for (std::size_t k = 0; k < box.rank(); ++k) {
    if (reduced[k] == 0) kept *= box.hi[k] - box.lo[k];
  }
  return kept;
}

// The call whose result is all that the task hands over, as it is.
const graph::CallResult* only_result(const graph::Map& map) {
  if (map.calls.empty() || map.heads.size() != 1 || map.program.value_count() != 1) return nullptr;
  if (std::holds_alternative<Partial>(map.heads[0])) return nullptr;
  return std::get_if<graph::CallResult>(&map.leaves[0].source);
}

}  // namespace

TaskTimes& TaskTimes::operator+=(const TaskTimes& other) {
  load_s += other.load_s;
  compute_s += other.compute_s;
  compress_s += other.compress_s;
  write_s += other.write_s;
  return *this;
}

Executor::Executor(const graph::Topology& topology, std::uint32_t graph_number,
                   const std::vector<std::unique_ptr<io::DatasetReader>>& readers,
                   const UserTasks* user_tasks, const GraphJournal* journal,
                   std::vector<std::vector<std::byte>>& results, HeldStore& held, Pool& pool,
                   ReadAhead* ahead)
    : topology_(topology),
      graph_number_(graph_number),
      readers_(readers),
      user_tasks_(user_tasks),
      journal_(journal),
      results_(results),
      held_(held),
      pool_(pool),
      ahead_(ahead) {}

void Executor::run(const TaskId& task, const FindChunk& find_chunk, TaskContext& context,
                   bool away) const {
  try {
    if (journal_ == nullptr) return run_anew(task, find_chunk, context, away);
    const Stopwatch load;
    const bool taken_over = journal_->take_over(task, pool_, context.outputs);
    context.times.load_s += load.seconds();
    if (taken_over) return;
    const Stopwatch work;
    run_anew(task, find_chunk, context, away);
    const double seconds = work.seconds();
    const Stopwatch write;
    journal_->keep_states(task, context.outputs, seconds);
    context.times.write_s += write.seconds();
  } catch (Error& error) {
    if (error.task_story.empty()) error.task_story = story(task);
    throw;
  }
}

void Executor::run_anew(const TaskId& task, const FindChunk& find_chunk, TaskContext& context,
                        bool away) const {
  const graph::Kind& kind = topology_.graph().layers[task.layer].kind;
  if (const auto* map = std::get_if<graph::Map>(&kind)) {
    return run_map(task, *map, find_chunk, context);
  }
  if (const auto* reduce = std::get_if<graph::Reduce>(&kind)) {
    return run_reduce(task, *reduce, find_chunk, context);
  }
  if (const auto* some = std::get_if<graph::Collect>(&kind)) {
    return collect(task, *some, find_chunk);
  }
  if (const auto* some = std::get_if<graph::GridCollect>(&kind)) {
    return collect(task, *some, find_chunk);
  }
  return run_user(task, find_chunk, context, away);
}

std::string Executor::story(const TaskId& task) const { return graph::story_of(topology_, task); }

void Executor::run_user(const TaskId& task, const FindChunk& find_chunk, TaskContext& context,
                        bool away) const {
  const Stopwatch compute;
  SharedBuffer result = user_tasks_->run(task, find_chunk, context.user, pool_);
  context.times.compute_s += compute.seconds();
  const auto* tasks = std::get_if<graph::Explicit>(&topology_.graph().layers[task.layer].kind);
  if (tasks != nullptr && tasks->holds_results && !away) {
    held_.put({graph_number_, HeldName::kTaskSlot, task.position}, result);
  }
  context.outputs.push_back({{task.layer, 0, task.position}, std::move(result)});
}

void Executor::collect(const TaskId& task, const graph::Collect& collect,
                       const FindChunk& find_chunk) const {
  const ChunkId chunk{collect.layer, 0, collect.tasks[task.position]};
  const HeldChunk& held = find_chunk(chunk);
  const auto bytes = std::as_const(*held.buffer).bytes();
  results_[collect.first_result + static_cast<std::size_t>(task.position)].assign(bytes.begin(),
                                                                                  bytes.end());
}

void Executor::run_calls(const TaskId& task, const graph::Map& map, const Box& step,
                         LoadSources& sources, TaskContext& context) const {
  if (map.calls.empty()) return;
  const CallScratch scratch{context.scratch, context.read_scratch, context.read_stats,
                            context.times.load_s, context.times.compute_s};
  user_tasks_->blocks().run(task, step, sources, scratch);
}

void Executor::collect(const TaskId& task, const graph::GridCollect& collect,
                       const FindChunk& find_chunk) const {
  const HeldChunk& held = find_chunk({collect.layer, 0, topology_.collected_position(task)});
  const auto bytes = std::as_const(*held.buffer).bytes();
  const auto index = static_cast<std::size_t>(task.position);
  if (collect.item_bytes == 0) {
    results_[collect.first_result + index].assign(bytes.begin(), bytes.end());
    return;
  }
  const auto item = static_cast<std::size_t>(collect.item_bytes);
  if (bytes.size() != item) {
    throw Error(ExitCode::kTaskFailed, "a result of a grid has another length than its type");
  }
  std::copy(bytes.begin(), bytes.end(),
            results_[collect.first_result].begin() + static_cast<std::ptrdiff_t>(index * item));
}

void Executor::run_map(const TaskId& task, const graph::Map& map, const FindChunk& find_chunk,
                       TaskContext& context) const {
  const Box box = map.grid.chunk_box(coordinate_of(task.position, topology_.counts(task.layer)));
  std::vector<SharedBuffer> made;
  const graph::CallResult* result = only_result(map);
  for (std::size_t i = 0; i < map.heads.size() && result == nullptr; ++i) {
    if (const auto* partial = std::get_if<Partial>(&map.heads[i])) {
      const std::int64_t kept = kept_elements(box, partial->reduced);
      made.push_back(pool_.allocate_shared(kernels::state_bytes(partial->spec, kept)));
      kernels::init_state(partial->spec, kept, made.back()->data());
    } else {
      made.push_back(pool_.allocate_shared(static_cast<std::size_t>(box.size()) *
                                           size_of(map.program.output_dtype(static_cast<int>(i)))));
    }
  }
  LoadSources sources{topology_, readers_, find_chunk, pool_};
  const std::vector<Box> steps = steps_of(map, box);
  for (std::size_t k = 0; k < steps.size(); ++k) {
    const Box& step = steps[k];
    if (ahead_ != nullptr) ahead_->before(task, steps, k, context.read_stats);
    run_calls(task, map, step, sources, context);
    if (result != nullptr) {
      made.push_back(sources.made[result->call].buffer);
      break;
    }
    const Stopwatch load;
    std::vector<LoadedLeaf> leaves;
    std::vector<kernels::View> views;
    for (const graph::Leaf& leaf : map.leaves) {
      if (leaf.call >= 0) break;  // those of the calls come last
      leaves.push_back(load_leaf(leaf, step, sources, context.read_scratch, context.read_stats));
      views.push_back(leaves.back().view);
    }
    context.times.load_s += load.seconds();
    std::vector<kernels::Sink> sinks;
    for (std::size_t i = 0; i < map.heads.size(); ++i) {
      if (const auto* partial = std::get_if<Partial>(&map.heads[i])) {
        sinks.push_back(
            kernels::ReduceSink{&partial->spec, reduced_mask(partial->reduced), made[i]->data()});
      } else {
        sinks.push_back(kernels::DenseSink{made[i]->data()});
      }
    }
    const Stopwatch compute;
    kernels::evaluate(map.program, step.shape(), views, sinks, context.scratch);
    context.times.compute_s += compute.seconds();
  }
  for (std::uint32_t i = 0; i < map.heads.size(); ++i) {
    const auto* partial = std::get_if<Partial>(&map.heads[i]);
    if (partial != nullptr && partial->complete) {
      const std::int64_t kept = kept_elements(box, partial->reduced);
      SharedBuffer value = pool_.allocate_shared(static_cast<std::size_t>(kept) *
                                                 size_of(kernels::result_dtype(partial->spec)));
      kernels::finalize_state(partial->spec, kept, made[i]->data(), value->data());
      made[i] = std::move(value);
    }
    if (partial != nullptr || std::holds_alternative<graph::Keep>(map.heads[i])) {
      context.outputs.push_back({{task.layer, i, task.position}, std::move(made[i])});
    } else {
      hand_over(task, map.heads[i], box, map.program.output_dtype(static_cast<int>(i)), made[i],
                context);
    }
  }
}

void Executor::hand_over(const TaskId& task, const Head& head, const Box& box, DType dtype,
                         const SharedBuffer& dense, TaskContext& context) const {
  if (const auto* hold = std::get_if<graph::Hold>(&head)) {
    held_.put({graph_number_, hold->slot, task.position}, dense);
    return;
  }
  if (const auto* store = std::get_if<graph::Store>(&head)) {
    const io::OutputVariable& variable = topology_.graph().outputs[store->variable];
    const std::int64_t chunk = plan::logged_chunk(topology_, task, *store);
    if (journal_->is_stored(task, store->logged.variable, chunk)) return;
    const Stopwatch compress;
    io::encode_chunk(variable, box, dense->data(), context.encode_scratch, context.encoded);
    context.times.compress_s += compress.seconds();
    const Stopwatch write;
    journal_->store(store->logged.variable, chunk, context.encoded);
    context.times.write_s += write.seconds();
    return;
  }
  const auto result = std::get<graph::Fetch>(head).result;
  kernels::copy_overlap(size_of(dtype), box, dense->data(),
                        Box::whole(topology_.graph().results[result].shape),
                        results_[result].data());
}

// The states of the inputs, left to right in the order of the tree: the order fixes the bits.
void Executor::run_reduce(const TaskId& task, const graph::Reduce& reduce,
                          const FindChunk& find_chunk, TaskContext& context) const {
  const Stopwatch compute;
  const graph::Reduction& tree = topology_.reduction(task.layer);
  const Extents kept = coordinate_of(task.position / tree.nodes(), tree.kept_grid.counts());
  const std::int64_t elements = tree.kept_grid.chunk_box(kept).size();
  SharedBuffer state =
      pool_.allocate_shared(static_cast<std::size_t>(reduce.state_bytes(elements)));
  bool first = true;
  topology_.for_each_input(task, [&](const ChunkId& chunk) {
    Buffer* const input = find_chunk(chunk).buffer.get();
    if (first) {
      std::memcpy(state->data(), input->data(), state->size());
    } else if (reduce.combination) {
      user_tasks_->blocks().combine(task.layer, tree.kept_grid.chunk_box(kept), state->data(),
                                    input->data());
    } else {
      kernels::combine_states(reduce.spec, elements, state->data(), input->data());
    }
    first = false;
  });
  if (!reduce.combination && task.position % tree.nodes() == tree.nodes() - 1) {
    SharedBuffer value = pool_.allocate_shared(static_cast<std::size_t>(elements) *
                                               size_of(kernels::result_dtype(reduce.spec)));
    kernels::finalize_state(reduce.spec, elements, state->data(), value->data());
    state = std::move(value);
  }
  context.times.compute_s += compute.seconds();
  context.outputs.push_back({{task.layer, 0, task.position}, std::move(state)});
}

}  // namespace rankine::worker
