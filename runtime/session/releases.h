// What may be forgotten on the ranks: collected as handles go, told to the engine in portions.
// Thread-safe; handles may outlive the session, for which close() stands.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>

#include "runtime/session/engine.h"

namespace rankine::session {

class Releases {
 public:
  explicit Releases(Engine& engine) : engine_(&engine) {}
  void close();

  void add_value(const graph::HeldName& name, int home);
  void add_array(std::uint32_t graph, std::uint32_t slot);
  void add_scattered(std::uint64_t name);
  // Everything so far is told. To be called before a graph is started.
  void flush();

 private:
  static constexpr std::size_t kMany = 256;
  void tell();  // holds mutex_
  std::size_t waiting() const;

  std::mutex mutex_;
  Engine* engine_;  // null when closed
  Released released_;
};

// The chunks of a persisted array can be released when their graph is over and their handle is
// gone.
class ArrayRelease {
 public:
  // Before the handle is made; the graph may be over already.
  void set(std::function<void()> release);
  void on_over() { pass(over_); }
  void on_dropped() { pass(dropped_); }

 private:
  void pass(bool& flag);

  std::mutex mutex_;
  bool over_ = false;
  bool dropped_ = false;
  std::function<void()> release_;
};

}  // namespace rankine::session
