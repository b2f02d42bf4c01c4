// The closed forms of AxisMap against element by element.
#include "runtime/graph/axis_map.h"

#include <gtest/gtest.h>

#include "tests/support/random.h"

namespace rankine::graph {
namespace {

using rankine::testing::Random;

struct Case {
  AxisChunks consumer;
  AxisChunks producer;
  std::int64_t step = 1;
  std::int64_t offset = 0;
  Interval domain;
  std::int64_t before = 0;
  std::int64_t after = 0;
};

std::string to_text(const Case& c) {
  std::string text = "step " + std::to_string(c.step) + " offset " + std::to_string(c.offset) +
                     " domain [" + std::to_string(c.domain.lo) + ", " +
                     std::to_string(c.domain.hi) + ") reach " + std::to_string(c.before) + " " +
                     std::to_string(c.after);
  for (const AxisChunks* axis : {&c.consumer, &c.producer}) {
    text += axis == &c.consumer ? " consumer" : " producer";
    for (std::int64_t i = 0; i < axis->count(); ++i) {
      text += " " + std::to_string(axis->chunk(i).length());
    }
  }
  return text;
}

// The hull of the producer chunks that the elements of consumer chunk i, and those around it that
// it reaches, touch.
Interval brute_inputs(const Case& c, std::int64_t i) {
  Interval hull;
  const Interval chunk = c.consumer.chunk(i);
  for (std::int64_t e = chunk.lo - c.before; e < chunk.hi + c.after; ++e) {
    if (e < c.domain.lo || e >= c.domain.hi) continue;
    const std::int64_t p = c.producer.chunk_at(c.step * e + c.offset);
    hull = hull.empty() ? Interval{p, p + 1}
                        : Interval{std::min(hull.lo, p), std::max(hull.hi, p + 1)};
  }
  return hull;
}

bool holds(Interval interval, std::int64_t i) { return interval.lo <= i && i < interval.hi; }

void expect_exact(const Case& c) {
  const AxisMap map(c.consumer, c.producer, c.step, c.offset, c.domain, c.before, c.after);
  for (std::int64_t i = 0; i < c.consumer.count(); ++i) {
    const Interval expected = brute_inputs(c, i);
    const Interval inputs = map.inputs(i);
    ASSERT_EQ(inputs.empty(), expected.empty()) << to_text(c) << " chunk " << i;
    if (!expected.empty()) {
      ASSERT_EQ(inputs, expected) << to_text(c) << " chunk " << i;
    }
    ASSERT_EQ(holds(map.domain_chunks(), i), !expected.empty()) << to_text(c) << " chunk " << i;
  }
  for (std::int64_t p = 0; p < c.producer.count(); ++p) {
    const Interval consumers = map.consumers(p);
    ASSERT_LE(consumers.lo, consumers.hi) << to_text(c) << " producer chunk " << p;
    for (std::int64_t i = 0; i < c.consumer.count(); ++i) {
      ASSERT_EQ(holds(consumers, i), holds(brute_inputs(c, i), p))
          << to_text(c) << " chunk " << i << " producer chunk " << p;
    }
  }
}

// A random domain and a step and offset that keep it inside the producer.
Case random_case(Random& random) {
  Case c;
  c.consumer = random.cut(random.between(0, 24));
  const std::int64_t length = c.consumer.length();
  if (random.one_in(2)) {
    c.before = random.between(0, 9);
    c.after = random.between(0, 9);
  }
  const std::int64_t end = length + c.after;
  const std::int64_t lo = random.between(-c.before, end);
  c.domain = random.one_in(3) ? Interval{-c.before, end} : Interval{lo, random.between(lo, end)};
  do {
    c.step = random.between(-12, 12);
  } while (c.step == 0);
  if (random.one_in(3)) c.step = random.one_in(2) ? 1 : -1;
  if (c.domain.empty()) {
    c.producer = random.cut(random.between(0, 30));
    c.offset = random.between(-40, 40);
    return c;
  }
  const std::int64_t first = c.step * c.domain.lo;
  const std::int64_t last = c.step * (c.domain.hi - 1);
  const std::int64_t span = std::max(first, last) - std::min(first, last) + 1;
  const std::int64_t before = random.one_in(3) ? 0 : random.between(0, 9);
  c.offset = before - std::min(first, last);
  c.producer = random.cut(before + span + (random.one_in(3) ? 0 : random.between(0, 9)));
  return c;
}

TEST(AxisMap, InputsAreTheHullAndConsumersTheInverse) {
  Random random("AxisMap.InputsAreTheHullAndConsumersTheInverse");
  for (int round = 0; round < 20000; ++round) {
    ASSERT_NO_FATAL_FAILURE(expect_exact(random_case(random))) << "round " << round;
  }
}

TEST(AxisMap, EqualCutsAndTheWholeDomainAreTheIdentity) {
  Random random("AxisMap.EqualCutsAndTheWholeDomainAreTheIdentity");
  for (int round = 0; round < 500; ++round) {
    const AxisChunks axis = random.cut(random.between(1, 30));
    ASSERT_NO_FATAL_FAILURE(expect_exact({axis, axis, 1, 0, {0, axis.length()}}));
  }
}

TEST(AxisMap, AStepLongerThanAChunkNeedsTheHullBetween) {
  const AxisMap map(AxisChunks::of({2, 2}), AxisChunks::regular(40, 2), 10, 1, {0, 4});
  EXPECT_EQ(map.inputs(0), (Interval{0, 6}));    // elements 1 and 11
  EXPECT_EQ(map.inputs(1), (Interval{10, 16}));  // elements 21 and 31
  EXPECT_EQ(map.consumers(3), (Interval{0, 1})) << "inside the hull, though nothing is read there";
  EXPECT_TRUE(map.consumers(8).empty()) << "between the two hulls";
}

TEST(AxisMap, DomainsAreClippedToTheConsumer) {
  const AxisMap map(AxisChunks::regular(6, 2), AxisChunks::regular(6, 3), 1, 0, {-5, 99});
  EXPECT_EQ(map.domain_chunks(), (Interval{0, 3}));
  EXPECT_EQ(map.inputs(1), (Interval{0, 2}));
}

TEST(AxisMap, AxesOfTrillionsOfElementsAreExact) {
  constexpr std::int64_t kLength = std::int64_t{1} << 45;
  const AxisMap map(AxisChunks::regular(kLength, 7), AxisChunks::regular(2 * kLength, 1000), -2,
                    2 * kLength - 1, {0, kLength});
  Random random("AxisMap.AxesOfTrillionsOfElementsAreExact");
  for (int round = 0; round < 1000; ++round) {
    const std::int64_t c = random.between(0, kLength / 7);
    const Interval inputs = map.inputs(c);
    for (std::int64_t p = inputs.lo - 1; p <= inputs.hi; ++p) {
      if (p < 0 || p >= 2 * kLength / 1000) continue;
      ASSERT_EQ(holds(map.consumers(p), c), holds(inputs, p)) << "chunk " << c;
    }
  }
}

}  // namespace
}  // namespace rankine::graph
