#include "runtime/kernels/tile_run.h"

#include <algorithm>
#include <array>
#include <utility>

#include "runtime/base/stop_signals.h"
#include "runtime/kernels/convert.h"

namespace rankine::kernels {
namespace {

// Shorter rows are gathered into one run: a call per row would cost more than the copy.
constexpr std::int64_t kMinRow = 64;

std::int64_t size_in_bytes(DType dtype) { return static_cast<std::int64_t>(size_of(dtype)); }

}  // namespace

TileRun::TileRun(const Program& program, const Walk& walk, std::span<const View> leaves,
                 std::span<const Sink> sinks, std::span<const std::size_t> chosen, Scratch& scratch)
    : program_(program),
      walk_(walk),
      scratch_(scratch),
      leaves_(leaves),
      operands_(static_cast<std::size_t>(program.value_count())),
      leaf_data_(leaves.size()),
      extents_(walk.axes().size(), 0),
      dense_strides_(walk.axes().size(), 0) {
  std::vector<std::uint8_t> needed(operands_.size(), 0);
  for (std::size_t i : chosen) {
    const int value = program.outputs()[i];
    needed[static_cast<std::size_t>(value)] = 1;
    if (const auto* reduce = std::get_if<ReduceSink>(&sinks[i])) {
      folds_.push_back({reduce, value, find_fold(*reduce->spec)});
    } else {
      outputs_.push_back({value, std::get<DenseSink>(sinks[i]).data});
    }
  }
  for (int n = program.value_count(); n-- > 0;) {
    const Program::Value& value = program.value(n);
    if (needed[static_cast<std::size_t>(n)] == 0 || value.kind < Program::Kind::kCast) continue;
    Step step{.value = n, .arity = Program::argument_count(value)};
    for (int k = 0; k < step.arity; ++k) needed[value.arguments[static_cast<std::size_t>(k)]] = 1;
    for (const Dense& output : outputs_) {
      if (output.value == n) step.dense_sink = output.data;
    }
    steps_.push_back(step);
  }
  std::reverse(steps_.begin(), steps_.end());
}

void TileRun::walk_all() {
  const std::span<const WalkAxis> axes = walk_.axes();
  Extents origin(axes.size(), 0);
  for (;;) {
    if (StopSignals::received() != 0) throw stopped_by_signal();  // a chunk may take minutes
    begin_tile(origin);
    for (Step& step : steps_) run_step(step);
    for (const Dense& output : outputs_) write_dense(output);
    for (const Fold& one : folds_) fold(one, origin);
    std::size_t i = axes.size();
    for (; i-- > 0;) {
      origin[i] += axes[i].tile;
      if (origin[i] < axes[i].extent) break;
      origin[i] = 0;
    }
    if (i == std::size_t(-1)) break;
  }
  for (const Fold& one : folds_) {
    mark_seen(*one.sink->spec, walk_.kept_elements(), one.sink->state);
  }
}

void TileRun::begin_tile(const Extents& origin) {
  const std::span<const WalkAxis> axes = walk_.axes();
  elements_ = 1;
  width_ = 1;
  dense_offset_ = 0;
  for (std::size_t i = axes.size(); i-- > 0;) {
    extents_[i] = std::min(axes[i].tile, axes[i].extent - origin[i]);
    dense_strides_[i] = elements_;
    elements_ *= extents_[i];
    if (width_ == 1) width_ = extents_[i];
    dense_offset_ += origin[i] * axes[i].dense_stride;
  }
  for (std::size_t leaf = 0; leaf < leaves_.size(); ++leaf) {
    leaf_data_[leaf] = leaves_[leaf].data;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      leaf_data_[leaf] += origin[i] * walk_.leaf_stride(leaf, i);
    }
  }
  std::fill(operands_.begin(), operands_.end(), Operand{});
}

const Operand& TileRun::operand(int number) {
  Operand& result = operands_[static_cast<std::size_t>(number)];
  if (result.layout != Operand::Layout::kNone) return result;
  const Program::Value& value = program_.value(number);
  if (value.kind == Program::Kind::kConstant) {
    result = {Operand::Layout::kSplat, reinterpret_cast<const std::byte*>(&value.bits), 0};
  } else {
    result = leaf_operand(value.bits, size_of(value.dtype));
  }
  return result;
}

