#include "runtime/kernels/op_table.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "runtime/base/error.h"

namespace rankine::kernels {
namespace {

// One letter per type in the order of DType, as NumPy's dtype.char; ! is a TypeError.
constexpr std::string_view kLetters = "?bhiqBHIQfd";

char letter(Op op, const std::vector<DType>& operands) {
  try {
    return kLetters[static_cast<std::size_t>(infer_types(op, operands).result)];
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code, ExitCode::kUsage);
    EXPECT_FALSE(error.message.empty());
    return '!';
  }
}

struct Row {
  std::string_view name;
  std::string_view results;  // per operand type, or per pair of them, the first one slowest
};

// Made with NumPy 1.24.2; e (float16) became f.
constexpr Row kUnary[] = {
    {"negative", "!bhiqBHIQfd"}, {"bitwise_not", "?bhiqBHIQ!!"}, {"logical_not", "???????????"},
    {"absolute", "?bhiqBHIQfd"}, {"square", "bbhiqBHIQfd"},      {"sqrt", "fffddffddfd"},
    {"exp", "fffddffddfd"},      {"floor", "fffddffddfd"},       {"rint", "fffddffddfd"},
    {"sign", "!bhiqBHIQfd"},     {"isnan", "???????????"},       {"tanh", "fffddffddfd"},
};
constexpr Row kBinary[] = {
    {"add",
     "?bhiqBHIQfd"
     "bbhiqhiqdfd"
     "hhhiqhiqdfd"
     "iiiiqiiqddd"
     "qqqqqqqqddd"
     "BhhiqBHIQfd"
     "HiiiqHHIQfd"
     "IqqqqIIIQdd"
     "QddddQQQQdd"
     "fffddffddfd"
     "ddddddddddd"},
    {"subtract",
     "!bhiqBHIQfd"
     "bbhiqhiqdfd"
     "hhhiqhiqdfd"
     "iiiiqiiqddd"
     "qqqqqqqqddd"
     "BhhiqBHIQfd"
     "HiiiqHHIQfd"
     "IqqqqIIIQdd"
     "QddddQQQQdd"
     "fffddffddfd"
     "ddddddddddd"},
    {"multiply",
     "?bhiqBHIQfd"
     "bbhiqhiqdfd"
     "hhhiqhiqdfd"
     "iiiiqiiqddd"
     "qqqqqqqqddd"
     "BhhiqBHIQfd"
     "HiiiqHHIQfd"
     "IqqqqIIIQdd"
     "QddddQQQQdd"
     "fffddffddfd"
     "ddddddddddd"},
    {"true_divide",
     "dddddddddfd"
     "dddddddddfd"
     "dddddddddfd"
     "ddddddddddd"
     "ddddddddddd"
     "dddddddddfd"
     "dddddddddfd"
     "ddddddddddd"
     "ddddddddddd"
     "fffddffddfd"
     "ddddddddddd"},
    {"remainder",
     "bbhiqBHIQfd"
     "bbhiqhiqdfd"
     "hhhiqhiqdfd"
     "iiiiqiiqddd"
     "qqqqqqqqddd"
     "BhhiqBHIQfd"
     "HiiiqHHIQfd"
     "IqqqqIIIQdd"
     "QddddQQQQdd"
     "fffddffddfd"
     "ddddddddddd"},
    {"power",
     "bbhiqBHIQfd"
     "bbhiqhiqdfd"
     "hhhiqhiqdfd"
     "iiiiqiiqddd"
     "qqqqqqqqddd"
     "BhhiqBHIQfd"
     "HiiiqHHIQfd"
     "IqqqqIIIQdd"
     "QddddQQQQdd"
     "fffddffddfd"
     "ddddddddddd"},
    {"bitwise_and",
     "?bhiqBHIQ!!"
     "bbhiqhiq!!!"
     "hhhiqhiq!!!"
     "iiiiqiiq!!!"
     "qqqqqqqq!!!"
     "BhhiqBHIQ!!"
     "HiiiqHHIQ!!"
     "IqqqqIIIQ!!"
     "Q!!!!QQQQ!!"
     "!!!!!!!!!!!"
     "!!!!!!!!!!!"},
    {"less",
     "???????????"
     "???????????"
     "???????????"
     "???????????"
     "???????????"
     "???????????"
     "???????????"
     "???????????"
     "???????????"
     "???????????"
     "???????????"},
    {"arctan2",
     "fffddffddfd"
     "fffddffddfd"
     "fffddffddfd"
     "ddddddddddd"
     "ddddddddddd"
     "fffddffddfd"
     "fffddffddfd"
     "ddddddddddd"
     "ddddddddddd"
     "fffddffddfd"
     "ddddddddddd"},
    {"minimum",
     "?bhiqBHIQfd"
     "bbhiqhiqdfd"
     "hhhiqhiqdfd"
     "iiiiqiiqddd"
     "qqqqqqqqddd"
     "BhhiqBHIQfd"
     "HiiiqHHIQfd"
     "IqqqqIIIQdd"
     "QddddQQQQdd"
     "fffddffddfd"
     "ddddddddddd"},
};

TEST(OpTable, InfersTheTypesThatNumpyDoes) {
  for (const Row& row : kUnary) {
    const auto op = find_op(row.name);
    ASSERT_TRUE(op) << row.name;
    for (int i = 0; i < kDTypeCount; ++i) {
      EXPECT_EQ(letter(*op, {static_cast<DType>(i)}), row.results[static_cast<std::size_t>(i)])
          << row.name << " " << kLetters[static_cast<std::size_t>(i)];
    }
  }
  for (const Row& row : kBinary) {
    const auto op = find_op(row.name);
    ASSERT_TRUE(op) << row.name;
    for (std::size_t i = 0; i < 121; ++i) {
      EXPECT_EQ(letter(*op, {static_cast<DType>(i / 11), static_cast<DType>(i % 11)}),
                row.results[i])
          << row.name << " " << kLetters[i / 11] << kLetters[i % 11];
    }
  }
}

TEST(OpTable, SelectsAndClipsInThePromotedTypeOfTheValues) {
  EXPECT_EQ(infer_types(Op::kWhere, std::vector{DType::kFloat64, DType::kInt8, DType::kUInt8}),
            (OpTypes{DType::kInt16, DType::kInt16}));
  EXPECT_EQ(operand_dtype(Op::kWhere, 0, DType::kInt16), DType::kBool);
  EXPECT_EQ(operand_dtype(Op::kWhere, 1, DType::kInt16), DType::kInt16);
  EXPECT_EQ(infer_types(Op::kClip, std::vector{DType::kInt8, DType::kFloat32, DType::kBool}),
            (OpTypes{DType::kFloat32, DType::kFloat32}));
  EXPECT_EQ(infer_types(Op::kLess, std::vector{DType::kInt64, DType::kUInt64}),
            (OpTypes{DType::kFloat64, DType::kBool}));
}

TEST(OpTable, FindsOperationsByOurNamesAndByNumpys) {
  for (int i = 0; i < kOpCount; ++i) {
    const Op op = static_cast<Op>(i);
    EXPECT_EQ(find_op(name_of(op)), op) << name_of(op);
    EXPECT_EQ(find_op(numpy_name(op)), op) << numpy_name(op);
  }
  EXPECT_EQ(find_op("asin"), Op::kArcsin);
  EXPECT_EQ(find_op("round"), Op::kRint);
  EXPECT_EQ(find_op("frobnicate"), std::nullopt);
}

TEST(OpTable, RefusesAWrongNumberOfOperands) {
  EXPECT_THROW(infer_types(Op::kAdd, std::vector{DType::kInt8}), Error);
  EXPECT_THROW(infer_types(Op::kSqrt, std::vector<DType>{}), Error);
}

}  // namespace
}  // namespace rankine::kernels
