#include "runtime/kernels/evaluate.h"

#include <algorithm>
#include <string>

#include "runtime/base/error.h"
#include "runtime/kernels/tile_run.h"
#include "runtime/kernels/tiling.h"

namespace rankine::kernels {
namespace {

[[noreturn]] void misfit(const std::string& what) {
  throw usage_error("a program does not fit its task: " + what);
}

void check(const Program& program, const Extents& shape, std::span<const View> leaves,
           std::span<const Sink> sinks) {
  if (leaves.size() != static_cast<std::size_t>(program.leaf_count())) misfit("number of leaves");
  if (sinks.size() != program.outputs().size()) misfit("number of outputs");
  for (const View& leaf : leaves) {
    if (leaf.strides.size() != shape.size()) misfit("number of axes of a leaf");
  }
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    const auto* reduce = std::get_if<ReduceSink>(&sinks[i]);
    if (reduce == nullptr) continue;
    if (reduce->spec->input != program.output_dtype(static_cast<int>(i))) {
      misfit("type of a reduction");
    }
    if (shape.size() < 32 && reduce->reduced >> shape.size() != 0) misfit("axes of a reduction");
  }
}

bool folds(const Sink& sink) { return std::holds_alternative<ReduceSink>(sink); }

void run_pass(const Program& program, const Extents& shape, std::span<const View> leaves,
              std::span<const Sink> sinks, std::span<const std::size_t> chosen, Scratch& scratch) {
  std::uint32_t reduced = 0;
  bool any_fold = false;
  for (std::size_t i : chosen) {
    if (!folds(sinks[i])) continue;
    reduced = std::get<ReduceSink>(sinks[i]).reduced;
    any_fold = true;
  }
  const Walk walk(shape, leaves, reduced, any_fold);
  TileRun run(program, walk, leaves, sinks, chosen, scratch);
  run.walk_all();
}

}  // namespace

std::byte* Scratch::buffer(std::size_t index) {
  while (tiles_.size() <= index) tiles_.push_back(std::make_unique_for_overwrite<Tile>());
  return tiles_[index]->bytes;
}

std::size_t Scratch::bytes() const { return tiles_.size() * sizeof(Tile); }

std::size_t scratch_bytes(const Program& program) {
  return TileRun::buffer_count(program) * static_cast<std::size_t>(kTileElements) * 8;
}

void evaluate(const Program& program, const Extents& shape, std::span<const View> leaves,
              std::span<const Sink> sinks, Scratch& scratch) {
  check(program, shape, leaves, sinks);
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return;
  // Dense outputs go with the first pass.
  std::vector<bool> done(sinks.size(), false);
  std::vector<std::size_t> chosen;
  for (std::size_t first = 0; first < sinks.size(); ++first) {
    if (done[first] || !folds(sinks[first])) continue;
    const std::uint32_t reduced = std::get<ReduceSink>(sinks[first]).reduced;
    chosen.clear();
    for (std::size_t i = 0; i < sinks.size(); ++i) {
      const auto* fold = std::get_if<ReduceSink>(&sinks[i]);
      if (done[i] || (fold != nullptr && fold->reduced != reduced)) continue;
      chosen.push_back(i);
      done[i] = true;
    }
    run_pass(program, shape, leaves, sinks, chosen, scratch);
  }
  chosen.clear();
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    if (!done[i]) chosen.push_back(i);
  }
  if (!chosen.empty()) run_pass(program, shape, leaves, sinks, chosen, scratch);
}

}  // namespace rankine::kernels
