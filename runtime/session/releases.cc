#include "runtime/session/releases.h"

#include <utility>

namespace rankine::session {

void Releases::close() {
  const std::lock_guard lock(mutex_);
  engine_ = nullptr;
}

std::size_t Releases::waiting() const {
  return released_.values.size() + released_.arrays.size() + released_.scattered.size();
}

void Releases::tell() {
  Released released = std::exchange(released_, {});
  if (engine_ != nullptr) engine_->release(released);
}

void Releases::add_value(const graph::HeldName& name, int home) {
  const std::lock_guard lock(mutex_);
  released_.values.push_back({name, home});
  if (waiting() >= kMany) tell();
}

void Releases::add_array(std::uint32_t graph, std::uint32_t slot) {
  const std::lock_guard lock(mutex_);
  released_.arrays.push_back({graph, slot, 0});
  tell();
}

void Releases::add_scattered(std::uint64_t name) {
  const std::lock_guard lock(mutex_);
  released_.scattered.push_back(name);
  tell();
}

void Releases::flush() {
  const std::lock_guard lock(mutex_);
  if (waiting() > 0) tell();
}

void ArrayRelease::set(std::function<void()> release) {
  const std::lock_guard lock(mutex_);
  release_ = std::move(release);
}

void ArrayRelease::pass(bool& flag) {
  bool both = false;
  {
    const std::lock_guard lock(mutex_);
    flag = true;
    both = over_ && dropped_;
  }
  if (both && release_) std::exchange(release_, nullptr)();
}

}  // namespace rankine::session