const Operand& TileRun::spread_rows(int number) {
  operand(number);
  Operand& result = operands_[static_cast<std::size_t>(number)];
  if (result.layout == Operand::Layout::kRowSplat) {
    result = gather(program_.value(number).bits, size_of(program_.dtype(number)));
  }
  return result;
}

Operand TileRun::leaf_operand(std::size_t leaf, std::size_t size) {
  const auto bytes = static_cast<std::int64_t>(size);
  bool splat = true, dense = true, even_rows = width_ >= kMinRow;
  std::int64_t in_row = bytes, row_stride = 0;
  for (std::size_t i = extents_.size(); i-- > 0;) {
    if (extents_[i] == 1) continue;
    const std::int64_t stride = walk_.leaf_stride(leaf, i);
    splat = splat && stride == 0;
    dense = dense && stride == bytes * dense_strides_[i];
    if (dense_strides_[i] == 1) in_row = stride;
    if (dense_strides_[i] == width_) row_stride = stride;
    if (dense_strides_[i] > width_) {
      even_rows = even_rows && stride == row_stride * (dense_strides_[i] / width_);
    }
  }
  const std::byte* data = leaf_data_[leaf];
  if (splat) return {Operand::Layout::kSplat, data, 0};
  if (dense) return {Operand::Layout::kDense, data, 0};
  if (even_rows && in_row == bytes) return {Operand::Layout::kRows, data, row_stride};
  if (even_rows && in_row == 0) return {Operand::Layout::kRowSplat, data, row_stride};
  return gather(leaf, size);
}

Operand TileRun::gather(std::size_t leaf, std::size_t size) {
  Extents from(extents_.size(), 0), to(extents_.size(), 0);
  for (std::size_t i = 0; i < extents_.size(); ++i) {
    from[i] = walk_.leaf_stride(leaf, i);
    to[i] = dense_strides_[i] * static_cast<std::int64_t>(size);
  }
  std::byte* buffer = scratch_.buffer(static_cast<std::size_t>(program_.slot_count()) + leaf);
  copy_strided(size, extents_, leaf_data_[leaf], from, buffer, to);
  return {Operand::Layout::kDense, buffer, 0};
}

Loop TileRun::loop_for(Step& step, unsigned splat) const {
  if (step.splat != splat) {
    const Program::Value& value = program_.value(step.value);
    step.splat = splat;
    step.loop = value.kind == Program::Kind::kCast
                    ? find_cast_loop(program_.dtype(value.arguments[0]), value.dtype)
                    : find_loop(value.op, value.compute, splat);
  }
  return step.loop;
}

// Straight into the dense sink where the tile is one run of it.
std::byte* TileRun::destination(const Step& step, bool all_splat) {
  if (step.dense_sink != nullptr && !all_splat && dense_in_sink()) {
    return step.dense_sink + dense_offset_ * size_in_bytes(program_.dtype(step.value));
  }
  return scratch_.buffer(static_cast<std::size_t>(program_.slot(step.value)));
}

void TileRun::run_step(Step& step) {
  const Program::Value& value = program_.value(step.value);
  std::array<Operand, 3> arguments;
  const unsigned all = (1u << step.arity) - 1;
  unsigned splat = 0;   // one element for the tile
  unsigned spread = 0;  // one element for the tile or the row
  for (int k = 0; k < step.arity; ++k) {
    const auto index = static_cast<std::size_t>(k);
    arguments[index] = operand(value.arguments[index]);
    if (arguments[index].layout == Operand::Layout::kSplat) splat |= 1u << k;
    if (arguments[index].layout >= Operand::Layout::kRowSplat) spread |= 1u << k;
  }
  const auto used = std::span(arguments).first(static_cast<std::size_t>(step.arity));
  std::byte* out = destination(step, splat == all);
  Operand& result = operands_[static_cast<std::size_t>(step.value)];
  if (splat == all) {
    std::array<const std::byte*, 3> data{};
    for (std::size_t k = 0; k < used.size(); ++k) data[k] = used[k].data;
    loop_for(step, 0)(1, data.data(), out);
    result = {Operand::Layout::kSplat, out, 0};
    return;
  }
  if (spread == all) {
    for (std::size_t k = 0; k < used.size(); ++k) used[k] = spread_rows(value.arguments[k]);
    spread = splat;
  }
  loop_for(step, spread);
  run_loop(step, used, out);
  result = {Operand::Layout::kDense, out, 0};
}

