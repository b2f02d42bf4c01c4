// Nodes lie where the user wrote them: on a line of C++ or inside an expression.
#include "runtime/expr/location.h"

#include <gtest/gtest.h>

#include <thread>

#include "runtime/api/array.h"

namespace rankine::expr {
namespace {

std::string place_of(const Array& array) { return to_string(array.node()->location); }
std::string line(int number) { return "location_test.cc:" + std::to_string(number); }

TEST(Location, OfCppCodeIsTheLineThatBuiltTheNode) {
  const Array x = zeros({1201});
  EXPECT_EQ(place_of(x), line(__LINE__ - 1));
  const Array mean = x.mean();
  EXPECT_EQ(place_of(mean), line(__LINE__ - 1));
  const Array sum = x + 1202;
  EXPECT_EQ(place_of(sum), line(__LINE__ - 1));
  EXPECT_EQ(to_string(Location::current()), line(__LINE__));
}

TEST(Location, OfAnExpressionNamesTheLineOnlyIfThereAreSeveral) {
  EXPECT_EQ(to_string(Location::in_expression(1, 8)), "expression, column 8");
  EXPECT_EQ(to_string(Location::in_expression(2, 3)), "expression, line 2, column 3");
}

TEST(LocationScope, PlacesAllThatItsThreadBuilds) {
  const LocationScope outer(Location::in_expression(1, 8));
  EXPECT_EQ(place_of(zeros({1203})), "expression, column 8");
  {
    const LocationScope inner(Location::in_expression(1, 9));
    EXPECT_EQ(place_of(zeros({1204}) + 1.0), "expression, column 9");
  }
  EXPECT_EQ(place_of(zeros({1205})), "expression, column 8");
  std::string elsewhere;
  std::thread([&] { elsewhere = place_of(zeros({1206})); }).join();
  EXPECT_EQ(elsewhere, line(__LINE__ - 1));
}

}  // namespace
}  // namespace rankine::expr
