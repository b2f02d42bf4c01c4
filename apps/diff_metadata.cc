#include "apps/diff_metadata.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>

#include "apps/text.h"

namespace rankine::apps {
namespace {

std::string shape_text(const io::Variable& variable) {
  return variable.null_space ? "none" : to_string(variable.shape);
}

// As outputs call axes that have no name: "dim_120", "dim_120_1".
bool is_made_up(const std::string& name) {
  const std::string_view start = "dim_";
  if (!name.starts_with(start)) return false;
  const auto digits = [&](std::size_t from) {
    const std::size_t end = std::min(name.find_first_not_of("0123456789", from), name.size());
    return end == from ? std::string::npos : end;
  };
  const std::size_t end = digits(start.size());
  return end == name.size() ||
         (end < name.size() && name[end] == '_' && digits(end + 1) == name.size());
}

// The names of the axes; "" where there is none, or one that was made up for want of one.
std::vector<std::string> given_names(const io::FileInfo& file, const io::Variable& variable) {
  std::vector<std::string> names = variable.dims;
  for (std::size_t k = 0; k < names.size(); ++k) {
    const std::string& path = variable.dim_paths[k];
    const io::Variable* scale = path.empty() ? nullptr : file.variable(path);
    const bool says_nothing = scale != nullptr && scale->is_pure_dimension && is_made_up(names[k]);
    if (says_nothing) names[k].clear();
  }
  return names;
}

std::string dims_text(std::vector<std::string> names) {
  const bool none = std::ranges::all_of(names, &std::string::empty);
  if (none) return "none";
  for (std::string& name : names) {
    if (name.empty()) name = "-";
  }
  return printable(fmt::format("({})", fmt::join(names, ", ")));
}

// "red = 0", ...: the order in which a type declares them does not count.
std::vector<std::string> named_values(const io::Variable& variable) {
  std::vector<std::string> parts;
  const std::string& text = variable.type_note;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(", ", at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 2;
  }
  std::ranges::sort(parts);
  return parts;
}

void compare(const char* what, const std::string& a, const std::string& b,
             std::vector<std::string>& lines) {
  if (a != b) lines.push_back(fmt::format("{} {} instead of {}", what, b, a));
}

bool same_value(const io::AttributeValue& a, const io::AttributeValue& b) {
  const auto* numbers = std::get_if<io::Numbers>(&a);
  const auto* others = std::get_if<io::Numbers>(&b);
  if (numbers != nullptr && others != nullptr) {
    return numbers->dtype == others->dtype && numbers->bytes == others->bytes;
  }
  if (a.index() != b.index()) return false;
  if (const auto* text = std::get_if<std::string>(&a)) return *text == std::get<std::string>(b);
  const auto* texts = std::get_if<std::vector<std::string>>(&a);
  return texts == nullptr || *texts == std::get<std::vector<std::string>>(b);
}

const io::Attribute* find(const std::vector<io::Attribute>& attributes, const std::string& name) {
  const auto found = std::ranges::find(attributes, name, &io::Attribute::name);
  return found == attributes.end() ? nullptr : &*found;
}

// Equal texts of unequal values differ in their type, or behind what is shown.
std::string value_text(const io::AttributeValue& value) {
  const auto* numbers = std::get_if<io::Numbers>(&value);
  return attribute_text(value) +
         (numbers != nullptr ? fmt::format(" ({})", name_of(numbers->dtype)) : "");
}

}  // namespace

std::vector<std::string> variable_differences(const io::FileInfo& a_file, const io::Variable& a,
                                              const io::FileInfo& b_file, const io::Variable& b) {
  std::vector<std::string> lines;
  compare("shape", shape_text(a), shape_text(b), lines);
  if (!a.dtype || !b.dtype) compare("type", a.type_name, b.type_name, lines);
  // Who stores numbers alone does not say that their names are others.
  const bool enums = a.dtype && b.dtype && !a.type_note.empty() && !b.type_note.empty();
  if (enums && named_values(a) != named_values(b)) {
    compare("values named", printable(a.type_note), printable(b.type_note), lines);
  }
  if (a.dims.size() == b.dims.size()) {
    compare("dimensions", dims_text(given_names(a_file, a)), dims_text(given_names(b_file, b)),
            lines);
  }
  return lines;
}

std::vector<std::string> attribute_differences(const std::vector<io::Attribute>& a,
                                               const std::vector<io::Attribute>& b) {
  std::vector<std::string> lines;
  for (const io::Attribute& attribute : a) {
    const std::string name = printable(attribute.name);
    const io::Attribute* other = find(b, attribute.name);
    if (other == nullptr) {
      lines.push_back(fmt::format("attribute {} only in the first", name));
    } else if (!same_value(attribute.value, other->value)) {
      lines.push_back(fmt::format("attribute {} {} instead of {}", name, value_text(other->value),
                                  value_text(attribute.value)));
    }
  }
  for (const io::Attribute& attribute : b) {
    if (find(a, attribute.name) != nullptr) continue;
    lines.push_back(fmt::format("attribute {} only in the second", printable(attribute.name)));
  }
  return lines;
}

}  // namespace rankine::apps
