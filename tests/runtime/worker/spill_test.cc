// Chunks in scratch: parts of them come back as they were, room is used again, and what the disk
// refuses is said with the folder and a remedy.
#include "runtime/worker/spill.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <vector>

#include "runtime/kernels/convert.h"
#include "tests/support/random.h"

namespace rankine::worker {
namespace {

using testing::Random;

struct Calls {
  io::FileCalls saved = io::file_calls();
  ~Calls() { io::file_calls() = saved; }
};

std::string folder() { return std::filesystem::temp_directory_path(); }

std::vector<std::byte> pattern(Random& random, std::int64_t bytes) {
  std::vector<std::byte> made(static_cast<std::size_t>(bytes));
  for (std::byte& byte : made) byte = static_cast<std::byte>(random.between(0, 255));
  return made;
}

Box random_part(Random& random, const Box& box) {
  Box part = box;
  for (std::size_t k = 0; k < box.rank(); ++k) {
    part.lo[k] = random.between(box.lo[k], box.hi[k]);
    part.hi[k] = random.between(part.lo[k], box.hi[k]);
    if (random.one_in(2)) {
      part.lo[k] = box.lo[k];
      part.hi[k] = box.hi[k];
    }
  }
  return part;
}

TEST(Spill, AnyPartOfAChunkComesBackIntoAnyBox) {
  Random random("Spill.AnyPartOfAChunkComesBackIntoAnyBox");
  SpillFile file(folder());
  for (int round = 0; round < 300; ++round) {
    Box whole;
    const auto rank = static_cast<int>(random.between(0, 3));
    for (int k = 0; k < rank; ++k) {
      whole.lo.push_back(random.between(-3, 3));
      whole.hi.push_back(whole.lo.back() + random.between(1, rank == 1 ? 9000 : 40));
    }
    const auto size = static_cast<std::size_t>(1 << random.between(0, 3));
    const auto bytes = pattern(random, whole.size() * static_cast<std::int64_t>(size));
    const auto chunk = file.write(bytes);
    const Box target = random_part(random, whole);
    const Box part = random_part(random, target);
    std::vector<std::byte> expected(static_cast<std::size_t>(target.size()) * size);
    std::vector<std::byte> got = expected;
    if (!part.empty()) {
      std::vector<std::byte> dense(static_cast<std::size_t>(part.size()) * size);
      kernels::copy_overlap(size, whole, bytes.data(), part, dense.data());
      kernels::copy_overlap(size, part, dense.data(), target, expected.data());
    }
    chunk->read(size, whole, part, target, got.data());
    ASSERT_EQ(got, expected) << "round " << round;
  }
}

TEST(Spill, RoomIsUsedAgainAndBytesAreCounted) {
  SpillFile file(folder());
  std::vector<std::byte> bytes(5000, std::byte{7});
  std::int64_t first = -1;
  for (int i = 0; i < 10; ++i) {
    const auto chunk = file.write(bytes);
    if (i == 0) first = chunk->offset();
    EXPECT_EQ(chunk->offset(), first);
  }
  const auto one = file.write(bytes);
  const auto two = file.write(bytes);
  EXPECT_NE(one->offset(), two->offset());
  EXPECT_EQ(file.bytes_written(), 12 * 5000);
}

TEST(Spill, AFullOrBrokenDiskIsToldWithTheFolderAndARemedy) {
  const Calls calls;
  std::vector<std::byte> bytes(100);
  const auto expect_told = [](const auto& act, const std::string& place) {
    try {
      act();
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code, ExitCode::kTaskFailed);
      EXPECT_EQ(error.where, place);
      EXPECT_NE(error.remedy.find("--scratch"), std::string::npos) << error.remedy;
    }
  };
  SpillFile file(folder());
  const auto chunk = file.write(bytes);
  io::file_calls().pwrite = [](int, const void*, std::size_t, off_t) -> ssize_t {
    errno = ENOSPC;
    return -1;
  };
  expect_told([&] { file.write(bytes); }, folder());
  io::file_calls().pread = [](int, void*, std::size_t, off_t) -> ssize_t {
    errno = EIO;
    return -1;
  };
  const Box box = Box::whole({100});
  expect_told([&] { chunk->read(1, box, box, box, bytes.data()); }, folder());
  SpillFile nowhere("/nonexistent");
  expect_told([&] { nowhere.write(bytes); }, "/nonexistent");
}

}  // namespace
}  // namespace rankine::worker
