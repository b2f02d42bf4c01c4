#include "apps/chunk_wish.h"

#include <algorithm>
#include <charconv>

#include "runtime/api/output_dimensions.h"
#include "runtime/base/error.h"

namespace rankine::apps {

ChunkWish::ChunkWish(const std::string& text) : text_(text) {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    add(text.substr(begin, end - begin));
    begin = end + 1;
  }
  if (!lengths_.empty() && !named_.empty()) refuse("either all lengths have names or none has");
}

std::optional<Extents> ChunkWish::of(const Array& array) {
  Extents chunk;
  bool meant = false;
  for (std::size_t k = 0; k < array.rank(); ++k) {
    chunk.push_back(array.chunks().axis(k).longest());
    auto found = named_.find(array.dims()[k]);
    if (found == named_.end()) {
      found = named_.find(api::base_name(array.dims()[k], array.shape()[k]));
    }
    if (found == named_.end()) continue;
    used_.insert(found->first);
    meant = true;
    chunk.back() = found->second;
  }
  if (lengths_.size() == array.rank() && !lengths_.empty()) {
    used_.insert("");
    return lengths_;
  }
  return meant ? std::optional(chunk) : std::nullopt;
}

void ChunkWish::check_used() const {
  for (const auto& [name, length] : named_) {
    if (!used_.contains(name)) refuse("no variable has the dimension " + name);
  }
  if (!lengths_.empty() && !used_.contains("")) {
    refuse("no variable has " + std::to_string(lengths_.size()) + " axes");
  }
}

void ChunkWish::refuse(const std::string& what) const {
  throw usage_error("--chunks " + text_ + ": " + what,
                    "write --chunks time=100,lat=-1 (-1: the whole axis), or --chunks 100,10,-1");
}

void ChunkWish::add(const std::string& part) {
  const std::size_t equals = part.find('=');
  const std::string digits = equals == std::string::npos ? part : part.substr(equals + 1);
  std::int64_t length = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  const bool whole = failure == std::errc() && end == digits.data() + digits.size();
  if (!whole || (length < 1 && length != -1)) {
    refuse("`" + digits + "` is no length of a chunk");
  }
  if (equals == std::string::npos) {
    lengths_.push_back(length);
  } else if (equals == 0 || !named_.emplace(part.substr(0, equals), length).second) {
    refuse("a dimension is given twice, or has no name");
  }
}

}  // namespace rankine::apps
