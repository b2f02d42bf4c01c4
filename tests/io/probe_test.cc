#include "io/probe.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "io/dataset.h"
#include "io/h5/inspect.h"
#include "io/h5/record_driver.h"
#include "runtime/base/archive.h"
#include "tests/io/h5/python_file.h"

namespace rankine::io {
namespace {

using namespace test;

// A child of this process, or 0.
pid_t some_child() {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream stat("/proc/" + name + "/stat");
    std::string text;
    std::getline(stat, text);
    // "pid (name) state ppid ..."
    const auto end = text.rfind(')');
    if (end == std::string::npos || end + 4 >= text.size() || text[end + 2] == 'Z') continue;
    if (std::atol(text.c_str() + end + 4) == ::getpid()) return static_cast<pid_t>(std::stol(name));
  }
  return 0;
}

// Whether a process has the file open.
bool has_open(pid_t process, const std::string& path) {
  std::error_code gone;
  const std::string folder = "/proc/" + std::to_string(process) + "/fd";
  for (std::filesystem::directory_iterator entry(folder, gone), end; !gone && entry != end;
       entry.increment(gone)) {
    std::error_code closed;
    if (std::filesystem::read_symlink(entry->path(), closed) == path) return true;
  }
  return false;
}

// Probes one file many times; the child is hit by a signal while it has the file open.
std::vector<Probed> probe_with_signal(const std::string& path, int signal) {
  const std::vector<std::string> paths(4000, path);
  std::vector<Probed> results;
  std::atomic<bool> done = false;
  std::thread prober([&] {
    results = try_probe_files(paths, {.timeout_ms = 5000});
    done = true;
  });
  pid_t child = 0;
  while (!done && (child == 0 || !has_open(child, path))) child = some_child();
  EXPECT_FALSE(done) << "the child was never seen at work";
  if (child != 0) ::kill(child, signal);
  prober.join();
  EXPECT_EQ(results.size(), paths.size());
  return results;
}

std::vector<Error> errors_of(const std::vector<Probed>& results) {
  std::vector<Error> errors;
  for (const auto& result : results) {
    if (!result.info) errors.push_back(result.error);
  }
  return errors;
}

constexpr const char* kSmallFile = R"(
f = h5py.File(path, 'w')
for i in range(10): f.create_dataset(f'd{i}', data=np.arange(100), chunks=(7,)).attrs['a'] = 'text'
)";

TEST(Probe, ReturnsWhatInspectionReturns) {
  const TempFolder folder;
  const auto a = python_file(folder, "a.h5", kSmallFile);
  const auto b = python_file(folder, "b.h5", "h5py.File(path, 'w')['x'] = 1.5");
  const auto infos = probe_files({a, b});
  ASSERT_EQ(infos.size(), 2u);
  EXPECT_EQ(to_bytes(infos[0]), to_bytes(inspect(a)));
  EXPECT_EQ(to_bytes(infos[1]), to_bytes(inspect(b)));
  const auto indexes = probe_indexes(a, {"/d3", "/d0"});
  ASSERT_EQ(indexes.size(), 2u);
  EXPECT_EQ(to_bytes(indexes[0]), to_bytes(record_index(a, "/d3")));
  EXPECT_EQ(indexes[1].size(), 15u);
  EXPECT_TRUE(probe_indexes(b, {"/x"}).at(0).empty());
  EXPECT_TRUE(probe_files({}).empty());
}

TEST(Probe, GoesOnAfterAFileThatCannotBeRead) {
  const TempFolder folder;
  const auto good = python_file(folder, "a.h5", kSmallFile);
  std::ofstream(folder / "bad") << "not HDF5, but long enough to look at";
  const auto results = try_probe_files({good, folder / "bad", folder / "none", good});
  EXPECT_TRUE(results[0].info.has_value());
  EXPECT_EQ(results[1].error.message, "this is not an HDF5 or netCDF-4 file");
  EXPECT_EQ(results[2].error.where, folder / "none");
  EXPECT_EQ(results[2].error.exit_code, ExitCode::kInput);
  EXPECT_TRUE(results[3].info.has_value());
  EXPECT_EQ(error_of([&] { probe_files({good, folder / "none"}); }).where, folder / "none");
  EXPECT_EQ(error_of([&] { probe_indexes(good, {"/d0", "/none"}); }).where, good + ":/none");
}

TEST(Probe, MakesACrashOfTheLibraryAnErrorOfOneFile) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.h5", kSmallFile);
  const auto errors =
      errors_of(probe_with_signal(path, SIGABRT));  // sanitizers handle SIGSEGV themselves
  ASSERT_EQ(errors.size(), 1u) << "a new child goes on with the next file";
  EXPECT_EQ(errors[0].message, "the HDF5 library crashed on it (signal 6)");
  EXPECT_EQ(errors[0].exit_code, ExitCode::kInput);
  EXPECT_EQ(errors[0].where, path);
  EXPECT_EQ(some_child(), 0) << "no child may be left";
}

