// The cases of tests/collectives over real MPI, in one start of the launcher. Run under mpirun
// with any number of ranks; the program fails if any expectation failed on any rank.
#include <cstdio>
#include <cstdlib>
#include <random>

#include "collectives/environment.h"
#include "collectives/mpi/mpi_communicator.h"
#include "collectives/mpi/version.h"
#include "tests/collectives/cases.h"

namespace rankine::collectives {
namespace {

MpiWorld* world = nullptr;  // lives in main
std::uint64_t seed = 0;     // the same on every rank

// What the ranks other than 0 print.
class FailurePrinter : public testing::EmptyTestEventListener {
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (!result.failed()) return;
    std::fprintf(stderr, "rank %d: %s:%d: %s\n", launcher_rank(), result.file_name(),
                 result.line_number(), result.message());
  }
};

class Mpi : public testing::TestWithParam<std::size_t> {};

TEST_P(Mpi, KeepsTheContractOfACommunicator) {
  barrier(world->communicator());  // no transfer may be live when the segments change
  world->set_segment_bytes(GetParam());
  for (const cases::Case& each : cases::kAll) {
    SCOPED_TRACE(each.name);
    each.run(world->communicator(), seed);
    barrier(world->communicator());
  }
}

INSTANTIATE_TEST_SUITE_P(SegmentBytes, Mpi,
                         testing::Values(std::size_t{1} << 30, std::size_t{1000}));

TEST(MpiWorld, AgreesWithTheLauncher) {
  EXPECT_TRUE(launched());
  EXPECT_EQ(world->communicator().rank(), launcher_rank());
  EXPECT_EQ(world->communicator().size(), launcher_size());
  EXPECT_EQ(local_rank(), launcher_rank()) << "the tests run on one node";
  EXPECT_EQ(local_size(), launcher_size());
}

TEST(MpiWorld, IsNamedInOneLine) {
  EXPECT_FALSE(mpi_library().empty());
  EXPECT_EQ(mpi_library().find_first_of("\n\t"), std::string::npos) << mpi_library();
  EXPECT_NE(how_to_start().find(srun_plugin()), std::string::npos);
}

TEST(MpiWorld, ExistsOnce) { EXPECT_THROW(MpiWorld(), Error); }

TEST(MpiWorld, RefusesSegmentsThatMpiCannotCount) {
  EXPECT_THROW(world->set_segment_bytes(0), Error);
  EXPECT_THROW(world->set_segment_bytes((std::size_t{1} << 30) + 1), Error);
}

// These leave only while their receiver takes packets, which it then does inside ~MpiWorld: if that
// could not cope, the program would hang or crash after the last test.
void leave_packets_on_their_way(Communicator& communicator) {
  const cases::Bytes packet(kPacketLimit);
  for (int to = 0; to < communicator.size(); ++to) {
    for (int i = 0; i < 40; ++i) communicator.send_packet(to, packet);
  }
}

// Rank 0 counts the failures of all, so the code of the program does not depend on the launcher.
int worst_of_all(int result) {
  const auto results = gather(world->communicator(), 0, std::as_bytes(std::span(&result, 1)));
  for (const cases::Bytes& bytes : results) {
    int other = 1;
    if (bytes.size() == sizeof other) std::memcpy(&other, bytes.data(), sizeof other);
    if (other != 0) result = other;
  }
  return result;
}

int run(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  MpiWorld the_world(&argc, &argv);
  world = &the_world;
  cases::Bytes bytes;
  if (the_world.communicator().rank() == 0) {
    bytes = cases::content(std::random_device{}(), sizeof seed);
  } else {  // one voice is enough; failures are printed by every rank
    delete testing::UnitTest::GetInstance()->listeners().Release(
        testing::UnitTest::GetInstance()->listeners().default_result_printer());
    testing::UnitTest::GetInstance()->listeners().Append(new FailurePrinter);
  }
  broadcast(the_world.communicator(), 0, bytes);
  std::memcpy(&seed, bytes.data(), sizeof seed);
  if (the_world.communicator().rank() == 0) {
    std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  }
  const int result = worst_of_all(RUN_ALL_TESTS());
  leave_packets_on_their_way(the_world.communicator());
  return result;
}

}  // namespace
}  // namespace rankine::collectives

int main(int argc, char** argv) {
  try {
    return rankine::collectives::run(argc, argv);
  } catch (const rankine::Error& error) {
    std::fputs(error.block().c_str(), stderr);
    return static_cast<int>(error.exit_code);
  }
}
