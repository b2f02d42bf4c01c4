#include "io/shards.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "io/publish.h"

namespace rankine::io {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".rankine";
constexpr std::size_t kLongestFileName = 255;

// The whole of `text` as a number from 1 on, without a sign or leading zeros.
std::optional<std::int32_t> number_in(std::string_view text) {
  std::int32_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, number);
  if (problem != std::errc() || stop != end || number < 1 || text.front() == '0') return {};
  return number;
}

// What others put there must not count, least of all a command. Folders of ours are private.
bool is_ours(const std::string& folder) {
  struct stat status {};
  return ::lstat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
         status.st_uid == ::geteuid() && (status.st_mode & 077) == 0;
}

// The header of a journal of ours.
std::optional<JobHeader> own_job(const std::string& log_folder) {
  return is_ours(log_folder) ? read_job(log_folder) : std::nullopt;
}

std::optional<Shard> shard_of(std::string_view number, std::string_view count) {
  const auto one = number_in(number);
  const auto all = number_in(count);
  if (!one || !all || *one > *all || *all > kMostShards) return {};
  return Shard{*one, *all};
}

fs::path folder_of(const OutputPaths& output) {
  const fs::path folder = fs::path(output.final).parent_path();
  return folder.empty() ? "." : folder;
}

std::string name_of(const OutputPaths& output) { return fs::path(output.final).filename(); }

// The journals' names are ".<name>.shard-<number>-of-<count>.rankine".
std::string prefix_of(const OutputPaths& output) { return "." + name_of(output) + ".shard-"; }

std::optional<Shard> shard_named(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix) || !name.ends_with(kSuffix)) return {};
  if (name.size() <= prefix.size() + kSuffix.size()) return {};
  name.remove_prefix(prefix.size());
  name.remove_suffix(kSuffix.size());
  constexpr std::string_view kOf = "-of-";
  const std::size_t of = name.find(kOf);
  if (of == std::string_view::npos) return {};
  return shard_of(name.substr(0, of), name.substr(of + kOf.size()));
}

// "2, 5 and 7"; of many the first.
std::string list_of(const std::vector<std::int32_t>& numbers) {
  constexpr std::size_t kMostNamed = 16;
  const std::size_t named = std::min(numbers.size(), kMostNamed);
  std::string list;
  for (std::size_t i = 0; i < named; ++i) {
    const bool last = i + 1 == numbers.size() && i > 0;
    list += (i == 0 ? "" : last ? " and " : ", ") + std::to_string(numbers[i]);
  }
  const std::size_t others = numbers.size() - named;
  return others == 0 ? list : list + " and " + std::to_string(others) + " more";
}

void check_one_cut(const OutputPaths& output, const std::vector<FoundShard>& found) {
  const Shard& first = found.front().shard;
  const Shard& last = found.back().shard;
  if (first.count == last.count) return;
  throw input_error("there are shards of two cuts: of " + std::to_string(first.count) + " and of " +
                        std::to_string(last.count),
                    output.final, "remove the folders " + prefix_of(output) + "* of one cut");
}

// The headers of all that are finished, by number.
std::vector<JobHeader> finished_headers(const OutputPaths& output,
                                        const std::vector<FoundShard>& found) {
  const std::int32_t count = found.front().shard.count;
  std::vector<JobHeader> headers;
  std::vector<std::int32_t> missing;
  auto next = found.begin();
  for (std::int32_t number = 1; number <= count; ++number) {
    std::optional<JobHeader> header;
    if (next != found.end() && next->shard.number == number) {
      header = read_job((next++)->paths.log_folder);
    }
    if (header && header->shard == Shard{number, count} && header->shard_finished) {
      headers.push_back(std::move(*header));
    } else {
      missing.push_back(number);
    }
  }
  if (missing.empty()) return headers;
  const std::string which = missing.size() == 1 ? "shard " : "shards ";
  const std::string one = std::to_string(missing.front()) + "/" + std::to_string(count);
  throw input_error(which + list_of(missing) + " of " + std::to_string(count) +
                        (missing.size() == 1 ? " is" : " are") + " not finished",
                    output.final,
                    "run " + std::string(missing.size() == 1 ? "it" : "them") +
                        " to the end (--shard " + one + " --resume), then merge again");
}

// A journal without a header is what is left of one that was taken over.
void check_finished(const FoundShard& one, const JobHeader& header) {
  const auto theirs = read_job(one.paths.log_folder);
  if (!theirs) return;
  const std::string which =
      std::to_string(one.shard.number) + "/" + std::to_string(one.shard.count);
  check_same_job(*theirs, header, one.paths,
                 "make it again: --shard " + which +
                     " without --resume (all of them, if an input "
                     "changed), then merge");
  if (theirs->shard_finished) return;
  throw Error(ExitCode::kUsage, text_of(one.shard) + " was begun again", one.paths.log_folder,
              "merge when it is finished");
}

