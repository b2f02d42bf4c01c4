// What arrays accept, and that everything else is refused with a remedy before anything runs.
#include "runtime/api/array.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "runtime/base/error.h"
#include "tests/support/random.h"

namespace rankine {
namespace {

using rankine::testing::Random;

constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

Literal whole(std::int64_t value) { return Literal::of(value); }
Array range(std::int64_t start, std::int64_t stop, std::int64_t step) {
  return arange(whole(start), whole(stop), whole(step));
}

Error refusal(const std::function<void()>& build) {
  try {
    build();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "was accepted";
  return {};
}

TEST(Arange, OfWholeNumbersHasTheExactLength) {
  EXPECT_EQ(range(9007199254740993, 9007199254740995, 1).size(), 2);
  EXPECT_EQ(range(kMost - 3, kMost, 2).size(), 2);
  EXPECT_EQ(range(kLeast, kMost, kMost).size(), 3);
  EXPECT_EQ(range(kMost, kLeast, kLeast).size(), 2);
  EXPECT_EQ(range(kMost, kLeast, 1).size(), 0);
  EXPECT_EQ(range(5, 5, -1).size(), 0);
  for (std::int64_t start = -4; start <= 4; ++start) {
    for (std::int64_t stop = -4; stop <= 4; ++stop) {
      for (std::int64_t step : {-3, -2, -1, 1, 2, 3}) {
        std::int64_t length = 0;
        for (std::int64_t x = start; step > 0 ? x < stop : x > stop; x += step) ++length;
        ASSERT_EQ(range(start, stop, step).size(), length) << start << " " << stop << " " << step;
      }
    }
  }
}

TEST(Arange, OfFractionsHasTheLengthOfNumPy) {
  EXPECT_EQ(arange(Literal::of(0.0), Literal::of(1.0), Literal::of(0.1)).size(), 10);
  EXPECT_EQ(arange(Literal::of(1.0), Literal::of(0.0), Literal::of(0.25)).size(), 0);
  EXPECT_EQ(arange(whole(0), Literal::of(2.5), whole(1)).size(), 3);
}

TEST(Arange, RefusesWhatIsNoRange) {
  const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
  for (const double bad : {nan, inf, -inf}) {
    const Literal x = Literal::of(bad), one = whole(1);
    for (const auto& build : {std::function<void()>([&] { arange(x, one, one); }),
                              std::function<void()>([&] { arange(one, x, one); }),
                              std::function<void()>([&] { arange(one, one, x); })}) {
      EXPECT_EQ(refusal(build).exit_code, ExitCode::kUsage);
    }
  }
  EXPECT_EQ(refusal([] { range(0, 1, 0); }).exit_code, ExitCode::kUsage);
  EXPECT_EQ(refusal([] { range(kLeast, kMost, 1); }).exit_code, ExitCode::kUsage);
  EXPECT_EQ(refusal([] { range(0, kMostElements + 1, 1); }).exit_code, ExitCode::kRefused);
}

// Every element that Python would select, found one by one.
std::int64_t selected(const Range& range, std::int64_t length) {
  const auto inside = [&](std::int64_t i) {
    __int128 start = range.step > 0 ? 0 : length - 1, stop = range.step > 0 ? length : -1;
    const auto clamp = [&](std::int64_t at) -> __int128 {
      const __int128 x = at < 0 ? static_cast<__int128>(at) + length : at;
      const __int128 low = range.step > 0 ? 0 : -1, high = range.step > 0 ? length : length - 1;
      return x < low ? low : x > high ? high : x;
    };
    if (range.start) start = clamp(*range.start);
    if (range.stop) stop = clamp(*range.stop);
    const bool between = range.step > 0 ? i >= start && i < stop : i <= start && i > stop;
    return between && (i - start) % range.step == 0;
  };
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < length; ++i) count += inside(i) ? 1 : 0;
  return count;
}

TEST(Slices, SelectWhatPythonDoesForAnyNumbers) {
  Random random("Slices.SelectWhatPythonDoesForAnyNumbers");
  const auto number = [&]() -> std::int64_t {
    if (random.one_in(6)) return random.one_in(2) ? kLeast : kMost;
    return random.between(-12, 12);
  };
  for (int round = 0; round < 5000; ++round) {
    Range range;
    if (!random.one_in(4)) range.start = number();
    if (!random.one_in(4)) range.stop = number();
    range.step = number();
    if (range.step == 0) continue;
    const std::int64_t length = random.between(0, 10);
    ASSERT_EQ(zeros({length}).slice({range}).size(), selected(range, length))
        << "round " << round << ", step " << range.step;
  }
}

TEST(Shifts, BeyondTheAxisLeaveNothingOfItWhateverTheOffset) {
  const Array x = arange(4);
  for (const std::int64_t offset : {kLeast, std::int64_t{-5}, std::int64_t{5}, kMost}) {
    const Array shifted = x.shift({{0, offset}});
    const std::int64_t kept = shifted.node()->as<expr::Shift>()->offset[0];
    EXPECT_EQ(kept, offset < 0 ? -4 : 4);
  }
}

TEST(Chunks, AreOneElementOrMoreOrTheWholeAxis) {
  EXPECT_EQ(zeros({10}, DType::kFloat64, {-1}).chunks().counts(), (Extents{1}));
  EXPECT_EQ(zeros({10}, DType::kFloat64, {3}).chunks().counts(), (Extents{4}));
  EXPECT_EQ(arange(10, -1).chunks().counts(), (Extents{1}));
  EXPECT_EQ(zeros({0}, DType::kFloat64, {-1}).size(), 0);
  for (const std::int64_t bad : {std::int64_t{0}, std::int64_t{-2}, kLeast}) {
    EXPECT_EQ(refusal([&] { zeros({10}, DType::kFloat64, {bad}); }).exit_code, ExitCode::kUsage);
    EXPECT_EQ(refusal([&] { zeros({10}).rechunk({{0, bad}}); }).exit_code, ExitCode::kUsage);
  }
  EXPECT_EQ(refusal([] { arange(10, -2); }).exit_code, ExitCode::kUsage);
}

TEST(Shapes, OfMoreElementsThanCanBeHeldAreRefusedAndNeverOverflow) {
  for (int power = 30; power < 63; ++power) {
    const std::int64_t length = std::int64_t{1} << power;
    if (length <= kMostElements) {
      EXPECT_EQ(zeros({length}).size(), length);
      continue;
    }
    const ExitCode code = refusal([&] { zeros({length}); }).exit_code;
    EXPECT_EQ(code, power < 62 ? ExitCode::kRefused : ExitCode::kUsage) << "2^" << power;
    EXPECT_EQ(refusal([&] { zeros({length}, DType::kInt8, {length}); }).exit_code, code);
    EXPECT_EQ(refusal([&] { zeros({0, length}); }).exit_code, code);
  }
  const Array longest = zeros({kMostElements}), tall = zeros({kMostElements, 1});
  EXPECT_EQ(refusal([] { zeros({1000000000000, 1000000000000}); }).exit_code, ExitCode::kUsage);
  EXPECT_EQ(refusal([&] { longest + tall; }).exit_code, ExitCode::kUsage);
  EXPECT_EQ(refusal([&] { matmul(tall, longest.rechunk({{0, 8}})); }).exit_code, ExitCode::kUsage);
  EXPECT_EQ(refusal([&] { concatenate(std::vector<Array>(64, longest), 0); }).exit_code,
            ExitCode::kUsage);
}

TEST(Shapes, OfIntermediateArraysMayBeMoreThanCanBeHeld) {
  const std::int64_t n = std::int64_t{1} << 30;
  const Array row = zeros({1, n}), column = zeros({n, 1});
  EXPECT_EQ((row + column).size(), n * n);
  EXPECT_EQ((row + column).sum({0}).size(), n);
  const Array square = zeros({n, n / 64}, DType::kFloat64, {1 << 20, 1 << 10});
  EXPECT_EQ(matmul(square, square.transpose()).size(), n * n);
  // Chunks that no task could hold are refused all the same.
  EXPECT_EQ(refusal([&] {
              row.rechunk({{1, -1}}) + column.rechunk({{0, -1}});
            }).exit_code,
            ExitCode::kRefused);
  EXPECT_EQ(refusal([&] {
              (row + column).rechunk({{0, -1}, {1, -1}});
            }).exit_code,
            ExitCode::kRefused);
  const Array fine = zeros({n}, DType::kInt8, {1});
  EXPECT_EQ(refusal([&] {
              fine + zeros({n, 1}, DType::kInt8, {1, 1});
            }).exit_code,
            ExitCode::kUsage);
}

TEST(Refusals, AllSayWhatToDo) {
  const Array x = zeros({3, 4}), empty = zeros({0});
  const std::vector<std::function<void()>> cases = {
      [&] { x.sum({2}); },
      [&] { x.sum({-3}); },
      [&] { x.sum("time"); },
      [&] {
        x.sum({0, -2});
      },
      [&] { zeros({}).sum({0}); },
      [&] { x.any({}, {.skipna = false}); },
      [&] { x.count({}, {.skipna = false}); },
      [&] { x.slice({std::int64_t{3}}); },
      [&] { empty.slice({std::int64_t{0}}); },
      [&] {
        x.slice({Range{}, Range{}, Range{}});
      },
      [&] {
        x.slice({Range{{}, {}, 0}});
      },
      [&] { x.transpose({0}); },
      [&] {
        x.transpose({0, 0});
      },
      [&] {
        x.rechunk({{0, 0}});
      },
      [&] {
        x.rechunk(ChunkGrid::regular({3, 5}, {1, 1}));
      },
      [&] { x.rename({"a"}); },
      [&] { empty.max(); },
      [&] { x + zeros({5}); },
      [&] { matmul(x, zeros({})); },
      [&] { matmul(x, x); },
      [&] {
        matmul(zeros({2, 3, 4}), zeros({5, 4, 3}));
      },
      [&] { concatenate({}, 0); },
      [&] {
        concatenate({x, empty}, 0);
      },
      [&] {
        concatenate({x, zeros({3, 5})}, 0);
      },
      [&] { zeros({-1}); },
      [&] {
        zeros({2}, DType::kInt8, {1, 1});
      },
      [&] { range(0, 1, 0); },
      [&] {
        zeros({kMostElements, 2});
      },
  };
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Error error = refusal(cases[i]);
    EXPECT_FALSE(error.message.empty()) << "case " << i;
    EXPECT_FALSE(error.remedy.empty()) << "case " << i << ": " << error.message;
  }
}

}  // namespace
}  // namespace rankine
