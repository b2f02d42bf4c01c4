#include "apps/option_text.h"

#include <algorithm>
#include <string_view>

namespace rankine::apps {
namespace {

std::vector<std::string> split(const std::string& text, char mark) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (auto end = text.find(mark); end != std::string::npos; end = text.find(mark, begin)) {
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  parts.push_back(text.substr(begin));
  return parts;
}

OptionText text_of(const CLI::Option& option) {
  OptionText text;
  text.positional = option.get_positional();
  text.names = split(option.get_name(false, true), ',');
  // CLI11 puts what it checks behind the name: "N:INT in [0 - 9]".
  const std::string type = option.get_type_name();
  if (!text.positional) text.label = type.substr(0, type.find(':'));
  text.meaning = option.get_description();
  if (const std::string value = option.get_default_str(); !value.empty()) {
    text.meaning += " [" + value + "]";
  }
  return text;
}

}  // namespace

std::vector<OptionText> option_texts(const CLI::App& app) {
  std::vector<OptionText> texts;
  for (const CLI::Option* option : app.get_options()) texts.push_back(text_of(*option));
  std::ranges::stable_partition(texts, &OptionText::positional);
  return texts;
}

std::vector<std::string> choices_in(const std::string& label) {
  constexpr std::string_view kWord = "abcdefghijklmnopqrstuvwxyz0123456789-_|";
  if (label.find('|') == std::string::npos) return {};
  if (label.find_first_not_of(kWord) != std::string::npos) return {};
  return split(label, '|');
}

}  // namespace rankine::apps
