// A sparse table over positions of a layer: pages of neighbours that exist while one of their
// entries is in use. So memory follows what is live, and a look-up is a shift and, mostly, a
// comparison with the page used last. The page that was emptied last stays to be used again: along
// a chain of tasks every entry is the only one.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace rankine::worker {

// T is default-constructible; an entry that is not in use is a T().
template <class T>
class PageTable {
 public:
  // positions: how many there are; 0 <= position < positions.
  explicit PageTable(std::int64_t positions)
      : bits_(std::min(kMostBits, static_cast<int>(std::bit_width(static_cast<std::uint64_t>(
                                      std::max<std::int64_t>(positions, 1) - 1))))) {}
  PageTable(const PageTable& other)
      : pages_(other.pages_),
        bits_(other.bits_),
        used_(other.used_),
        spare_(other.spare_) {}
  PageTable& operator=(const PageTable& other) {
    pages_ = other.pages_;
    bits_ = other.bits_;
    used_ = other.used_;
    spare_ = other.spare_;
    last_ = nullptr;
    return *this;
  }

  // The entry in use, or null.
  T* find(std::int64_t position) {
    Page* page = page_of(position);
    return page != nullptr && page->used[slot(position)] ? &page->entries[slot(position)] : nullptr;
  }
  const T* find(std::int64_t position) const {
    return const_cast<PageTable*>(this)->find(position);
  }
  // The entry, in use from now on, and whether it was not before.
  std::pair<T*, bool> try_emplace(std::int64_t position) {
    Page* page = page_of(position);
    if (page == nullptr) page = &make_page(position);
    const std::size_t index = slot(position);
    const bool fresh = !page->used[index];
    if (fresh) {
      page->used[index] = true;
      ++page->count;
      ++used_;
    }
    return {&page->entries[index], fresh};
  }
  // Of an entry in use.
  void erase(std::int64_t position) {
    Page* page = page_of(position);
    page->entries[slot(position)] = T();
    page->used[slot(position)] = false;
    --used_;
    if (--page->count == 0) keep_spare(position >> bits_);
  }

  std::int64_t size() const { return used_; }
  bool empty() const { return used_ == 0; }
  // visit(position, entry) for the entries in use, in any order, while it returns true.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (const auto& [number, page] : pages_) {
      for (std::size_t i = 0; i < page.entries.size(); ++i) {
        if (!page.used[i]) continue;
        if (!visit((number << bits_) + static_cast<std::int64_t>(i), page.entries[i])) return;
      }
    }
  }

 private:
  static constexpr std::int64_t kNone = -1;
  static constexpr int kMostBits = 6;  // few enough for entries that lie far apart
  struct Page {
    std::vector<T> entries;
    std::vector<bool> used;
    std::int64_t count = 0;
  };

  std::size_t slot(std::int64_t position) const {
    return static_cast<std::size_t>(position & ((std::int64_t{1} << bits_) - 1));
  }
  Page* page_of(std::int64_t position) {
    const std::int64_t number = position >> bits_;
    if (last_ != nullptr && last_number_ == number) return last_;
    const auto found = pages_.find(number);
    if (found == pages_.end()) return nullptr;
    last_number_ = number;
    return last_ = &found->second;
  }
  Page& make_page(std::int64_t position) {
    const std::int64_t number = position >> bits_;
    auto spare = spare_ == kNone ? pages_.end() : pages_.find(spare_);
    spare_ = kNone;
    if (spare != pages_.end() && spare->second.count == 0) {
      auto node = pages_.extract(spare);  // the page stays where it is
      node.key() = number;
      last_ = &pages_.insert(std::move(node)).position->second;
    } else {
      last_ = &pages_[number];
      last_->entries.resize(std::size_t{1} << bits_);
      last_->used.resize(std::size_t{1} << bits_);
    }
    last_number_ = number;
    return *last_;
  }
  // At most one page is empty, and that is this one.
  void keep_spare(std::int64_t number) {
    if (spare_ != kNone && spare_ != number) {
      const auto spare = pages_.find(spare_);
      if (spare != pages_.end() && spare->second.count == 0) {
        if (last_ == &spare->second) last_ = nullptr;
        pages_.erase(spare);
      }
    }
    spare_ = number;
  }

  std::unordered_map<std::int64_t, Page> pages_;
  int bits_;
  std::int64_t used_ = 0;
  std::int64_t spare_ = kNone;  // the page that was emptied last; it may be in use again
  Page* last_ = nullptr;        // into pages_
  std::int64_t last_number_ = 0;
};

}  // namespace rankine::worker
