// What every communicator must do. The loopback tests and the MPI program run the same cases; every
// rank calls a case with its own communicator and the same seed, and no rank begins a case before
// all have ended the one before.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "collectives/broadcast.h"
#include "collectives/communicator.h"
#include "collectives/gather.h"
#include "collectives/progress.h"
#include "runtime/base/error.h"

namespace rankine::collectives::cases {

using Bytes = std::vector<std::byte>;
using Random = std::mt19937_64;

inline std::size_t pick(Random& random, std::size_t lo, std::size_t hi) {
  return std::uniform_int_distribution<std::size_t>(lo, hi)(random);
}

// The bytes that message `id` must carry, so that both ends know them without talking.
inline Bytes content(std::uint64_t id, std::size_t size) {
  Random random(id);
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; i += sizeof(std::uint64_t)) {
    const std::uint64_t word = random();
    std::memcpy(bytes.data() + i, &word, std::min(sizeof word, size - i));
  }
  return bytes;
}

inline std::uint64_t id_of(std::uint64_t seed, int from, int to, std::uint64_t index) {
  return ((seed * 31 + static_cast<std::uint64_t>(from)) * 31 + static_cast<std::uint64_t>(to)) *
             1000003 +
         index;
}

// Packet `index` of a pair; small ones mostly, with the smallest and the largest among them.
inline Bytes packet_of(std::uint64_t seed, int from, int to, std::uint64_t index) {
  Random random(id_of(seed, from, to, index) + 1);
  constexpr std::size_t kTops[] = {64, 64, 5000, kPacketLimit};
  std::size_t size = pick(random, 0, kTops[index % 4]);
  if (index == 3) size = kPacketLimit;
  if (index == 5) size = 0;
  return content(id_of(seed, from, to, index), size);
}

// Counts and checks packets as they come: the n-th from a rank must be that rank's n-th.
class PacketCheck {
 public:
  PacketCheck(Communicator& communicator, std::uint64_t seed)
      : communicator_(communicator),
        seed_(seed),
        seen_(static_cast<std::size_t>(communicator.size()), 0) {}

  int receive() {
    return communicator_.receive_packets([this](int from, std::span<const std::byte> packet) {
      auto& index = seen_.at(static_cast<std::size_t>(from));
      const Bytes expected = packet_of(seed_, from, communicator_.rank(), index++);
      EXPECT_TRUE(std::ranges::equal(packet, expected)) << "packet " << index << " from " << from;
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(packet.data()) % kPacketAlignment, 0u);
    });
  }
  std::uint64_t total() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : seen_) sum += count;
    return sum;
  }

 private:
  Communicator& communicator_;
  std::uint64_t seed_;
  std::vector<std::uint64_t> seen_;
};

inline void packets_arrive_once_and_in_order(Communicator& communicator, std::uint64_t seed) {
  constexpr std::uint64_t kPackets = 300;
  Random random(seed + static_cast<std::uint64_t>(communicator.rank()));
  PacketCheck check(communicator, seed);
  for (std::uint64_t index = 0; index < kPackets; ++index) {
    for (int to = 0; to < communicator.size(); ++to) {
      communicator.send_packet(to, packet_of(seed, communicator.rank(), to, index));
    }
    if (pick(random, 0, 40) == 0) check.receive();
  }
  const std::uint64_t expected = kPackets * static_cast<std::uint64_t>(communicator.size());
  Waiter waiter(Cores::kShared);
  while (check.total() < expected) {
    if (check.receive() > 0) waiter.progressed();
    waiter.wait();
  }
  barrier(communicator);
  EXPECT_EQ(check.receive(), 0);
  EXPECT_EQ(check.total(), expected);
}

struct Message {
  std::uint32_t tag;
  std::uint64_t id;
  std::size_t size;
};

// The bulk messages of an ordered pair. Tags count up from a random start, also across the end.
inline std::vector<Message> messages_of(std::uint64_t seed, int from, int to) {
  Random random(id_of(seed, from, to, 0));
  std::vector<std::size_t> sizes = {0, 1, 999, 1000, 1001, 64 * 1024 + 1};
  for (int i = 0; i < 6; ++i) sizes.push_back(pick(random, 0, 20000));
  std::uint32_t tag = kGatherTag - static_cast<std::uint32_t>(pick(random, 1, 20));
  std::vector<Message> messages;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    messages.push_back({tag, id_of(seed, from, to, i + 1), sizes[i]});
    tag = next_tag(tag);
  }
  return messages;
}

