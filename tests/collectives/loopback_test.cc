#include "collectives/loopback.h"

#include <atomic>
#include <cstdio>
#include <random>
#include <thread>
#include <tuple>

#include "tests/collectives/cases.h"

namespace rankine::collectives {
namespace {

// Runs body(communicator) on one thread per rank.
template <class Body>
void on_every_rank(LoopbackNetwork& network, int ranks, Body body) {
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&network, rank, body] { body(network.rank(rank)); });
  }
  for (std::thread& thread : threads) thread.join();
}

using Setting = std::tuple<int, std::size_t>;  // ranks, bytes of a segment

class Loopback : public ::testing::TestWithParam<Setting> {};

TEST_P(Loopback, KeepsTheContractOfACommunicator) {
  const auto [ranks, segment_bytes] = GetParam();
  const std::uint64_t seed = std::random_device{}();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  LoopbackNetwork network(ranks, segment_bytes);
  for (const cases::Case& each : cases::kAll) {
    SCOPED_TRACE(each.name);
    on_every_rank(network, ranks, [&](Communicator& communicator) {
      SCOPED_TRACE(each.name);
      each.run(communicator, seed);
    });
  }
}

TEST_P(Loopback, KnowsItsRankAndSize) {
  const auto [ranks, segment_bytes] = GetParam();
  LoopbackNetwork network(ranks, segment_bytes);
  for (int rank = 0; rank < ranks; ++rank) {
    EXPECT_EQ(network.rank(rank).rank(), rank);
    EXPECT_EQ(network.rank(rank).size(), ranks);
  }
  EXPECT_THROW(network.rank(ranks), Error);
  EXPECT_THROW(network.rank(-1), Error);
}

INSTANTIATE_TEST_SUITE_P(Sizes, Loopback,
                         ::testing::Combine(::testing::Values(1, 2, 3, 5),
                                            ::testing::Values(std::size_t{1000},
                                                              std::size_t{1 << 20})));

TEST(LoopbackBarrier, IsCompleteOnlyWhenEveryRankHasCalledIt) {
  LoopbackNetwork network(3);
  Request first = network.rank(0).async_barrier();
  Request second = network.rank(1).async_barrier();
  EXPECT_FALSE(network.rank(0).test(first));
  EXPECT_FALSE(network.rank(1).test(second));
  Request third = network.rank(2).async_barrier();
  EXPECT_TRUE(network.rank(0).test(first));
  EXPECT_TRUE(network.rank(1).test(second));
  EXPECT_TRUE(network.rank(2).test(third));
}

TEST(LoopbackBulk, MovesOneSegmentPerTest) {
  LoopbackNetwork network(2, 10);
  const auto out = cases::content(1, 25);
  cases::Bytes in(25);
  Request send = network.rank(0).async_send(1, 0, out);
  Request receive = network.rank(1).async_receive(0, 0, in);
  EXPECT_FALSE(network.rank(1).test(receive));
  EXPECT_FALSE(network.rank(1).test(receive));
  EXPECT_FALSE(network.rank(0).test(send)) << "the bytes are still being read";
  EXPECT_TRUE(network.rank(1).test(receive));
  EXPECT_TRUE(network.rank(0).test(send));
  EXPECT_EQ(in, out);
}

TEST(LoopbackBulk, RefusesLiveTagsThatASmallMpiWouldConfuse) {
  LoopbackNetwork network(2);
  cases::Bytes out(8), in(8);
  Request send = network.rank(0).async_send(1, 3, out);
  Request receive = network.rank(1).async_receive(0, 3 + kTagMask + 1, in);
  EXPECT_THROW(network.rank(1).test(receive), Error);
  EXPECT_THROW(network.rank(0).test(send), Error);
}

TEST(LoopbackCollectives, MustBeCalledInTheSameOrder) {
  LoopbackNetwork network(2);
  cases::Bytes bytes(8);
  Request listening = network.rank(1).async_broadcast(0, bytes);
  EXPECT_THROW(network.rank(0).async_barrier(), Error);
  Request rooting = network.rank(0).async_broadcast(0, bytes);
  EXPECT_NO_THROW(network.rank(1).test(listening));
  EXPECT_FALSE(listening.live());
  EXPECT_TRUE(network.rank(0).test(rooting));
}

TEST(LoopbackPackets, ManyThreadsOfOneRankMayTakeTurnsUnderTheRight) {
  LoopbackNetwork network(1);
  ProgressRight right;
  int sent = 0, received = 0;  // both under the right
  const auto drive = [&] {
    for (int i = 0; i < 2000;) {
      if (!right.try_lock()) continue;
      const int value = sent++;
      network.rank(0).send_packet(0, std::as_bytes(std::span(&value, 1)));
      network.rank(0).receive_packets([&](int, std::span<const std::byte> packet) {
        int got = -1;
        std::memcpy(&got, packet.data(), sizeof got);
        EXPECT_EQ(got, received++);
      });
      right.unlock();
      ++i;
    }
  };
  std::thread other(drive);
  drive();
  other.join();
  EXPECT_EQ(sent, 4000);
  EXPECT_EQ(received, 4000);
}

TEST(RequestDeathTest, EndsTheProgramWhenALiveOneIsDropped) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        LoopbackNetwork network(2);
        cases::Bytes bytes(8);
        { const Request dropped = network.rank(0).async_send(1, 0, bytes); }
      },
      "a transfer was dropped before it was complete");
  EXPECT_DEATH(
      {
        LoopbackNetwork network(2);
        Request request = network.rank(0).async_barrier();
        request = Request();
      },
      "a transfer was dropped before it was complete");
}

TEST(Request, MovesItsOperationAlong) {
  LoopbackNetwork network(2);
  Request first = network.rank(0).async_barrier();
  Request second = std::move(first);
  EXPECT_FALSE(first.live());
  EXPECT_TRUE(second.live());
  Request other = network.rank(1).async_barrier();
  EXPECT_TRUE(network.rank(0).test(second));
  EXPECT_TRUE(network.rank(1).test(other));
}

TEST(NextTag, NeverGivesTheRoomsOwnTag) {
  EXPECT_EQ(next_tag(0), 1u);
  EXPECT_EQ(next_tag(kGatherTag - 2), kGatherTag - 1);
  EXPECT_EQ(next_tag(kGatherTag - 1), 0u);
}

}  // namespace
}  // namespace rankine::collectives
