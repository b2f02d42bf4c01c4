#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "apps/chunk_advice.h"
#include "apps/info.h"
#include "apps/text.h"
#include "io/h5/hidden_names.h"
#include "io/h5/texts.h"

namespace rankine::apps {
namespace {

std::string times(const Extents& extents) { return fmt::format("{}", fmt::join(extents, " x ")); }

std::string axes_text(const io::Variable& variable) {
  if (variable.null_space) return "null data space";
  if (variable.shape.empty()) return "scalar";
  std::string text;
  for (std::size_t axis = 0; axis < variable.shape.size(); ++axis) {
    const std::string name = printable(dimension_name(variable, axis));
    text += fmt::format("{}{}{}{}", axis == 0 ? "(" : ", ", name, name.empty() ? "" : " = ",
                        variable.shape[axis]);
  }
  return text + ")";
}

std::string type_text(const io::Variable& variable) {
  const std::string note = variable.type_note.empty() ? "" : " {" + variable.type_note + "}";
  return printable(variable.type_name + note);
}

std::string layout_text(const io::Variable& variable) {
  switch (variable.layout) {
    case io::Layout::kContiguous: return "contiguous";
    case io::Layout::kCompact: return "compact";
    case io::Layout::kExternal: return "external, in other files";
    case io::Layout::kVirtual: return "virtual, from other data sets";
    case io::Layout::kChunked: break;
  }
  Extents counts;
  double chunk_bytes = static_cast<double>(variable.element_size);
  double chunks = 1;
  for (std::size_t axis = 0; axis < variable.shape.size(); ++axis) {
    const std::int64_t chunk = std::max<std::int64_t>(variable.chunk[axis], 1);
    counts.push_back(variable.shape[axis] / chunk + (variable.shape[axis] % chunk != 0));
    chunk_bytes *= static_cast<double>(chunk);
    chunks *= static_cast<double>(counts.back());
  }
  return fmt::format("{} ({}), {}{:.0f} chunk{}", times(variable.chunk),
                     byte_size(static_cast<std::uint64_t>(chunk_bytes)),
                     counts.size() > 1 ? times(counts) + " = " : "", chunks,
                     chunks == 1 ? "" : "s");
}

std::string filters_text(const io::Variable& variable) {
  std::string text;
  for (const auto& filter : variable.filters) {
    text += (text.empty() ? "" : ", ") + printable(filter_name(filter));
    if (!filter.parameters.empty()) {
      text += fmt::format(" ({})", fmt::join(filter.parameters, " "));
    }
    if (!filter.available) text += ", which this library cannot undo";
  }
  return text;
}

std::string sizes_text(const io::Variable& variable) {
  const auto raw = raw_bytes(variable);
  std::string text = byte_size(variable.stored_bytes) + " stored, ";
  text += raw ? byte_size(*raw) + " raw" : "more than 16 EiB raw";
  if (raw && *raw > 0 && variable.stored_bytes == 0) text += ", nothing was written";
  if (raw && variable.stored_bytes > 0 && !variable.filters.empty()) {
    text += fmt::format(", {:.2f} : 1",
                        static_cast<double>(*raw) / static_cast<double>(variable.stored_bytes));
  }
  return text;
}

std::string read_text(const io::Variable& variable) {
  if (io::holds_text(variable)) return "as labels, not computed with: string";
  if (variable.type_name.starts_with("complex")) {
    return "by its parts, which are listed below, not as a whole: " + printable(variable.type_name);
  }
  if (!variable.dtype) return "not computed with: " + printable(variable.type_name);
  if (!variable.read_problem.empty()) return "unreadable: " + printable(variable.read_problem);
  if (variable.direct_problem.empty()) return "directly";
  return "through the HDF5 library: " + printable(variable.direct_problem);
}

std::string attribute_lines(const std::vector<io::Attribute>& attributes, const char* indent) {
  std::size_t width = 0;
  for (const auto& attribute : attributes) width = std::max(width, attribute.name.size());
  std::string text;
  for (const auto& attribute : attributes) {
    text += fmt::format("{}{:<{}} = {}\n", indent, printable(attribute.name),
                        std::min<std::size_t>(width, 24), attribute_text(attribute.value));
  }
  return text;
}

std::string variable_text(const io::Variable& variable, const TimeRanges& ranges,
                          const TextSamples& texts) {
  const auto line = [](const char* label, const std::string& value) {
    return fmt::format("    {:<8} {}\n", label, value);
  };
  std::string text =
      fmt::format("  {}  {}{} {}\n", printable(io::shown_path(variable.path)), type_text(variable),
                  variable.big_endian ? ", big-endian," : "", axes_text(variable));
  text +=
      line(variable.layout == io::Layout::kChunked ? "chunks" : "layout", layout_text(variable));
  if (!variable.filters.empty()) text += line("filters", filters_text(variable));
  for (const std::string& advice : chunk_advice(variable)) text += line("advice", advice);
  text += line("bytes", sizes_text(variable));
  if (variable.fill.count() > 0) text += line("fill", number_text(variable.fill, 0));
  if (const auto range = ranges.find(variable.path); range != ranges.end()) {
    text += line("time", range->second);
  }
  if (const auto sample = texts.find(variable.path); sample != texts.end()) {
    text += line("texts", printable(sample->second));
  }
  text += line("read", read_text(variable));
  return text + attribute_lines(variable.attributes, "      ");
}

std::string dimensions_text(const io::FileInfo& info) {
  std::size_t width = 0;
  for (const auto& dimension : info.dimensions) {
    width = std::max(width, dimension_name(dimension).size());
  }
  std::string text;
  for (const auto& dimension : info.dimensions) {
    text += fmt::format("  {:<{}}  {}{}\n", printable(dimension_name(dimension)), width,
                        dimension.length, dimension.unlimited ? "  unlimited" : "");
  }
  return text;
}

}  // namespace

std::string info_text(const io::FileInfo& info, const TimeRanges& ranges,
                      const TextSamples& texts) {
  std::string text =
      fmt::format("{}: {}, {}\n", printable(info.path), info.format, byte_size(info.size));
  if (!info.dimensions.empty()) text += "\ndimensions\n" + dimensions_text(info);
  std::string variables;
  for (const auto& variable : info.variables) {
    if (is_listed(variable)) variables += variable_text(variable, ranges, texts);
  }
  if (!variables.empty()) text += "\nvariables\n" + variables;
  if (!info.attributes.empty()) text += "\nattributes\n" + attribute_lines(info.attributes, "  ");
  if (!info.notes.empty()) text += "\nnotes\n";
  for (const auto& note : info.notes) text += "  " + printable(note) + "\n";
  return text;
}

}  // namespace rankine::apps
