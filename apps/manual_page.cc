#include "apps/manual_page.h"

#include <fmt/format.h>

#include <cctype>
#include <string_view>
#include <utility>

#include "apps/option_text.h"
#include "runtime/base/error.h"

namespace rankine::apps {
namespace {

struct Entry {
  const char* name;
  const char* meaning;
};

constexpr std::pair<ExitCode, const char*> kExitCodes[] = {
    {ExitCode::kDone, "Done."},
    {ExitCode::kUsage,
     "Usage: syntax, unknown verbs, options or functions, types or shapes that do not fit, an "
     "output "
     "that exists or is an input, another live run that owns the output."},
    {ExitCode::kInput,
     "Input: a file, data set or dimension that is missing or cannot be read, a format that is not "
     "understood, a chunk that is corrupt, a filter that is missing, no folder for the output."},
    {ExitCode::kRefused, "The plan was refused: it does not fit the memory."},
    {ExitCode::kTaskFailed,
     "A task failed, or the output could not be written and nothing can be resumed."},
    {ExitCode::kDiffers, "Verification differs: the files are not the same."},
    {ExitCode::kStopped, "Stopped, or out of disk space; the same command with --resume goes on."},
};

constexpr Entry kEnvironment[] = {
    {"OMP_NUM_THREADS", "Threads of each rank, where --threads does not say."},
    {"SLURM_TMPDIR, TMPDIR", "The folder for what does not fit the memory; the first that is set."},
    {"SLURM_*, OMPI_*, PMIX_*, PMI_*", "What a launcher says of ranks, nodes and memory."},
    {"SOURCE_DATE_EPOCH", "The time that is written into histories, in seconds since 1970."},
    {"HDF5_PLUGIN_PATH", "Where the HDF5 library looks for filters, with --allow-plugins."},
    {"HDF5_EXTFILE_PREFIX", "Where raw files of external storage are, with --allow-external."},
    {"HDF5_EXT_PREFIX", "Folders with files that links lead to, with --allow-external."},
    {"HDF5_VDS_PREFIX", "Folders with the sources of virtual data sets."},
    {"RANKINE_STALL_SECONDS",
     "After so long without progress a run says who waits for what; 0: never."},
    {"RANKINE_SILENCE_SECONDS", "After so long without a word from a rank a run ends; 0: never."},
};

// What troff would take for its own, or set as other characters than those that are typed.
std::string_view escape_of(char c) {
  switch (c) {
    case '\\': return "\\e";
    case '-': return "\\-";
    case '\'': return "\\(aq";
    case '"': return "\\(dq";
    case '`': return "\\(ga";
    case '^': return "\\(ha";
    case '~': return "\\(ti";
    default: return {};
  }
}

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    // A request begins with a dot at the start of a line.
    if (c == '.' && (result.empty() || result.back() == '\n')) result += "\\&";
    const std::string_view escape = escape_of(c);
    escape.empty() ? result += c : result += escape;
  }
  return result;
}

std::string upper_case(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string name_of(const Described& described) {
  return described.text.name.empty() ? "rankine" : "rankine-" + described.text.name;
}

// The line that `apropos` finds: no capital, no full stop.
std::string whatis(const Described& described) {
  std::string summary = described.text.summary;
  summary[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(summary[0])));
  while (summary.ends_with('.')) summary.pop_back();
  return escaped(name_of(described)) + " \\- " + escaped(summary) + "\n";
}

std::string head(const Described& described) {
  const VerbText& text = described.text;
  return fmt::format(".TH {} 1 \"\" \"rankine {}\" \"Rankine\"\n.nh\n.ad l\n",
                     escaped(upper_case(name_of(described))), RANKINE_VERSION) +
         ".SH NAME\n" + whatis(described) + ".SH SYNOPSIS\n.B rankine " + escaped(text.name) +
         "\n" + escaped(text.usage) + "\n.SH DESCRIPTION\n" + escaped(text.summary) + "\n";
}

std::string options_section(const Described& described) {
  std::string section = ".SH OPTIONS\n";
  for (const OptionText& option : option_texts(described.options)) {
    section += ".TP\n";
    for (std::size_t i = 0; i < option.names.size(); ++i) {
      section += fmt::format("{}\\fB{}\\fR", i == 0 ? "" : ", ", escaped(option.names[i]));
    }
    if (!option.label.empty()) section += " \\fI" + escaped(option.label) + "\\fR";
    section += "\n" + escaped(option.meaning) + "\n";
  }
  return section;
}

std::string example_section(const Described& described) {
  return ".SH EXAMPLE\n.nf\n.RS\n" + escaped(described.text.example) + "\n.RE\n.fi\n";
}

std::string exit_section() {
  std::string section = ".SH EXIT STATUS\n";
  for (const auto& [code, meaning] : kExitCodes) {
    section += fmt::format(".TP\n.B {}\n{}\n", static_cast<int>(code), escaped(meaning));
  }
  return section +
         ".TP\n.I 128 + n\nEnded by signal n, with nothing to go on with.\n"
         ".PP\nOf several ranks the first returns it, the others return 0.\n";
}

std::string environment_section() {
  std::string section = ".SH ENVIRONMENT\n";
  for (const auto& [name, meaning] : kEnvironment) {
    section += fmt::format(".TP\n.B {}\n{}\n", escaped(name), escaped(meaning));
  }
  return section;
}

}  // namespace

std::string verb_page(const Described& verb) {
  return head(verb) + options_section(verb) + example_section(verb) + exit_section() +
         ".SH SEE ALSO\n.BR rankine (1)\n";
}

std::string program_page(const Described& program, std::span<const Described> verbs) {
  std::string page =
      head(program) +
      ".PP\nEvery command line works alone, under\n.B mpirun\nand under\n.BR srun ,\n"
      "and gives the same bytes for any number of ranks and threads.\n.SH VERBS\n";
  for (const Described& verb : verbs) {
    page +=
        fmt::format(".TP\n.BR {} (1)\n{}\n", escaped(name_of(verb)), escaped(verb.text.summary));
  }
  page += options_section(program) + example_section(program) + environment_section() +
          exit_section() + ".SH SEE ALSO\n";
  for (const Described& verb : verbs) {
    const bool last = &verb == &verbs.back();
    page += fmt::format(".BR {} (1){}\n", escaped(name_of(verb)), last ? "" : ",");
  }
  return page;
}

}  // namespace rankine::apps
