#include "io/open_inputs.h"

#include <dirent.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "runtime/base/error.h"
#include "tests/io/h5/sample_output.h"

namespace rankine::io {
namespace {

std::size_t descriptors() {
  std::size_t count = 0;
  DIR* folder = ::opendir("/proc/self/fd");
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

using Known = std::shared_ptr<const InputFile>;

// Holds its number.
Known made(const test::TempFolder& folder, int number) {
  const std::string path = folder / ("f" + std::to_string(number));
  PosixFile::create(path).write_full(std::as_bytes(std::span(&number, 1)));
  const PosixFile file = PosixFile::open_read(path);
  return input_file(path, file.size(), file.mtime_ns());
}

int number_in(const PosixFile& file) {
  int number = -1;
  file.pread_full(std::as_writable_bytes(std::span(&number, 1)), 0);
  return number;
}

TEST(OpenInputs, AllWhoReadFromAFileShareOneDescriptor) {
  const test::TempFolder folder;
  const Known first = made(folder, 7);
  const std::size_t before = descriptors();
  const auto one = first->get();
  const std::shared_ptr<const PosixFile> other =
      input_file(folder / "f7", one->size(), one->mtime_ns())->get();
  EXPECT_EQ(one, other);
  EXPECT_EQ(descriptors(), before + 1);
}

TEST(OpenInputs, OnlySoManyStayOpenAndTheOthersAreOpenedAgain) {
  const test::TempFolder folder;
  const std::size_t before = descriptors();
  std::vector<Known> files;
  const auto count = static_cast<int>(2 * most_open_inputs() + 5);
  for (int i = 0; i < count; ++i) files.push_back(made(folder, i));
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < count; ++i) ASSERT_EQ(number_in(*files[i]->get()), i);
    EXPECT_EQ(descriptors(), before + most_open_inputs());
  }
  const auto used = files.front()->get();
  for (const Known& file : files) file->get();
  EXPECT_EQ(number_in(*used), 0) << "what is used stays open";
  files.clear();
  EXPECT_EQ(descriptors(), before + 1) << "what nobody reads from is closed";
}

TEST(OpenInputs, AFileThatChangedIsAnErrorAndTheOldOneIsReadAsItWas) {
  const test::TempFolder folder;
  const Known old = made(folder, 1);
  const auto held = old->get();
  const std::string path = folder / "f1";
  ASSERT_EQ(std::rename(path.c_str(), (folder / "away").c_str()), 0);
  PosixFile::create(path).write_full(std::as_bytes(std::span("longer than it was")));
  EXPECT_EQ(number_in(*old->get()), 1);
  const PosixFile now = PosixFile::open_read(path);
  EXPECT_EQ(input_file(path, now.size(), now.mtime_ns())->get()->size(), now.size());
  try {
    input_file(path, now.size(), now.mtime_ns() - 1)->get();
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code, ExitCode::kInput);
    EXPECT_EQ(error.where, path);
    EXPECT_NE(error.message.find("changed"), std::string::npos);
  }
}

TEST(OpenInputs, ManyThreadsReadManyFiles) {
  const test::TempFolder folder;
  const std::size_t before = descriptors();
  std::vector<Known> files;
  const auto count = static_cast<int>(most_open_inputs() + 40);
  for (int i = 0; i < count; ++i) files.push_back(made(folder, i));
  constexpr unsigned kThreads = 8;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  for (unsigned t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(seed + t);
      for (int i = 0; i < 3000; ++i) {
        const int wanted = static_cast<int>(random() % static_cast<unsigned>(count));
        wrong += number_in(*files[static_cast<std::size_t>(wanted)]->get()) != wanted;
        if (i % 1000 == 0) {
          wrong += descriptors() > before + most_open_inputs() + 3 * kThreads;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(descriptors(), before + most_open_inputs());
}

}  // namespace
}  // namespace rankine::io
