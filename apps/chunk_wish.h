// What --chunks says: lengths by dimension (time=100,lat=-1), or by position.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "runtime/api/array.h"

namespace rankine::apps {

class ChunkWish {
 public:
  // Throws Error (usage).
  explicit ChunkWish(const std::string& text);

  // Chunk shape for a variable; -1 is a whole axis. Nothing if the variable is not meant: it has
  // none of the dimensions, or another number of axes.
  std::optional<Extents> of(const Array& array);
  // Throws Error (usage) for a length that no variable had an axis for.
  void check_used() const;

 private:
  [[noreturn]] void refuse(const std::string& what) const;
  void add(const std::string& part);

  const std::string text_;
  std::map<std::string, std::int64_t> named_;
  Extents lengths_;  // by position
  std::set<std::string> used_;
};

}  // namespace rankine::apps
