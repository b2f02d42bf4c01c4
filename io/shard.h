// Which part of a job a run makes that is one of several (shards.h).
#pragma once

#include <cstdint>
#include <string>

namespace rankine::io {

// Which one of how many. They count from 1, as array jobs mostly do.
struct Shard {
  std::int32_t number = 0;
  std::int32_t count = 0;  // 0: the job is not cut
  explicit operator bool() const { return count > 0; }
  bool operator==(const Shard&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(number, count);
  }
};

// More would be mistakes: each has a folder and is looked at by the run that takes them over.
inline constexpr std::int32_t kMostShards = 10'000;

// "3/8". Throws Error (usage).
Shard parse_shard(const std::string& text);
std::string text_of(const Shard& shard);  // "shard 3 of 8"

}  // namespace rankine::io
