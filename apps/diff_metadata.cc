#include "apps/diff_metadata.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "apps/text.h"

namespace rankine::apps {
namespace {

std::string shape_text(const io::Variable& variable) {
  return variable.null_space ? "none" : to_string(variable.shape);
}

std::string dims_text(const io::Variable& variable) {
  return printable(fmt::format("({})", fmt::join(variable.dims, ", ")));
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

std::vector<std::string> variable_differences(const io::Variable& a, const io::Variable& b) {
  std::vector<std::string> lines;
  compare("shape", shape_text(a), shape_text(b), lines);
  if (!a.dtype || !b.dtype) compare("type", a.type_name, b.type_name, lines);
  if (a.dims.size() == b.dims.size()) compare("dimensions", dims_text(a), dims_text(b), lines);
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