void TileRun::run_loop(const Step& step, std::span<const Operand> arguments, std::byte* out) {
  const Program::Value& value = program_.value(step.value);
  std::array<const std::byte*, 3> data{};
  std::array<std::int64_t, 3> advance{};  // bytes from row to row
  bool by_rows = false;
  for (std::size_t k = 0; k < arguments.size(); ++k) {
    data[k] = arguments[k].data;
    advance[k] = arguments[k].row_stride;
    if (arguments[k].layout == Operand::Layout::kDense) {
      advance[k] = width_ * size_in_bytes(program_.dtype(value.arguments[k]));
    }
    by_rows = by_rows || arguments[k].layout == Operand::Layout::kRows ||
              arguments[k].layout == Operand::Layout::kRowSplat;
  }
  if (!by_rows) return step.loop(elements_, data.data(), out);
  for (std::int64_t done = 0; done < elements_; done += width_) {
    step.loop(width_, data.data(), out);
    out += width_ * size_in_bytes(value.dtype);
    for (std::size_t k = 0; k < arguments.size(); ++k) data[k] += advance[k];
  }
}

bool TileRun::dense_in_sink() const {
  for (std::size_t i = 0; i < extents_.size(); ++i) {
    if (extents_[i] > 1 && dense_strides_[i] != walk_.axes()[i].dense_stride) return false;
  }
  return true;
}

Extents TileRun::strides_of(DType dtype, const Operand& values) const {
  const std::int64_t size = size_in_bytes(dtype);
  Extents strides(extents_.size(), 0);
  for (std::size_t i = 0; i < extents_.size(); ++i) {
    if (values.layout == Operand::Layout::kSplat) break;
    strides[i] = dense_strides_[i] * size;
    if (values.layout == Operand::Layout::kRows && dense_strides_[i] >= width_) {
      strides[i] = dense_strides_[i] / width_ * values.row_stride;
    }
  }
  return strides;
}

void TileRun::write_dense(const Dense& dense) {
  const Operand& values = spread_rows(dense.value);
  const DType dtype = program_.dtype(dense.value);
  std::byte* target = dense.data + dense_offset_ * size_in_bytes(dtype);
  if (values.data == target) return;
  Extents to(extents_.size(), 0);
  for (std::size_t i = 0; i < to.size(); ++i) {
    to[i] = walk_.axes()[i].dense_stride * size_in_bytes(dtype);
  }
  copy_strided(size_of(dtype), extents_, values.data, strides_of(dtype, values), target, to);
}

Operand TileRun::converted(const Operand& values, DType from, DType to) {
  const std::ptrdiff_t size = size_in_bytes(from), to_size = size_in_bytes(to);
  std::byte* out = scratch_.buffer(buffer_count(program_) - 2);
  if (values.layout == Operand::Layout::kSplat) {
    convert(from, to, 1, values.data, 0, out, 0);
    return {Operand::Layout::kSplat, out, 0};
  }
  const bool rows = values.layout == Operand::Layout::kRows;
  const std::int64_t length = rows ? width_ : elements_;
  for (std::int64_t done = 0; done < elements_; done += length) {
    convert(from, to, length, values.data + done / length * values.row_stride, size,
            out + done * to_size, to_size);
  }
  return {Operand::Layout::kDense, out, 0};
}

void TileRun::fold(const Fold& fold, const Extents& origin) {
  const DType given = program_.dtype(fold.value), dtype = folded_dtype(*fold.sink->spec);
  Operand values = spread_rows(fold.value);
  if (given != dtype) values = converted(values, given, dtype);
  const std::size_t last = extents_.size() - 1;
  FoldTile tile{.spec = fold.sink->spec,
                .data = values.data,
                .extents = extents_,
                .data_strides = strides_of(dtype, values),
                .state_strides = extents_,
                .group = static_cast<std::size_t>(walk_.group()),
                .state = fold.sink->state,
                .elements = walk_.kept_elements()};
  if (values.layout == Operand::Layout::kSplat && extents_[last] > 1) {
    std::byte* row = scratch_.buffer(buffer_count(program_) - 1);
    const std::int64_t size = size_in_bytes(dtype);
    copy_strided(size_of(dtype), {extents_[last]}, values.data, {0}, row, {size});
    tile.data = row;
    tile.data_strides[last] = size;
  }
  for (std::size_t i = 0; i <= last; ++i) {
    tile.state_strides[i] = walk_.axes()[i].state_stride;
    tile.first += origin[i] * walk_.axes()[i].state_stride;
  }
  fold.loop(tile);
}

}  // namespace rankine::kernels
