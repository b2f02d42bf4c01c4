// Every message between ranks, on one screen. Messages are fixed-layout structs; those of one turn
// to one rank travel in one packet (codec.h). All ranks run on machines of one byte order.
//
// Data plane, between any two ranks, worker to worker (worker/reactor.h):
//   Eager     a finished chunk, small, inside the message     sender has a credit for it
//   Announce  a finished chunk, large: it can be pulled       answered by Pull or Decline
//   Pull      send it by bulk transfer with this tag          answered by the bytes
//   Decline   not wanted any more (abort)
//   Give      a task of mine for you to run (worker/steal.h)   answered by one Return
//   Take      there is memory for it: its inputs may come, as chunks with names of their own
//   Return    it is over, its results come like its inputs; or it was not run
//   Credit    eager messages were consumed: so many more bytes may come; goes with an Eager if one
//             leaves in time
// Control plane, between a rank and rank 0 (scheduler/reactor.h):
//   Progress    rank -> 0  tasks finished in this graph, sent when the rank has nothing left to do
//   Advance     rank -> 0  tasks finished so far, now and then while the rank works: the heartbeat
//   Ask         0 -> rank  give tasks to a rank that has too few (scheduler/balance.h)
//   Gave        rank -> 0  the answer: how many were given
//   Failed      rank -> 0  a task failed; the error follows as bytes
//   Abort       0 -> all   stop admitting tasks, decline what is announced
//   CountQuery  0 -> all   after an abort: how many data messages did you send and receive?
//   CountReply  rank -> 0
//   Finish      0 -> all   the graph is over; nothing of it is left anywhere
//   Command     0 -> all   take part in a phase (session/commands.h), which follows as bytes
//   Made        rank -> 0  a task left a result for later graphs; small ones follow as bytes
//   Alive       rank -> 0  now and then while a graph is in flight: the rank heeds messages, and
//               and back   which task it ran last, of whichever graph
//   Explain     0 -> all   nothing has completed for a while: what do you wait for?
//   Explanation rank -> 0  text for people; follows as bytes
//   Report      rank -> 0  what the rank did in a graph that is over here; follows as bytes
//   Lowest      rank -> 0  memory is short: the lowest key that is not complete here (order_key.h)
//   Frontier    0 -> rank  memory is short: the lowest key that is complete nowhere
#pragma once

#include <cstdint>

namespace rankine::protocol {

enum class Kind : std::uint8_t {
  kEager,
  kAnnounce,
  kPull,
  kDecline,
  kGive,
  kTake,
  kReturn,
  kCredit,
  kProgress,
  kAdvance,
  kAsk,
  kGave,
  kFailed,
  kAbort,
  kCountQuery,
  kCountReply,
  kFinish,
  kCommand,
  kMade,
  kAlive,
  kExplain,
  kExplanation,
  kReport,
  kLowest,
  kFrontier,
};

struct ChunkName {
  std::uint32_t layer = 0;
  std::uint32_t output = 0;
  std::int64_t position = 0;
  bool operator==(const ChunkName&) const = default;
};

// One layout for all: 56 bytes, of which each kind uses what its line says.
struct Message {
  Kind kind = Kind::kEager;
  std::uint8_t unused[3] = {};
  std::uint32_t graph = 0;  // graphs are numbered from 1 in the order of their start
  ChunkName chunk;          // kEager kAnnounce kPull kDecline; kMade kGive kTake kReturn kAlive:
                            // the task; states: position: kGive messages it has had; kGave: output:
                            // to which rank, layer: how many
  std::int64_t bytes = 0;   // kEager kAnnounce kPull: of the chunk; states: nanoseconds of work of
                            // each thread in `second`; else bytes that follow
  std::int64_t first = 0;   // states: tasks; kCountReply: sent; kCredit: bytes; kPull: tag;
                            // kMade: 1 if the bytes are the whole result; kAsk: for which rank;
                            // kReturn: outputs that come, -1 if it was not run; kEager: as kCredit,
                            // what the sender owes
  std::int64_t second = 0;  // kCountReply: received; kAdvance kGave: tasks per thread to give away;
                            // kProgress: own tasks that others ran, less those of others
  std::uint32_t round = 0;  // kCountQuery kCountReply; states: tasks it has room for; kAsk: at most
  std::uint32_t idle = 0;   // kCountReply: 1 if no task is running or queued; states: Wants;
                            // kLowest: 1 if something waits for memory, 2 if all is complete
};
static_assert(sizeof(Message) == 56);

// What a rank says of itself by kProgress, kAdvance and kGave, the states: whether it wants tasks.
enum class Wants : std::uint32_t {
  kNothing,
  kSoon,  // none waits for the threads that now run one
  kNow,   // a thread has none
};

// Names of chunks that belong to a task that moved: its inputs, by number, and its results.
inline constexpr std::uint32_t kMovedMark = std::uint32_t{1} << 31;
inline constexpr std::uint32_t kResultMark = std::uint32_t{1} << 30;
inline bool is_moved(const ChunkName& chunk) { return (chunk.output & kMovedMark) != 0; }

// Bytes follow the message in the packet.
inline bool has_payload(Kind kind) {
  return kind == Kind::kEager || kind == Kind::kFailed || kind == Kind::kCommand ||
         kind == Kind::kMade || kind == Kind::kExplanation || kind == Kind::kReport;
}

// What ends an abort: these are counted by both sides.
inline bool is_data(Kind kind) { return kind <= Kind::kCredit; }

// What a rank's part of the graph takes; the others are for the engine of the rank.
inline bool is_for_graph(Kind kind) {
  return is_data(kind) || kind == Kind::kAsk || kind == Kind::kAbort || kind == Kind::kCountQuery ||
         kind == Kind::kFinish || kind == Kind::kFrontier;
}
inline bool is_state(Kind kind) {
  return kind == Kind::kProgress || kind == Kind::kAdvance || kind == Kind::kGave;
}

inline constexpr std::int64_t kToldLimit = 1024;        // bytes of a result that travels with kMade
inline constexpr std::int64_t kEagerLimit = 64 * 1024;  // bytes of a chunk that travels eagerly
// Eager messages under way per ordered pair of ranks, in bytes; one counts kEagerCost at least, for
// it may travel in a packet of its own. The first always fits.
inline constexpr std::int64_t kEagerWindow = std::int64_t{1} << 20;
inline constexpr std::int64_t kEagerCost = 4096;
inline std::int64_t eager_cost(std::int64_t bytes) {
  return bytes + static_cast<std::int64_t>(sizeof(Message)) < kEagerCost
             ? kEagerCost
             : bytes + static_cast<std::int64_t>(sizeof(Message));
}

}  // namespace rankine::protocol
