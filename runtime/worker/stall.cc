#include "runtime/worker/stall.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "runtime/graph/story.h"

namespace rankine::worker {
namespace {

constexpr std::size_t kMostTasks = 4;   // of one kind of sentence
constexpr std::size_t kMostInputs = 3;  // of one task

std::string counted(std::int64_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

class Explanation {
 public:
  Explanation(const graph::Topology& topology, const plan::Placement& placement, const Board& board,
              const Reactor& reactor)
      : topology_(topology),
        placement_(placement),
        board_(board),
        reactor_(reactor) {}

  std::string text() {
    const std::string all = board_.describe();
    text_ = all.substr(0, all.find('\n') + 1);  // the counters
    add_running();
    add_waiting();
    add_sources();
    add_pulls();
    add_announces();
    if (board_.admission() != nullptr) text_ += board_.admission()->describe();
    if (reactor_.aborting()) text_ += "  the graph was given up: waits for what is under way\n";
    return std::move(text_);
  }

 private:
  struct Waiting {
    std::int32_t depth;
    TaskId task;
    std::int64_t missing;
    bool operator<(const Waiting& other) const {
      return std::tuple(depth, task.layer, task.position) <
             std::tuple(other.depth, other.task.layer, other.task.position);
    }
  };

  void add_more(std::size_t shown, std::size_t count, const char* indent) {
    if (count > shown) text_ += indent + ("and " + std::to_string(count - shown)) + " more\n";
  }

  void add_running() {
    const auto& running = board_.running();
    const std::size_t shown = std::min(kMostTasks, running.size());
    for (std::size_t i = 0; i < shown; ++i) {
      text_ += "  runs: " + graph::story_of(topology_, running[i]) + "\n";
    }
    add_more(shown, running.size(), "  ");
  }

  void add_waiting() {
    std::vector<Waiting> waiting;
    board_.for_each_waiting([&](const TaskId& task, std::int64_t missing) {
      waiting.push_back({placement_.depth(task.layer), task, missing});
      return true;
    });
    const std::size_t shown = std::min(kMostTasks, waiting.size());
    std::partial_sort(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(shown),
                      waiting.end());
    for (std::size_t i = 0; i < waiting.size(); ++i) add_inputs(waiting[i], i < shown);
    add_more(shown, waiting.size(), "  ");
  }

  // Counts the missing inputs by the rank that makes them, and names the first ones.
  void add_inputs(const Waiting& waiting, bool named) {
    if (named) {
      text_ += "  " + graph::story_of(topology_, waiting.task) + " waits for " +
               std::to_string(waiting.missing) + " of " +
               counted(topology_.count_inputs(waiting.task), "input") + ":\n";
    }
    std::size_t lines = 0;
    std::size_t missing = 0;
    topology_.for_each_input(waiting.task, [&](const ChunkId& chunk) {
      if (board_.holds(chunk)) return;
      const int home = placement_.home(topology_, chunk.task());
      ++missing_from_[home];
      ++missing;
      if (!named || lines == kMostInputs) return;
      ++lines;
      text_ +=
          "    " + graph::story_of(topology_, chunk.task()) + ": " + state_of(chunk, home) + "\n";
    });
    if (named) add_more(lines, missing, "    ");
  }

  std::string state_of(const ChunkId& chunk, int home) const {
    if (home == board_.rank()) {
      const auto& running = board_.running();
      const bool runs = std::find(running.begin(), running.end(), chunk.task()) != running.end();
      return runs ? "runs on this rank" : "on this rank, not done";
    }
    const bool pulled =
        reactor_.incoming().contains(ChunkName{chunk.layer, chunk.output, chunk.position});
    return (pulled ? "pulled, not here yet, from rank " : "no word from rank ") +
           std::to_string(home);
  }

  void add_sources() {
    missing_from_.erase(board_.rank());
    if (missing_from_.empty()) return;
    std::vector<std::pair<std::int64_t, int>> ranks;  // most first
    for (const auto& [rank, count] : missing_from_) ranks.push_back({-count, rank});
    std::sort(ranks.begin(), ranks.end());
    text_ += "  inputs missing in all:";
    const std::size_t shown = std::min<std::size_t>(2 * kMostTasks, ranks.size());
    for (std::size_t i = 0; i < shown; ++i) {
      text_ += (i == 0 ? " " : ", ") + std::to_string(-ranks[i].first) + " from rank " +
               std::to_string(ranks[i].second);
    }
    text_ += ranks.size() > shown
                 ? ", and others from " +
                       counted(static_cast<std::int64_t>(ranks.size() - shown), "rank") + "\n"
                 : "\n";
  }

  void add_pulls() {
    std::map<int, std::int64_t> pulls;
    for (const auto& [chunk, from] : reactor_.incoming()) ++pulls[from];
    add_ranks(pulls, "pulled chunk", "not come yet from rank ");
    std::map<int, std::int64_t> unpulled;
    for (const auto& waiting : reactor_.announced()) ++unpulled[waiting.from];
    add_ranks(unpulled, "announced chunk", "not pulled yet from rank ");
  }

  void add_announces() {
    std::map<int, std::int64_t> announced;
    std::map<int, std::int64_t> lent;
    for (const auto& [rank, peer] : reactor_.peers()) {
      if (peer.open_announces > 0) announced[rank] = peer.open_announces;
      if (peer.lent > 0) lent[rank] = peer.lent;
    }
    add_ranks(announced, "announced chunk", "not taken yet by rank ");
    add_ranks(lent, "byte", "sent eagerly and not acknowledged by rank ");
  }

  void add_ranks(const std::map<int, std::int64_t>& counts, const char* what, const char* how) {
    std::size_t lines = 0;
    for (const auto& [rank, count] : counts) {
      if (lines++ == kMostTasks) {
        text_ +=
            "  and the same with " + std::to_string(counts.size() - kMostTasks) + " more ranks\n";
        return;
      }
      text_ += "  " + counted(count, what) + " " + how + std::to_string(rank) + "\n";
    }
  }

  const graph::Topology& topology_;
  const plan::Placement& placement_;
  const Board& board_;
  const Reactor& reactor_;
  std::map<int, std::int64_t> missing_from_;  // by rank
  std::string text_;
};

}  // namespace

std::string explain_stall(const graph::Topology& topology, const plan::Placement& placement,
                          const Board& board, const Reactor& reactor) {
  return Explanation(topology, placement, board, reactor).text();
}

}  // namespace rankine::worker
