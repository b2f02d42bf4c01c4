#include "apps/cli.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <memory>
#include <sstream>
#include <vector>

#include "apps/option_text.h"
#include "apps/pages.h"
#include "collectives/environment.h"
#include "runtime/base/error.h"
#include "runtime/session/run.h"

namespace rankine::apps {
namespace {

constexpr std::size_t kTextColumn = 27;
constexpr std::size_t kColumns = 100;

// A name and what it means, in as many lines as that takes.
std::string entry(const std::string& name, const std::string& meaning) {
  std::string lines = fmt::format("{:<{}}", "  " + name, kTextColumn - 1);
  std::size_t column = lines.size();
  std::istringstream words(meaning);
  for (std::string word; words >> word;) {
    if (column + 1 + word.size() > kColumns) {
      lines += "\n" + std::string(kTextColumn - 1, ' ');
      column = kTextColumn - 1;
    }
    lines += " " + word;
    column += 1 + word.size();
  }
  return lines + "\n";
}

std::string option_lines(const CLI::App& app) {
  std::string lines;
  for (const OptionText& option : option_texts(app)) {
    const std::string label = option.label.empty() ? "" : " " + option.label;
    lines += entry(fmt::format("{}{}", fmt::join(option.names, ", "), label), option.meaning);
  }
  return lines;
}

// One usage line, what it does, options, one example.
class VerbHelp : public CLI::Formatter {
 public:
  explicit VerbHelp(VerbText text) : text_(std::move(text)) {}
  std::string make_help(const CLI::App* app, std::string, CLI::AppFormatMode) const override {
    return fmt::format("usage: rankine {} {}\n\n{}\n\noptions:\n{}\nexample:\n  {}\n", text_.name,
                       text_.usage, text_.summary, option_lines(*app), text_.example);
  }

 private:
  VerbText text_;
};

class ProgramHelp : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string, CLI::AppFormatMode) const override {
    std::string text = "usage: rankine VERB ...\n\n" + app->get_description() + "\n\nverbs:\n";
    for (const CLI::App* verb : app->get_subcommands({})) {
      text += entry(verb->get_name(), verb->get_description());
    }
    return text + "\noptions:\n" + option_lines(*app) + "\nexample:\n  rankine VERB --help\n";
  }
};

// CLI11's messages are sentences of one or more lines, some with a capital and a full stop.
Error usage_of(const CLI::ParseError& problem, const std::string& verb) {
  std::string what = problem.what();
  if (const auto end = what.find('\n'); end != std::string::npos) what.resize(end);
  while (!what.empty() && (what.back() == '.' || what.back() == ' ')) what.pop_back();
  // "The following", but not "FILE is required".
  if (what.size() > 1 && std::islower(static_cast<unsigned char>(what[1]))) {
    what[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(what[0])));
  }
  return usage_error(what, "rankine " + verb + (verb.empty() ? "" : " ") + "--help");
}

}  // namespace

Cli::Cli(int argc, char** argv)
    : argc_(argc),
      argv_(argv),
      app_("Computes on chunked arrays in HDF5 and netCDF-4 files.") {
  app_.formatter(std::make_shared<ProgramHelp>());
  app_.set_help_flag("-h,--help", "this text");
  app_.set_version_flag("--version", "rankine " RANKINE_VERSION, "the version");
  app_.add_option_function<std::string>(
          "--pages",
          [this](const std::string& folder) {
            if (collectives::launcher_rank() == 0) write_all_pages(folder);
            throw CLI::Success();
          },
          "write the manual pages and the completion of bash into DIR, a share/ as ~/.local/share")
      ->type_name("DIR");
  app_.require_subcommand(1);
}

CLI::App& Cli::add_verb(const VerbText& text, Ranks ranks, std::function<int()> action) {
  CLI::App* verb = app_.add_subcommand(text.name, text.summary);
  verbs_[text.name] = {text, ranks, std::move(action)};
  verb->formatter(std::make_shared<VerbHelp>(text));
  verb->set_help_flag("-h,--help", "this text");
  return *verb;
}

void Cli::write_all_pages(const std::string& folder) const {
  const VerbText text{"", "VERB ...", app_.get_description(), "rankine VERB --help"};
  std::vector<Described> verbs;
  for (const CLI::App* verb : app_.get_subcommands({})) {
    verbs.push_back({verbs_.at(verb->get_name()).text, *verb});
  }
  write_pages(folder, {text, app_}, verbs);
}

// CLI11 would speak of subcommands and unexpected arguments.
void Cli::check_verb() const {
  if (argc_ < 2) throw usage_error("a verb is missing", "rankine --help");
  std::string first = argv_[1];
  if (first.starts_with("--")) first.resize(std::min(first.find('='), first.size()));
  if (verbs_.contains(first) || app_.get_option_no_throw(first) != nullptr) return;
  const char* kind = first.starts_with('-') ? "option" : "verb";
  throw usage_error(fmt::format("there is no {} '{}'", kind, first), "rankine --help");
}

bool Cli::uses_all_ranks() const {
  const auto verb = argc_ < 2 ? verbs_.end() : verbs_.find(argv_[1]);
  return verb != verbs_.end() && verb->second.ranks == Ranks::kAll;
}

int Cli::parse_and_act() {
  const bool first_rank = collectives::launcher_rank() == 0;
  check_verb();
  try {
    app_.parse(argc_, argv_);
  } catch (const CLI::CallForHelp&) {
    const auto chosen = app_.get_subcommands();
    if (first_rank) print_result(chosen.empty() ? app_.help() : chosen.front()->help());
    return 0;
  } catch (const CLI::CallForVersion& version) {
    if (first_rank) print_result(std::string(version.what()) + "\n");
    return 0;
  } catch (const CLI::Success&) {
    return 0;
  } catch (const CLI::ParseError& problem) {
    const auto chosen = app_.get_subcommands();
    throw usage_of(problem, chosen.empty() ? "" : chosen.front()->get_name());
  }
  const Verb& verb = verbs_.at(app_.get_subcommands().front()->get_name());
  if (verb.ranks == Ranks::kFirstOnly && !first_rank) return 0;
  return verb.action();
}

CLI::App& Cli::parse_only() {
  check_verb();
  try {
    app_.parse(argc_, argv_);
  } catch (const CLI::Success&) {
    throw usage_error("the command would only print a text", "leave out --help and --version");
  } catch (const CLI::ParseError& problem) {
    const auto chosen = app_.get_subcommands();
    throw usage_of(problem, chosen.empty() ? "" : chosen.front()->get_name());
  }
  return *app_.get_subcommands().front();
}

int Cli::run() noexcept {
  try {
    return parse_and_act();
  } catch (...) {
    // What fails on the other ranks of a verb without MPI fails on rank 0 as well.
    const bool first_rank = collectives::launcher_rank() == 0;
    return first_rank || uses_all_ranks() ? report_failed_start() : 0;
  }
}

void print_result(std::string_view text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (!written || std::fflush(stdout) != 0) {
    throw Error(ExitCode::kTaskFailed, "the result could not be written", "standard output");
  }
}

bool stderr_is_terminal() { return ::isatty(STDERR_FILENO) == 1; }

}  // namespace rankine::apps
