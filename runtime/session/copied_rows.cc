#include "runtime/session/copied_rows.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "io/probe.h"

namespace rankine::session {
namespace {

// Elements along the first axis that lie in one data set: [start, start + count) of it.
struct Piece {
  const expr::FromDataset* leaf;
  std::int64_t start = 0;
  std::int64_t count = 0;
};
using Pieces = std::vector<Piece>;

// Whether a slice takes a range of the first axis, and all of the others.
bool cuts_first_axis(const expr::Node& node, const expr::Slice& slice) {
  const Extents whole = node.operands[0]->shape();
  for (std::size_t k = 0; k < whole.size(); ++k) {
    if (slice.step[k] != 1) return false;
    if (k > 0 && (slice.start[k] != 0 || node.shape()[k] != whole[k])) return false;
  }
  return true;
}

Pieces clipped(const Pieces& all, std::int64_t start, std::int64_t count) {
  Pieces result;
  std::int64_t at = 0;  // of the piece, along the axis
  for (const Piece& piece : all) {
    const std::int64_t lo = std::max(start, at), hi = std::min(start + count, at + piece.count);
    if (lo < hi) result.push_back({piece.leaf, piece.start + lo - at, hi - lo});
    at += piece.count;
  }
  return result;
}

// What the array is put together from along its first axis; nothing if it is anything else.
// Expressions of copies are flat: a slice of a concatenation of data sets.
std::optional<Pieces> pieces_of(const expr::Node& node) {
  if (const auto* leaf = node.as<expr::FromDataset>()) {
    if (leaf->dataset->conventions) return std::nullopt;
    return Pieces{{leaf, 0, node.shape()[0]}};
  }
  const auto* slice = node.as<expr::Slice>();
  if (slice != nullptr && cuts_first_axis(node, *slice)) {
    const auto all = pieces_of(*node.operands[0]);
    if (!all) return std::nullopt;
    return clipped(*all, slice->start[0], node.shape()[0]);
  }
  const auto* joined = node.as<expr::Concatenate>();
  if (joined == nullptr || joined->axis != 0) return std::nullopt;
  Pieces all;
  for (const expr::NodePtr& operand : node.operands) {
    const auto some = pieces_of(*operand);
    if (!some) return std::nullopt;
    all.insert(all.end(), some->begin(), some->end());
  }
  return all;
}

bool same_filters(const io::Dataset& dataset, const io::OutputVariable& variable) {
  const io::FilterSteps steps = io::filters_of(variable);
  const auto same = [](const io::FilterStep& step, const io::Filter& filter) {
    return step.id == filter.id && std::ranges::equal(step.parameters(), filter.parameters);
  };
  return std::equal(steps.begin(), steps.end(), dataset.filters.begin(), dataset.filters.end(),
                    same);
}

// What is missing is stored as the output says: a NaN that stands for it is not.
bool same_fill(const expr::FromDataset& leaf, const io::OutputVariable& variable) {
  if (!is_float(variable.dtype) || !variable.fill) return true;
  const io::Variable& stored = io::find_variable(*leaf.file, leaf.dataset->path);
  const io::Attribute* own = stored.attribute("_FillValue");
  const auto* fill = own == nullptr ? nullptr : std::get_if<io::Numbers>(&own->value);
  return fill != nullptr && fill->dtype == variable.dtype && fill->bytes == variable.fill->bytes;
}

// Whether its chunks, where they lie right, are chunks of the output.
bool stored_alike(const expr::FromDataset& leaf, const io::OutputVariable& variable) {
  const io::Dataset& dataset = *leaf.dataset;
  return dataset.layout == io::Layout::kChunked && dataset.direct && !dataset.raw_edge_chunks &&
         !dataset.big_endian && dataset.stored == variable.dtype &&
         dataset.stored != DType::kBool && dataset.element.is_number() && !dataset.element.half &&
         dataset.chunk == variable.chunk && same_filters(dataset, variable) &&
         same_fill(leaf, variable);
}

// By data set: one child reads them all.
using Indexes = std::map<const io::Dataset*, io::ChunkIndex>;

Indexes read_indexes(const Pieces& pieces, const io::OutputVariable& variable) {
  Indexes indexes;
  for (const Piece& piece : pieces) {
    if (stored_alike(*piece.leaf, variable)) indexes.try_emplace(piece.leaf->dataset.get());
  }
  std::vector<io::Place> places;
  for (const auto& [dataset, index] : indexes) places.push_back({dataset->file, dataset->path});
  if (places.empty()) return indexes;
  auto found = io::probe_indexes(places);
  std::size_t next = 0;
  for (auto& [dataset, index] : indexes) index = std::move(found[next++]);
  return indexes;
}

class Rows {
 public:
  Rows(const io::OutputVariable& variable, const Pieces& pieces,
       std::vector<io::CopiedInput>& inputs)
      : variable_(variable),
        inputs_(inputs),
        indexes_(read_indexes(pieces, variable)),
        counts_(io::chunk_grid(variable).counts()),
        row_chunks_(volume(Extents(counts_.begin() + 1, counts_.end()))) {}

