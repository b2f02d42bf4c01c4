// What the command line says about an option: one text for --help, manual pages and completion.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace rankine::apps {

struct OptionText {
  bool positional = false;
  std::vector<std::string> names;  // "-o", "--output"; of an argument its one name
  std::string label;               // of the value that follows; empty for flags and arguments
  std::string meaning;             // with the default in brackets
};

// Arguments first, then options, both in the order in which they were added.
std::vector<OptionText> option_texts(const CLI::App& app);

// The words of a label or usage as "on|off"; none if it is anything else.
std::vector<std::string> choices_in(const std::string& label);

}  // namespace rankine::apps
