#include "runtime/api/output_copy.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "io/dataset.h"
#include "runtime/api/output_source.h"

namespace rankine::api {
namespace {

const io::Numbers* numbers_of(const io::Variable& variable, const std::string& name) {
  const io::Attribute* attribute = variable.attribute(name);
  return attribute == nullptr ? nullptr : std::get_if<io::Numbers>(&attribute->value);
}

bool is_packed(const io::Variable& variable) {
  return numbers_of(variable, "scale_factor") != nullptr ||
         numbers_of(variable, "add_offset") != nullptr ||
         variable.attribute("_Unsigned") != nullptr;
}

bool means_the_same(const io::Variable& a, const io::Variable& b) {
  return a.text("units") == b.text("units") && a.text("calendar") == b.text("calendar");
}

bool is_whole(const AxisSegments& axis, std::int64_t length) {
  return axis.size() == 1 && axis[0].start == 0 && axis[0].step == 1 && axis[0].count == length;
}

bool fits(const AxisSegment& segment, std::int64_t length) {
  if (segment.count == 0) return true;
  const std::int64_t last = segment.start + (segment.count - 1) * segment.step;
  return std::min(segment.start, last) >= 0 && std::max(segment.start, last) < length;
}

// The axis that is put together from several segments or lies in another file; 0 if none does.
// Empty if the pieces cannot be named by one file each.
std::optional<std::size_t> joined_axis(const io::FileInfo& file, const io::Variable& variable,
                                       const std::vector<AxisSegments>& axes) {
  std::size_t joined = 0;
  int several = 0;
  bool elsewhere = false;
  for (std::size_t k = 0; k < axes.size(); ++k) {
    const bool other = std::ranges::any_of(
        axes[k], [&](const AxisSegment& s) { return s.file->path != file.path; });
    if (!other && axes[k].size() == 1) continue;
    joined = k;
    ++several;
    elsewhere = elsewhere || other;
  }
  if (several > 1) return std::nullopt;
  for (std::size_t k = 0; elsewhere && k < axes.size(); ++k) {
    // A part of an axis here need not be the same part there.
    if (k != joined && !is_whole(axes[k], variable.shape[k])) return std::nullopt;
  }
  return joined;
}

// `left` elements of a, then `right` of b, `outer` times.
template <class T>
std::vector<T> interleaved(const std::vector<T>& a, const std::vector<T>& b, std::size_t outer,
                           std::size_t left, std::size_t right) {
  std::vector<T> result;
  result.reserve(a.size() + b.size());
  for (std::size_t i = 0; i < outer; ++i) {
    const auto from_a = a.begin() + static_cast<std::ptrdiff_t>(i * left);
    const auto from_b = b.begin() + static_cast<std::ptrdiff_t>(i * right);
    result.insert(result.end(), from_a, from_a + static_cast<std::ptrdiff_t>(left));
    result.insert(result.end(), from_b, from_b + static_cast<std::ptrdiff_t>(right));
  }
  return result;
}

// Appends `piece` to `all` along an axis; the other lengths agree.
void join(SourceArray& all, const SourceArray& piece, std::size_t axis) {
  std::size_t inner = all.texts ? 1 : size_of(all.dtype);
  std::size_t outer = 1;
  for (std::size_t k = 0; k < all.shape.size(); ++k) {
    if (k < axis) outer *= static_cast<std::size_t>(all.shape[k]);
    if (k > axis) inner *= static_cast<std::size_t>(all.shape[k]);
  }
  const std::size_t left = inner * static_cast<std::size_t>(all.shape[axis]);
  const std::size_t right = inner * static_cast<std::size_t>(piece.shape[axis]);
  if (all.texts) {
    all.texts->values = interleaved(all.texts->values, piece.texts->values, outer, left, right);
  } else {
    all.bytes = interleaved(all.bytes, piece.bytes, outer, left, right);
  }
  all.shape[axis] += piece.shape[axis];
}

// The variable of a segment's file that stands for `variable`; nullptr if none does.
const io::Variable* counterpart(const AxisSegment& segment, const io::Variable& variable,
                                std::size_t axis) {
  const io::Variable* there = segment.file->variable(variable.path);
  if (there == nullptr || there->shape.size() != variable.shape.size()) return nullptr;
  const bool text = io::holds_text(variable);
  if (text ? !io::holds_text(*there) : !is_copyable(*there)) return nullptr;
  if (!means_the_same(*there, variable)) return nullptr;
  for (std::size_t k = 0; k < variable.shape.size(); ++k) {
    if (k != axis && there->shape[k] != variable.shape[k]) return nullptr;
  }
  return there;
}

// All pieces by one look into the files.
void prepare(CoordinateReader& reader, const io::Variable& variable, const AxisSegments& segments,
             std::size_t axis) {
  std::vector<const io::FileInfo*> files;
  for (const AxisSegment& segment : segments) files.push_back(segment.file.get());
  if (io::holds_text(variable)) return reader.prepare_texts(files, variable.path);
  std::vector<CoordinateReader::InFile> numbers;
  for (const AxisSegment& segment : segments) {
    const io::Variable* there = counterpart(segment, variable, axis);
    if (there != nullptr) numbers.push_back({segment.file.get(), there});
  }
  reader.prepare(numbers);
}

// Labels that cannot be read are missed, and said to be; numbers that cannot are an error.
std::optional<SourceArray> read_piece(CoordinateReader& reader, const io::FileInfo& file,
                                      const io::Variable& variable, bool decoded,
                                      const std::vector<Elements>& chosen) {
  try {
    return reader.read(file, variable, decoded ? Decoding::kDecoded : Decoding::kStored, chosen);
  } catch (const Error& error) {
    if (!io::holds_text(variable) || error.exit_code != ExitCode::kInput) throw;
    reader.leave_out(variable, error.message);
    return std::nullopt;
  }
}

bool has_nan(const SourceArray& array) {
  if (!is_float(array.dtype)) return false;
  const io::Numbers numbers{array.dtype, array.bytes};
  for (std::size_t i = 0; i < numbers.count(); ++i) {
    if (std::isnan(numbers.as_double(i))) return true;
  }
  return false;
}

bool holds(const SourceArray& array, const io::Numbers& value) {
  const std::size_t size = size_of(array.dtype);
  for (std::size_t at = 0; at < array.bytes.size(); at += size) {
    if (std::memcmp(array.bytes.data() + at, value.bytes.data(), size) == 0) return true;
  }
  return false;
}

// What stands for missing elements, if there are any.
std::optional<io::Numbers> fill_of(const CopiedVariable& copy) {
  const SourceArray& values = copy.values;
  const io::Numbers* own = copy.decoded ? nullptr : numbers_of(*copy.variable, "_FillValue");
  const bool usable = own != nullptr && own->count() == 1 && own->dtype == values.dtype &&
                      std::isfinite(own->as_double(0)) && values.dtype != DType::kBool;
  if (usable && (holds(values, *own) || has_nan(values))) return *own;
  return has_nan(values) ? output_fill({}, values.dtype) : std::nullopt;
}

}  // namespace

std::string dimension_path(const AxisSegment& segment) {
  const io::Variable* variable = segment.file->variable(segment.dataset);
  const auto axis = static_cast<std::size_t>(segment.axis);
  return variable == nullptr || axis >= variable->dim_paths.size() ? "" : variable->dim_paths[axis];
}

bool is_unlimited(const AxisSegment& segment) {
  const std::string path = dimension_path(segment);
  if (path.empty()) {
    const io::Variable* variable = segment.file->variable(segment.dataset);
    const auto axis = static_cast<std::size_t>(segment.axis);
    return variable != nullptr && axis < variable->max_shape.size() &&
           variable->max_shape[axis] == -1;
  }
  const auto& dimensions = segment.file->dimensions;
  const auto found = std::ranges::find(dimensions, path, &io::Dimension::path);
  return found != dimensions.end() && found->unlimited;
}

std::optional<CopiedVariable> copy_along(CoordinateReader& reader,
                                         const std::shared_ptr<const io::FileInfo>& file,
                                         const io::Variable& variable,
                                         const std::vector<AxisSegments>& axes) {
  const auto joined = joined_axis(*file, variable, axes);
  if (!joined) return std::nullopt;
  CopiedVariable copy{file, &variable, {}, is_packed(variable)};
  std::vector<Elements> chosen;
  for (std::size_t k = 0; k < axes.size(); ++k) {
    const AxisSegment& first = axes[k].front();
    if (k != *joined && !fits(first, variable.shape[k])) return std::nullopt;
    chosen.push_back({first.start, first.step, first.count});
  }
  const std::size_t pieces = axes.empty() ? 1 : axes[*joined].size();
  if (pieces > 1) prepare(reader, variable, axes[*joined], *joined);
  for (std::size_t i = 0; i < pieces; ++i) {
    const io::FileInfo* from = file.get();
    const io::Variable* there = &variable;
    if (!axes.empty()) {
      const AxisSegment& segment = axes[*joined][i];
      there = counterpart(segment, variable, *joined);
      if (there == nullptr || !fits(segment, there->shape[*joined])) return std::nullopt;
      from = segment.file.get();
      chosen[*joined] = {segment.start, segment.step, segment.count};
    }
    if (is_packed(*there) != copy.decoded) return std::nullopt;
    auto piece = read_piece(reader, *from, *there, copy.decoded, chosen);
    if (!piece) return std::nullopt;
    if (i == 0) {
      copy.values = std::move(*piece);
    } else if (piece->dtype == copy.values.dtype) {
      join(copy.values, *piece, *joined);
    } else {
      return std::nullopt;
    }
  }
  return copy;
}

bool same_values(const CopiedVariable& a, const CopiedVariable& b) {
  return a.values == b.values && means_the_same(*a.variable, *b.variable);
}

bool same_attributes(const io::Variable& a, const io::Variable& b) {
  return std::ranges::equal(a.attributes, b.attributes, [](const auto& x, const auto& y) {
    if (x.name != y.name || x.value.index() != y.value.index()) return false;
    const auto* numbers = std::get_if<io::Numbers>(&x.value);
    if (numbers != nullptr) {
      const auto& others = std::get<io::Numbers>(y.value);
      return numbers->dtype == others.dtype && numbers->bytes == others.bytes;
    }
    if (const auto* text = std::get_if<std::string>(&x.value)) {
      return *text == std::get<std::string>(y.value);
    }
    const auto* texts = std::get_if<std::vector<std::string>>(&x.value);
    return texts == nullptr || *texts == std::get<std::vector<std::string>>(y.value);
  });
}

AxisSegments whole_axis(const std::shared_ptr<const io::FileInfo>& file,
                        const io::Variable& variable, std::size_t axis) {
  return {{file, variable.path, static_cast<std::int64_t>(axis), 0, 1, variable.shape[axis]}};
}

io::OutputVariable output_variable(const CopiedVariable& copy, std::vector<std::string> dims,
                                   bool may_miss) {
  constexpr std::size_t kWorthCompressing = 64 << 10;  // bytes
  io::OutputVariable variable;
  variable.dtype = copy.values.dtype;
  variable.dims = std::move(dims);
  variable.shape = copy.values.shape;
  if (copy.values.texts) {
    variable.texts = copy.values.texts;
    variable.characters = io::is_characters(*copy.variable);
    return variable;
  }
  variable.inline_data = copy.values.bytes;
  if (may_miss) variable.fill = fill_of(copy);
  if (copy.values.bytes.size() > kWorthCompressing) {
    const ChunkGrid grid = io::virtual_grid(variable.shape, size_of(variable.dtype));
    for (const AxisChunks& axis : grid.axes()) variable.chunk.push_back(axis.longest());
  }
  return variable;
}

}  // namespace rankine::api