  // at: where the piece begins in the output.
  void add(const Piece& piece, std::int64_t at) {
    const io::Dataset& dataset = *piece.leaf->dataset;
    const std::int64_t length = variable_.chunk[0];
    const std::int64_t end = at + piece.count;
    if (!stored_alike(*piece.leaf, variable_) || (piece.start - at) % length != 0) return;
    const std::int64_t first = (at + length - 1) / length;
    // A last chunk that is not full is the last one of both: behind its end lies nothing.
    const bool ends_both =
        end == variable_.shape[0] && piece.start + piece.count == dataset.shape[0];
    const std::int64_t last = ends_both ? counts_[0] : end / length;
    if (first >= last) return;
    const io::ChunkIndex& index = indexes_.at(&dataset);
    const std::int64_t shift = (piece.start - at) / length;  // from rows of the output to its own
    const std::size_t input = input_of(dataset);
    for (std::int64_t row = first; row < last; ++row) add_row(index, row, shift, input);
  }

  std::vector<CopiedRows> take() { return std::move(runs_); }

 private:
  void add_row(const io::ChunkIndex& index, std::int64_t row, std::int64_t shift,
               std::size_t input) {
    const auto begin = index.begin() + (row + shift) * row_chunks_;
    const bool there = std::all_of(begin, begin + row_chunks_, [](const io::ChunkExtent& extent) {
      return extent.address != io::ChunkExtent::kMissing && extent.size > 0;
    });
    if (!there) return;
    if (runs_.empty() || runs_.back().first + runs_.back().rows != row)
      runs_.push_back({row, 0, {}});
    CopiedRows& run = runs_.back();
    for (std::int64_t i = 0; i < row_chunks_; ++i) {
      const io::ChunkExtent& extent = *(begin + i);
      io::LogRecord record;
      record.filter_mask = extent.filter_mask;
      record.chunk = row * row_chunks_ + i;
      record.offset = extent.address;
      record.size = extent.size;
      run.records.emplace_back(input, record);
    }
    ++run.rows;
  }

  std::size_t input_of(const io::Dataset& dataset) {
    const auto known = std::ranges::find(inputs_, dataset.file, &io::CopiedInput::path);
    const auto number = static_cast<std::size_t>(known - inputs_.begin());
    if (known == inputs_.end()) {
      inputs_.push_back({dataset.file, dataset.file_size, dataset.file_mtime_ns, {}});
    }
    return number;
  }

  const io::OutputVariable& variable_;
  std::vector<io::CopiedInput>& inputs_;
  const Indexes indexes_;
  const Extents counts_;
  const std::int64_t row_chunks_;
  std::vector<CopiedRows> runs_;
};

}  // namespace

std::vector<CopiedRows> copied_rows(const expr::NodePtr& array, const io::OutputVariable& variable,
                                    std::vector<io::CopiedInput>& inputs) {
  const auto pieces = pieces_of(*array);
  if (!pieces || volume(variable.shape) == 0) return {};
  Rows rows(variable, *pieces, inputs);
  std::int64_t at = 0;
  for (const Piece& piece : *pieces) {
    rows.add(piece, at);
    at += piece.count;
  }
  return rows.take();
}

}  // namespace rankine::session
