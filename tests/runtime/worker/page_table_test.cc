#include "runtime/worker/page_table.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "tests/support/random.h"

namespace rankine::worker {
namespace {

using rankine::testing::Random;

// Random steps, near each other and far apart, against a map.
TEST(PageTable, HoldsWhatAMapHolds) {
  Random random("PageTable.HoldsWhatAMapHolds");
  for (const std::int64_t positions :
       {std::int64_t{1}, std::int64_t{6}, std::int64_t{3000}, std::int64_t{1} << 50}) {
    PageTable<std::int64_t> table(positions);
    std::map<std::int64_t, std::int64_t> map;
    std::int64_t near = 0;
    for (int step = 0; step < 20'000; ++step) {
      if (random.one_in(50)) near = random.between(0, positions - 1);
      const std::int64_t at = std::min(positions - 1, near + random.between(0, 700));
      if (random.one_in(2)) {
        const auto [entry, fresh] = table.try_emplace(at);
        EXPECT_EQ(fresh, !map.contains(at));
        EXPECT_TRUE(!fresh || *entry == 0);
        map[at] = *entry = step;
      } else if (map.contains(at)) {
        ASSERT_NE(table.find(at), nullptr);
        EXPECT_EQ(*table.find(at), map[at]);
        table.erase(at);
        map.erase(at);
      } else {
        EXPECT_EQ(table.find(at), nullptr);
      }
      ASSERT_EQ(table.size(), static_cast<std::int64_t>(map.size()));
    }
    const PageTable<std::int64_t> copy = table;
    std::map<std::int64_t, std::int64_t> seen;
    copy.for_each([&](std::int64_t position, std::int64_t value) {
      return seen.emplace(position, value).second;
    });
    EXPECT_EQ(seen, map);
    for (const auto& [position, value] : map) table.erase(position);
    EXPECT_TRUE(table.empty());
    EXPECT_EQ(copy.size(), static_cast<std::int64_t>(map.size()));
  }
}

TEST(PageTable, LetsGoOfWhatIsErased) {
  PageTable<std::shared_ptr<int>> table(10);
  const auto value = std::make_shared<int>(7);
  *table.try_emplace(3).first = value;
  *table.try_emplace(4).first = value;
  table.erase(3);
  EXPECT_EQ(value.use_count(), 2);
  table.erase(4);
  EXPECT_EQ(value.use_count(), 1);
}

}  // namespace
}  // namespace rankine::worker