inline void finish(Communicator& communicator, std::vector<Request>& requests) {
  Waiter waiter(Cores::kShared);
  for (Request& request : requests) {
    wait_for(communicator, request, waiter);
    EXPECT_FALSE(request.live());
    EXPECT_TRUE(communicator.test(request)) << "an empty request is complete";
  }
}

// All messages between all pairs are live at once and posted in another order at either end.
inline void bulk_meets_by_tag(Communicator& communicator, std::uint64_t seed) {
  const int me = communicator.rank();
  struct End {
    bool sends;
    int peer;
    Message message;
    Bytes bytes;
  };
  std::vector<End> ends;
  for (int peer = 0; peer < communicator.size(); ++peer) {
    for (const Message& message : messages_of(seed, me, peer)) {
      ends.push_back({true, peer, message, content(message.id, message.size)});
    }
    for (const Message& message : messages_of(seed, peer, me)) {
      ends.push_back({false, peer, message, Bytes(message.size)});
    }
  }
  Random random(seed + 77 * static_cast<std::uint64_t>(me));
  std::shuffle(ends.begin(), ends.end(), random);
  std::vector<Request> requests;
  for (End& end : ends) {
    requests.push_back(end.sends
                           ? communicator.async_send(end.peer, end.message.tag, end.bytes)
                           : communicator.async_receive(end.peer, end.message.tag, end.bytes));
  }
  finish(communicator, requests);
  for (const End& end : ends) {
    EXPECT_EQ(end.bytes, content(end.message.id, end.message.size))
        << (end.sends ? "to " : "from ") << end.peer << ", tag " << end.message.tag;
  }
}

inline void equal_tags_meet_in_order(Communicator& communicator, std::uint64_t seed) {
  const int next = (communicator.rank() + 1) % communicator.size();
  const int previous = (communicator.rank() + communicator.size() - 1) % communicator.size();
  constexpr std::size_t kMessages = 20;
  const auto length = [](std::size_t i) { return i * 700; };
  std::vector<Bytes> out, in;
  std::vector<Request> requests;
  for (std::size_t i = 0; i < kMessages; ++i) {
    out.push_back(content(seed + i, length(i)));
    in.emplace_back(length(i));
    requests.push_back(communicator.async_send(next, 5, out[i]));
    requests.push_back(communicator.async_receive(previous, 5, in[i]));
  }
  finish(communicator, requests);
  EXPECT_EQ(in, out);
}

inline void broadcast_brings_the_root_s_bytes(Communicator& communicator, std::uint64_t seed) {
  Random random(seed);
  for (int root = 0; root < communicator.size(); ++root) {
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, std::size_t{64 * 1024 + 1}, pick(random, 2, 300000)}) {
      const Bytes expected = content(seed + size, size);
      Bytes bytes = communicator.rank() == root ? expected : Bytes(17);
      const BroadcastTimes times = broadcast(communicator, root, bytes);
      EXPECT_EQ(bytes, expected);
      EXPECT_GE(times.wall_s, 0.0);
    }
  }
}

inline void gather_brings_every_rank_s_bytes(Communicator& communicator, std::uint64_t seed) {
  const std::size_t sizes[] = {64 * 1024 + 1, 0, 1, 12345};
  const auto bytes_of = [&](int rank, int root) {
    return content(seed + static_cast<std::uint64_t>(rank),
                   sizes[static_cast<std::size_t>(rank + root) % 4]);
  };
  for (int root = 0; root < communicator.size(); ++root) {
    const auto all = gather(communicator, root, bytes_of(communicator.rank(), root));
    std::vector<Bytes> expected;
    for (int rank = 0; rank < communicator.size() && communicator.rank() == root; ++rank) {
      expected.push_back(bytes_of(rank, root));
    }
    EXPECT_EQ(all, expected);
  }
}

// Packets, bulk and collectives are under way at once and do not meet each other.
inline void kinds_of_traffic_do_not_mix(Communicator& communicator, std::uint64_t seed) {
  const int ranks = communicator.size();
  const int root = ranks - 1;
  PacketCheck check(communicator, seed);
  const Bytes announced = content(seed, 50000);
  Bytes heard = communicator.rank() == root ? announced : Bytes(announced.size());
  std::vector<Bytes> in(static_cast<std::size_t>(ranks), Bytes(9000));
  const Bytes out = content(seed + static_cast<std::uint64_t>(communicator.rank()), 9000);
  std::vector<Request> requests;
  requests.push_back(communicator.async_broadcast(root, heard));
  requests.push_back(communicator.async_barrier());
  for (int peer = 0; peer < ranks; ++peer) {
    requests.push_back(communicator.async_receive(peer, 0, in[static_cast<std::size_t>(peer)]));
    requests.push_back(communicator.async_send(peer, 0, out));
    communicator.send_packet(peer, packet_of(seed, communicator.rank(), peer, 0));
  }
  while (check.total() < static_cast<std::uint64_t>(ranks)) check.receive();
  finish(communicator, requests);
  EXPECT_EQ(heard, announced);
  for (int peer = 0; peer < ranks; ++peer) {
    EXPECT_EQ(in[static_cast<std::size_t>(peer)],
              content(seed + static_cast<std::uint64_t>(peer), 9000));
  }
}

