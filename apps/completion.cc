#include "apps/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "apps/option_text.h"
#include "io/codec/codec.h"

namespace rankine::apps {
namespace {

using Words = std::vector<std::string>;

void append(Words& words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
}

Words values_of(const OptionText& option) {
  return option.label == "CODEC" ? io::codec_names() : choices_in(option.label);
}

Words options_of(const Described& described) {
  Words names;
  for (const OptionText& option : option_texts(described.options)) {
    if (!option.positional) append(names, option.names);
  }
  return names;
}

// A line of the script's `case`: what may follow each of these options of a verb.
std::string value_line(const std::string& verb, const Words& names, const Words& values) {
  if (names.empty()) return {};
  Words patterns;
  for (const std::string& name : names) patterns.push_back('"' + verb + ' ' + name + '"');
  return fmt::format("    {}) words=\"{}\" ;;\n", fmt::join(patterns, " | "),
                     fmt::join(values, " "));
}

std::string value_lines(const Described& described) {
  const std::string& verb = described.text.name;
  std::string lines;
  Words others;  // after these comes something else than one of a few words
  for (const OptionText& option : option_texts(described.options)) {
    if (option.positional || option.label.empty()) continue;
    const Words values = values_of(option);
    if (values.empty()) {
      append(others, option.names);
    } else {
      lines += value_line(verb, option.names, values);
    }
  }
  return lines + value_line(verb, others, {});
}

// "eval *": options, or what the first argument may be if the usage says it as "graph|tasks".
std::string verb_lines(const Described& verb) {
  const std::string& usage = verb.text.usage;
  const Words arguments = choices_in(usage.substr(0, usage.find(' ')));
  const std::string name = verb.text.name;
  return fmt::format("    \"{0} \"*) options=\"{1}\" words=\"{2}\" ;;\n", name,
                     fmt::join(options_of(verb), " "), fmt::join(arguments, " "));
}

}  // namespace

std::string bash_completion(const Described& program, std::span<const Described> verbs) {
  Words names;
  std::string lines;
  for (const Described& verb : verbs) {
    names.push_back(verb.text.name);
    lines += value_lines(verb) + verb_lines(verb);
  }
  // To bash, --name=value is three words.
  return fmt::format(
      R"(# Completion of rankine {0} in bash: from `rankine --pages`, as the text of --help says.
_rankine() {{
  local verb="${{COMP_WORDS[1]}}" word="${{COMP_WORDS[COMP_CWORD]}}" options="" words=""
  local before="${{COMP_WORDS[COMP_CWORD-1]}}"
  if [[ $word == "=" ]]; then
    word=""
  elif [[ $before == "=" ]]; then
    before="${{COMP_WORDS[COMP_CWORD-2]}}"
  fi
  [[ $COMP_CWORD -gt 1 ]] || before=""
  [[ $COMP_CWORD -gt 1 && $verb != -* ]] || verb=""
  case "$verb $before" in
    " ") options="{1}" words="{2}" ;;
{3}{4}  esac
  [[ $word != -* ]] || words="$options"
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}}
complete -o default -F _rankine rankine
)",
      RANKINE_VERSION, fmt::join(options_of(program), " "), fmt::join(names, " "),
      value_lines(program), lines);
}

}  // namespace rankine::apps
