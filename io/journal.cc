#include "io/journal.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "runtime/base/archive.h"
#include "runtime/base/function_ref.h"

namespace rankine::io {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kFormat = 3;  // of header and records
constexpr std::uint64_t kMostHeaderBytes = std::uint64_t{1} << 30;
constexpr std::string_view kLogPrefix = "log.";

struct Sealed {
  std::uint32_t format = kFormat;
  JobHeader header;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(format, header);
  }
};

std::int64_t nanoseconds(const struct timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

std::string header_path(const std::string& folder) { return folder + "/job"; }

using Refuse = FunctionRef<void(const std::string& what)>;

void check_inputs(const JobHeader& journal, const JobHeader& mine, Refuse refuse) {
  for (const JobInput& input : mine.inputs) {
    const auto before = std::ranges::find(journal.inputs, input.path, &JobInput::path);
    if (before == journal.inputs.end()) {
      refuse("the journal of this output belongs to another job: " + input.path +
             " was no input of it");
    }
    if (*before != input) {
      const std::string how = before->size == input.size
                                  ? "it was written to, or is another file of that size"
                                  : std::to_string(before->size) + " bytes then, " +
                                        std::to_string(input.size) + " now";
      refuse("the input " + input.path + " changed since the journal of this output was begun (" +
             how + ")");
    }
  }
}

}  // namespace

bool is_unchanged(const JobInput& input) {
  struct stat now {};
  return ::stat(input.path.c_str(), &now) == 0 &&
         static_cast<std::uint64_t>(now.st_size) == input.size &&
         nanoseconds(now.st_mtim) == input.mtime_ns;
}

std::optional<std::int64_t> changed_ns(const std::string& path) {
  struct stat now {};
  if (::stat(path.c_str(), &now) != 0) return std::nullopt;
  return std::max(nanoseconds(now.st_mtim), nanoseconds(now.st_ctim));
}

void check_same_job(const JobHeader& journal, const JobHeader& mine, const OutputPaths& paths,
                    const std::string& remedy) {
  const auto refuse = [&](const std::string& what) {
    throw Error(ExitCode::kUsage, what, paths.log_folder,
                remedy.empty()
                    ? "start afresh without --resume: what was finished is discarded then"
                    : remedy);
  };
  if (journal.program != mine.program) {
    refuse("the journal of this output was written by " + journal.program + ", this is " +
           mine.program);
  }
  for (std::size_t i = 0; i < mine.libraries.size(); ++i) {
    const auto& [name, version] = mine.libraries[i];
    if (i >= journal.libraries.size() || journal.libraries[i] != mine.libraries[i]) {
      refuse("the journal of this output was written with another version of " + name + " than " +
             version);
    }
  }
  check_inputs(journal, mine, refuse);
  if (journal.plan_hash != mine.plan_hash || journal.inputs != mine.inputs ||
      journal.variables != mine.variables) {
    refuse("the journal of this output belongs to another expression or other options: " +
           journal.history);
  }
}

bool is_same_job(const JobHeader& journal, const JobHeader& mine) {
  return journal.program == mine.program && journal.libraries == mine.libraries &&
         journal.plan_hash == mine.plan_hash && journal.inputs == mine.inputs &&
         journal.variables == mine.variables;
}

void write_job(const std::string& log_folder, const JobHeader& header) {
  const std::string path = header_path(log_folder);
  const std::string unfinished = path + ".new";
  PosixFile file = PosixFile::create_new(unfinished, 0600);
  file.write_full(to_bytes(Sealed{kFormat, header}));
  file.fsync();
  file.close();
  std::error_code problem;
  fs::rename(unfinished, path, problem);
  if (problem) {
    throw SystemError(ExitCode::kTaskFailed, "cannot name the header of the journal", path,
                      problem.value());
  }
  sync_folder(PosixFile::open_read(log_folder));
}

std::optional<JobHeader> read_job(const std::string& log_folder) {
  const std::string path = header_path(log_folder);
  std::error_code problem;
  const bool there = fs::exists(path, problem);
  if (problem) {
    throw SystemError(ExitCode::kInput, "cannot look into the journal", path, problem.value());
  }
  if (!there) return std::nullopt;
  const PosixFile file = PosixFile::open_read(path);
  if (file.size() > kMostHeaderBytes) {
    throw input_error("the header of a journal is too large", path,
                      "start afresh without --resume");
  }
  rankine::Bytes bytes(file.size());
  file.pread_full(bytes, 0);
  try {
    Sealed sealed = from_bytes<Sealed>(bytes);
    if (sealed.format == kFormat) return std::move(sealed.header);
  } catch (const Error& error) {
    throw input_error("the header of a journal is damaged: " + error.message, path,
                      "start afresh without --resume");
  }
  throw input_error("the journal has another format", path, "start afresh without --resume");
}

std::vector<int> log_numbers(const std::string& log_folder) {
  std::vector<int> numbers;
  std::error_code problem;
  fs::directory_iterator entry(log_folder, problem);
  for (; !problem && entry != fs::directory_iterator(); entry.increment(problem)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(kLogPrefix)) continue;
    int number = 0;
    const char* end = name.data() + name.size();
    const auto read = std::from_chars(name.data() + kLogPrefix.size(), end, number);
    if (read.ec == std::errc() && read.ptr == end && number >= 0) numbers.push_back(number);
  }
  if (problem) {
    throw SystemError(ExitCode::kInput, "cannot list the journal", log_folder, problem.value());
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::vector<std::int64_t> finished_chunks(const OutputPaths& paths, const JobHeader& header) {
  // By what the logs hold: the header may say any number.
  std::vector<std::vector<std::int64_t>> seen(header.variables.size());
  for (const int number : log_numbers(paths.log_folder)) {
    LogScan scan = scan_log(log_path(paths.log_folder, number));
    check_placed(scan, {paths.part, header.places});
    for (const LogRecord& record : scan.records) {
      const bool known = !record.is_state() && record.variable < seen.size() && record.chunk >= 0 &&
                         record.chunk < header.variables[record.variable].chunks;
      if (known) seen[record.variable].push_back(record.chunk);
    }
  }
  std::vector<std::int64_t> finished;
  for (std::vector<std::int64_t>& chunks : seen) {
    std::ranges::sort(chunks);
    finished.push_back(std::ranges::unique(chunks).begin() - chunks.begin());
  }
  return finished;
}

}  // namespace rankine::io
