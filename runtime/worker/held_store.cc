#include "runtime/worker/held_store.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace rankine::worker {

void HeldStore::put(const HeldName& name, SharedBuffer value) {
  std::vector<Waiting> waiting;
  {
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_[name];
    waiting.swap(entry.waiting);
    if (entry.dropped) {
      entries_.erase(name);
    } else {
      entry.value = value;
    }
  }
  for (const Waiting& one : waiting) one.user->feed(one.task, value);
}

void HeldStore::ask(const HeldName& name, const std::shared_ptr<HeldUser>& user,
                    const graph::TaskId& task) {
  SharedBuffer value;
  {
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_[name];
    value = entry.value;
    if (!value) entry.waiting.push_back({user, task});
  }
  if (value) user->feed(task, std::move(value));
}

void HeldStore::forget(const HeldUser* user) {
  const std::lock_guard lock(mutex_);
  for (auto item = entries_.begin(); item != entries_.end();) {
    Entry& entry = item->second;
    const bool waited = std::erase_if(entry.waiting, [&](const Waiting& one) {
                          return one.user.get() == user;
                        }) > 0;
    const bool unused = waited && entry.waiting.empty() && !entry.value && !entry.dropped;
    item = unused ? entries_.erase(item) : std::next(item);
  }
}

void HeldStore::drop(const HeldName& name) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[name];
  if (entry.value) {
    entries_.erase(name);
  } else {
    entry.dropped = true;
  }
}

void HeldStore::drop_array(std::uint32_t graph, std::uint32_t slot) {
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const auto& item) {
    return item.first.graph == graph && item.first.slot == slot;
  });
}

void HeldStore::drop_graph(std::uint32_t graph) {
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const auto& item) { return item.first.graph == graph; });
}

void HeldStore::put_scattered(std::uint64_t name, SharedBuffer value) {
  const std::lock_guard lock(mutex_);
  scattered_[name] = std::move(value);
}

SharedBuffer HeldStore::scattered(std::uint64_t name) const {
  const std::lock_guard lock(mutex_);
  const auto found = scattered_.find(name);
  return found == scattered_.end() ? nullptr : found->second;
}

void HeldStore::drop_scattered(std::uint64_t name) {
  const std::lock_guard lock(mutex_);
  scattered_.erase(name);
}

std::size_t HeldStore::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size() + scattered_.size();
}

}  // namespace rankine::worker