void rename_log(const std::string& from, const std::string& to) {
  std::error_code problem;
  fs::rename(from, to, problem);
  if (!problem) return;
  throw SystemError(ExitCode::kTaskFailed, "cannot take over the log of a shard", from,
                    problem.value());
}

}  // namespace

Shard parse_shard(const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash != std::string::npos) {
    if (const auto shard = shard_of(text.substr(0, slash), text.substr(slash + 1))) return *shard;
  }
  throw usage_error("--shard does not take '" + text + "'",
                    "give it which one of how many, counted from 1: 3/8 (at most " +
                        std::to_string(kMostShards) + "); an array job is then --array=1-8");
}

std::string text_of(const Shard& shard) {
  return "shard " + std::to_string(shard.number) + " of " + std::to_string(shard.count);
}

OutputPaths shard_paths(const OutputPaths& output, const Shard& shard) {
  const std::string stem =
      prefix_of(output) + std::to_string(shard.number) + "-of-" + std::to_string(shard.count);
  if (stem.size() + kSuffix.size() > kLongestFileName) {
    throw usage_error("the name of the output is too long to be made in shards",
                      "choose a shorter one");
  }
  const fs::path beside = fs::path(output.final).parent_path() / stem;
  return {output.final, beside.string() + ".part", beside.string() + std::string(kSuffix)};
}

std::vector<FoundShard> find_shards(const OutputPaths& output) {
  const std::string prefix = prefix_of(output);
  std::vector<FoundShard> found;
  std::error_code problem;
  fs::directory_iterator entry(folder_of(output), problem);
  for (; !problem && entry != fs::directory_iterator(); entry.increment(problem)) {
    const std::string name = entry->path().filename().string();
    const auto shard = shard_named(name, prefix);
    if (!shard) continue;
    OutputPaths paths = shard_paths(output, *shard);
    if (is_ours(paths.log_folder)) found.push_back({*shard, std::move(paths)});
  }
  if (problem) {
    throw SystemError(ExitCode::kInput, "cannot list the folder of the output",
                      folder_of(output).string(), problem.value());
  }
  std::ranges::sort(found, {}, [](const FoundShard& one) {
    return std::pair(one.shard.count, one.shard.number);
  });
  return found;
}

bool took_over_shards(const JobHeader& job) { return job.shard && job.shard.number == 0; }

void remove_shards(const OutputPaths& output, const JobHeader& header) {
  for (const FoundShard& one : find_shards(output)) {
    if (is_claimed(one.paths)) continue;
    const auto theirs = read_job(one.paths.log_folder);
    if (!theirs || !theirs->shard_finished || !is_same_job(*theirs, header)) continue;
    const OutputClaim claim(one.paths, true);
    remove_working_files(one.paths);
  }
}

std::optional<JobHeader> finished_shards(const OutputPaths& output) {
  // Who began to take them over found them finished; some may be gone since then.
  auto begun = own_job(output.log_folder);
  if (begun && took_over_shards(*begun)) return begun;
  const std::vector<FoundShard> found = find_shards(output);
  // Meanwhile somebody may have begun.
  begun = own_job(output.log_folder);
  if (begun && took_over_shards(*begun)) return begun;
  if (found.empty()) return {};
  check_one_cut(output, found);
  JobHeader header = std::move(finished_headers(output, found).front());
  header.shard = {0, header.shard.count};
  header.shard_finished = false;
  return header;
}

void take_over_shards(const OutputPaths& output, const JobHeader& header) {
  std::vector<FoundShard> found = find_shards(output);
  std::erase_if(found, [&](const auto& one) { return one.shard.count != header.shard.count; });
  for (const FoundShard& one : found) check_finished(one, header);  // all before the first is moved
  write_job(output.log_folder, header);
  const std::vector<int> logs = log_numbers(output.log_folder);
  int next = logs.empty() ? 0 : logs.back() + 1;
  const PosixFile folder = PosixFile::open_read(output.log_folder);
  for (const FoundShard& one : found) {
    const OutputClaim claim(one.paths, true);  // one at a time: there may be thousands
    check_finished(one, header);
    for (const int number : log_numbers(one.paths.log_folder)) {
      rename_log(log_path(one.paths.log_folder, number), log_path(output.log_folder, next++));
    }
    sync_folder(folder);
    remove_working_files(one.paths);
  }
}

}  // namespace rankine::io