TEST(Probe, MakesAHangOfTheLibraryAnErrorOfOneFile) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.h5", kSmallFile);
  const auto errors = errors_of(probe_with_signal(path, SIGSTOP));
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].message, "the HDF5 library did not come to an end on it (5000 ms)");
  EXPECT_EQ(errors[0].exit_code, ExitCode::kInput);
  EXPECT_EQ(some_child(), 0) << "no child may be left";
}

TEST(Probe, OneChildGoesOnWhileItIsKept) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.h5", kSmallFile);
  {
    const KeptProbe kept;
    probe_files({path});
    const pid_t child = some_child();
    ASSERT_NE(child, 0);
    {
      const KeptProbe inner;
      EXPECT_EQ(probe_indexes(path, {"/d0"}).at(0).size(), 15u);
    }
    EXPECT_EQ(some_child(), child);
    ::kill(child, SIGKILL);
    EXPECT_TRUE(try_probe_files({path})[0].info.has_value()) << "that it ended is no file's fault";
    EXPECT_NE(some_child(), child);
    EXPECT_NE(some_child(), 0);
  }
  EXPECT_EQ(some_child(), 0) << "no child may be left";
}

TEST(Probe, StartsTheChildWithoutTheVariablesOfLaunchers) {
  const TempFolder folder;
  const std::string script = folder / "child";
  std::ofstream(script) << "#!/bin/sh\nenv > " << folder / "env"
                        << "\necho $1 >> " << folder / "env"
                        << "\nexit 3\n";
  ::chmod(script.c_str(), 0755);
  const char* const launcher[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK",       "PMI_RANK",
                                  "SLURM_JOB_ID",         "MPI_LOCALRANKID", "HYDI_CONTROL_FD"};
  for (const char* name : launcher) ::setenv(name, "4", 1);
  ::setenv("RANKINE_TEST_KEPT", "yes", 1);
  const Error error =
      error_of([&] { try_probe_files({"any"}, {.executable = script, .timeout_ms = 5000}); });
  for (const char* name : launcher) ::unsetenv(name);
  ::unsetenv("RANKINE_TEST_KEPT");
  EXPECT_NE(error.message.find("cannot start"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("exit code 3"), std::string::npos) << error.message;
  std::ifstream stream(folder / "env");
  const std::string environment{std::istreambuf_iterator<char>(stream), {}};
  EXPECT_NE(environment.find("RANKINE_TEST_KEPT=yes"), std::string::npos);
  EXPECT_NE(environment.find("--rankine-probe"), std::string::npos);
  for (const char* name : launcher) EXPECT_EQ(environment.find(name), std::string::npos) << name;
}

TEST(Probe, SaysThatItsExecutableIsMissing) {
  const Error error = error_of([] { try_probe_files({"any"}, {.executable = "/none"}); });
  EXPECT_NE(error.message.find("/none: No such file or directory"), std::string::npos);
}

TEST(Probe, LeavesOtherCommandLinesAlone) {
  char name[] = "rankine";
  char verb[] = "eval";
  char hidden[] = "--rankine-probe";
  char number[] = "999999";
  char* nothing[] = {name, nullptr};
  char* other[] = {name, verb, nullptr};
  char* by_hand[] = {name, hidden, nullptr};
  char* no_socket[] = {name, hidden, number, nullptr};
  EXPECT_FALSE(run_probe_child(1, nothing).has_value());
  EXPECT_FALSE(run_probe_child(2, other).has_value());
  EXPECT_EQ(run_probe_child(2, by_hand), 2);
  EXPECT_EQ(run_probe_child(3, no_socket), 2);
}

TEST(Probe, ReadsInTheChildWhatTheLibraryMustRead) {
  const TempFolder folder;
  const auto path = python_file(folder, "a.h5", R"(
f = h5py.File(path, 'w')
c = h5py.h5p.create(h5py.h5p.DATASET_CREATE); c.set_chunk((100,)); c.set_deflate(1); c.set_deflate(1)
h5py.h5d.create(f.id, b'd', h5py.h5t.NATIVE_INT32, h5py.h5s.create_simple((1000,)), c)
f['d'][:] = np.arange(1000)
info = f['d'].id.get_chunk_info(4)
f.close()
with open(path, 'r+b') as raw_file:
  raw_file.seek(info.byte_offset + 20); raw_file.write(b'\xff' * 5))");
  const FileInfo info = probe_files({path}).at(0);
  EXPECT_FALSE(make_dataset(info, "/d").direct);
  const Error error = error_of([&] { probe_indexes(path, {"/d"}); });
  EXPECT_EQ(error.exit_code, ExitCode::kInput);
  EXPECT_EQ(error.where, path + ":/d, chunk (4,)");
}

}  // namespace
}  // namespace rankine::io
