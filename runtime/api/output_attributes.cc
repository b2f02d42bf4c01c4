#include "runtime/api/output_attributes.h"

#include <string_view>

#include "io/h5/output_spec.h"

namespace rankine::api {
namespace {

constexpr std::string_view kSampleRecipe = "rankine_sample";

// Bytes of the character at the start of a text that is not empty; 0 if it is no UTF-8 (RFC 3629:
// shortest form, no surrogates, up to U+10FFFF).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first < 0xc2   ? 0
                             : first < 0xe0 ? 2
                             : first < 0xf0 ? 3
                             : first < 0xf5 ? 4
                                            : 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned second = byte(1);
  const bool wrong = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
                     (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
  return wrong ? 0 : length;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

// ISO 8859-1: every byte is the code point of that number.
std::string as_utf8(const std::string& text) {
  if (is_utf8(text)) return text;
  std::string result;
  for (const char c : text) {
    const auto point = static_cast<unsigned char>(c);
    if (point < 0x80) {
      result += c;
    } else {
      result += static_cast<char>(0xc0 | (point >> 6));
      result += static_cast<char>(0x80 | (point & 0x3f));
    }
  }
  return result;
}

std::optional<io::Attribute> copied_attribute(const io::Attribute& attribute) {
  const bool empty = std::holds_alternative<std::monostate>(attribute.value);
  if (empty || attribute.name == kSampleRecipe || !io::is_netcdf_name(attribute.name) ||
      !is_utf8(attribute.name)) {
    return std::nullopt;
  }
  io::Attribute copy = attribute;
  if (auto* text = std::get_if<std::string>(&copy.value)) *text = as_utf8(*text);
  if (auto* texts = std::get_if<std::vector<std::string>>(&copy.value)) {
    for (std::string& text : *texts) text = as_utf8(text);
  }
  return copy;
}

}  // namespace rankine::api