inline void a_throwing_handler_loses_only_its_packet(Communicator& communicator, std::uint64_t) {
  for (std::uint8_t i = 0; i < 40; ++i) {
    communicator.send_packet(communicator.rank(), std::as_bytes(std::span(&i, 1)));
  }
  std::vector<int> seen;
  const auto handler = [&](int, std::span<const std::byte> packet) {
    const int value = std::to_integer<int>(packet[0]);
    if (value % 3 == 0) throw value;
    seen.push_back(value);
  };
  int thrown = 0;
  while (seen.size() + static_cast<std::size_t>(thrown) < 40) {
    try {
      communicator.receive_packets(handler);
    } catch (int) {
      ++thrown;
    }
  }
  EXPECT_EQ(thrown, 14);
  EXPECT_TRUE(std::ranges::is_sorted(seen));
}

// One token per rank goes round; each makes 50 hops, so every rank sees 50 packets.
inline void a_handler_may_send(Communicator& communicator, std::uint64_t) {
  const int next = (communicator.rank() + 1) % communicator.size();
  const auto pass_on = [&](int hops) {
    const auto token = static_cast<std::byte>(hops);
    communicator.send_packet(next, std::span(&token, 1));
  };
  pass_on(1);
  int received = 0;
  while (received < 50) {
    communicator.receive_packets([&](int, std::span<const std::byte> packet) {
      ++received;
      const int hops = std::to_integer<int>(packet[0]);
      if (hops < 50) pass_on(hops + 1);
    });
  }
  EXPECT_EQ(received, 50);
}

inline void wrong_arguments_are_refused(Communicator& communicator, std::uint64_t) {
  Bytes bytes(kPacketLimit + 1);
  EXPECT_THROW(communicator.send_packet(0, bytes), Error);
  for (const int nobody : {-1, communicator.size()}) {
    EXPECT_THROW(communicator.send_packet(nobody, {}), Error);
    EXPECT_THROW(communicator.async_send(nobody, 0, bytes), Error);
    EXPECT_THROW(communicator.async_receive(nobody, 0, bytes), Error);
    EXPECT_THROW(communicator.async_broadcast(nobody, bytes), Error);
  }
}

// To itself, so that no other rank is left waiting. The send comes first: Open MPI 4.1 cuts a short
// message of a rank to itself without an error if the receive was posted before.
inline void a_receive_of_another_length_is_an_error(Communicator& communicator, std::uint64_t) {
  for (const std::size_t length : {std::size_t{99}, std::size_t{101}}) {
    const Bytes out(100);
    Bytes in(length);
    Request send = communicator.async_send(communicator.rank(), 1, out);
    Request receive = communicator.async_receive(communicator.rank(), 1, in);
    try {
      wait_for(communicator, receive, Waiter(Cores::kShared));
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.message.find_first_of("\n\t"), std::string::npos) << error.message;
    }
    EXPECT_FALSE(receive.live());
    try {
      wait_for(communicator, send, Waiter(Cores::kShared));
    } catch (const Error&) {  // a network may tell the sender, too
    }
    EXPECT_FALSE(send.live());
  }
}

struct Case {
  const char* name;
  void (*run)(Communicator&, std::uint64_t seed);
};

inline constexpr Case kAll[] = {
    {"packets arrive once and in order", packets_arrive_once_and_in_order},
    {"bulk meets by tag", bulk_meets_by_tag},
    {"equal tags meet in order", equal_tags_meet_in_order},
    {"broadcast brings the root's bytes", broadcast_brings_the_root_s_bytes},
    {"gather brings every rank's bytes", gather_brings_every_rank_s_bytes},
    {"kinds of traffic do not mix", kinds_of_traffic_do_not_mix},
    {"a throwing handler loses only its packet", a_throwing_handler_loses_only_its_packet},
    {"a handler may send", a_handler_may_send},
    {"wrong arguments are refused", wrong_arguments_are_refused},
    {"a receive of another length is an error", a_receive_of_another_length_is_an_error},
};

}  // namespace rankine::collectives::cases
