#include "apps/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

namespace rankine::apps {
namespace {

constexpr std::size_t kLongestText = 160;  // bytes shown of one text
constexpr std::size_t kMostNumbers = 8;    // shown of one list
constexpr std::size_t kMostTexts = 4;

// Bytes of the UTF-8 character at the start of a text that is not empty; 0 if there is none
// (Unicode 15, table 3-7: neither overlong forms nor surrogates).
std::size_t character_bytes(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const std::size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (text.size() < length) return 0;
  const auto second = static_cast<unsigned char>(text[1]);
  if (first == 0xe0 && second < 0xa0) return 0;
  if (first == 0xed && second >= 0xa0) return 0;
  if (first == 0xf0 && second < 0x90) return 0;
  if (first == 0xf4 && second >= 0x90) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
  }
  return length;
}

// No cut inside a character: continuation bytes of UTF-8 are 10xxxxxx.
std::string_view shortened(std::string_view text, std::size_t longest) {
  if (text.size() <= longest) return text;
  while (longest > 0 && (static_cast<unsigned char>(text[longest]) & 0xc0) == 0x80) --longest;
  return text.substr(0, longest);
}

std::string quoted(const std::string& text) {
  const std::string_view shown = shortened(text, kLongestText);
  std::string result = "\"" + printable(shown) + "\"";
  if (shown.size() < text.size()) result += fmt::format("... ({} bytes)", text.size());
  return result;
}

template <class Item>
std::string list_text(std::size_t count, std::size_t most, Item item) {
  std::string text;
  for (std::size_t i = 0; i < std::min(count, most); ++i) {
    if (i > 0) text += ", ";
    text += item(i);
  }
  if (count > most) text += fmt::format(", ... ({} values)", count);
  return text;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t length = character_bytes(text.substr(i));
    const bool control = byte < 0x20 || byte == 0x7f || length == 0;
    // U+0080 to U+009F steer terminals as well.
    const bool high_control =
        length == 2 && byte == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (byte == '\n') {
      result += "\\n";
    } else if (byte == '\t') {
      result += "\\t";
    } else if (control || high_control) {
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[i + high_control]));
    } else {
      result += text.substr(i, length);
    }
    i += std::max<std::size_t>(length, 1);
  }
  return result;
}

std::string byte_size(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; size >= 1023.95; ++unit) size /= 1024;
  return fmt::format("{:.1f} {}", size, kUnits[unit]);
}

std::string counted(std::int64_t count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string number_text(const io::Numbers& numbers, std::size_t i) {
  return visit_dtype(numbers.dtype, [&]<class T>(TypeTag<T>) {
    T value;
    std::memcpy(&value, numbers.bytes.data() + i * sizeof(T), sizeof(T));
    if constexpr (std::is_same_v<T, bool>) {
      return std::string(value ? "true" : "false");
    } else if constexpr (std::is_floating_point_v<T>) {
      return std::isnan(value) ? "nan" : fmt::format("{}", value);  // fmt shows the sign of NaN
    } else {
      return std::to_string(value);
    }
  });
}

std::string attribute_text(const io::AttributeValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return quoted(*text);
  if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) {
    return list_text(texts->size(), kMostTexts, [&](std::size_t i) { return quoted((*texts)[i]); });
  }
  if (const auto* numbers = std::get_if<io::Numbers>(&value)) {
    if (numbers->count() == 0) return "(no values)";
    return list_text(numbers->count(), kMostNumbers,
                     [&](std::size_t i) { return number_text(*numbers, i); });
  }
  return "(of a type that is not shown)";
}

}  // namespace rankine::apps
