// Splits the roles in one place and takes MPI down in one place.
#pragma once

#include <functional>
#include <string>

#include "runtime/session/session.h"

namespace rankine {

using Client = std::function<void(Session&)>;

// Call it first thing in main(). Removes the options it knows from argv (up to "--"):
//   --threads N  --memory SIZE  --stages FILE  --quiet  --no-history  --dedicated-scheduler
//   --reuse hold|reread|spill  --scratch DIR  --resources NAME=N,...  --no-fuse  --steal on|off
//   --straight on|off  --resume  --shard I/N  --merge
//   --allow-plugins  --allow-external  --allow-missing  --default-fill
// Starts MPI if a launcher started this process, calls client(session) on rank 0 while the other
// ranks serve, and returns the exit code of the program: rank 0's own, 0 on the others. An Error
// or another exception of the client is printed as one block. Prints the stage table on stderr
// unless --quiet.
int run(int& argc, char**& argv, const Client& client);

// As run(), with settings made by the caller instead of by options.
int run_with(const RunSettings& settings, const Client& client);

// The ranks of this program, for as long as run_world lasts. All of it is collective.
class World {
 public:
  World(collectives::Communicator& communicator, bool launched)
      : communicator_(communicator),
        launched_(launched) {}
  // As run_with: rank 0 calls client, the others serve until it returns. The code on every rank.
  int session(const RunSettings& settings, const Client& client);
  // For what ranks do by themselves between sessions; nothing of a session is under way then.
  collectives::Communicator& communicator() { return communicator_; }

 private:
  collectives::Communicator& communicator_;
  bool launched_;
  bool told_ = false;  // what is wrong with how the ranks were started
};

// For programs with a part of their own on every rank, measurements above all: starts MPI if a
// launcher started this process and calls body on every rank. Returns what body returns. An
// exception on one of several ranks ends all of them.
int run_world(const RunSettings& settings, const std::function<int(World&)>& body);

// Takes the options above out of argv. Throws Error (usage).
RunSettings take_run_options(int& argc, char** argv);

// Prints the block of the exception in flight and returns its exit code. For main().
int report_current_exception();

// The same for what fails before MPI has started, where mostly every rank fails alike: rank 0 of
// the launcher speaks. Another rank gives it time to, then returns the code without a word, so that
// a launcher ends the ranks that wait for it.
int report_failed_start();

}  // namespace rankine
