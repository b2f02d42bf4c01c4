#include "runtime/kernels/program.h"

#include <gtest/gtest.h>

#include "runtime/base/archive.h"

namespace rankine::kernels {
namespace {

Program anomaly() {
  Program program;
  const int x = program.add_leaf(DType::kFloat32);
  const int mean = program.add_leaf(DType::kFloat64);
  const int scale = program.add_constant(Literal::of(2.5), DType::kFloat64);
  program.add_output(program.add(Op::kMultiply, {program.add(Op::kSubtract, {x, mean}), scale}));
  return program;
}

TEST(Program, CastsArgumentsToTheComputeType) {
  EXPECT_EQ(anomaly().print(),
            "%0 = leaf 0 float32\n"
            "%1 = leaf 1 float64\n"
            "%2 = constant 2.5 float64\n"
            "%3 = astype.float64 %0\n"
            "%4 = subtract.float64 %3 %1\n"
            "%5 = multiply.float64 %4 %2\n"
            "output %5\n");
}

TEST(Program, MergesEqualValuesButNeverLeaves) {
  Program program;
  const int x = program.add_leaf(DType::kInt32);
  const int y = program.add_leaf(DType::kInt32);
  EXPECT_NE(x, y);
  EXPECT_EQ(program.add(Op::kAdd, {x, y}), program.add(Op::kAdd, {x, y}));
  EXPECT_NE(program.add(Op::kAdd, {x, y}), program.add(Op::kAdd, {y, x}));
  EXPECT_EQ(program.add_cast(x, DType::kInt8), program.add_cast(x, DType::kInt8));
  EXPECT_EQ(program.add_cast(x, DType::kInt32), x);
  const int three = program.add_constant(Literal::of(std::int64_t{3}), DType::kInt8);
  EXPECT_EQ(program.add_constant(Literal::of(3.7), DType::kInt8), three);
  EXPECT_NE(program.add_constant(Literal::of(0.0), DType::kFloat64),
            program.add_constant(Literal::of(-0.0), DType::kFloat64));
}

TEST(Program, CastsConstantsWhileItIsBuilt) {
  Program program;
  const int wide = program.add_constant(Literal::of(2.75), DType::kFloat64);
  const int narrow = program.add_cast(wide, DType::kInt16);
  EXPECT_EQ(program.value(narrow).kind, Program::Kind::kConstant);
  EXPECT_EQ(program.value(narrow).bits, 2u);
  const int back = program.add_cast(narrow, DType::kFloat64);
  EXPECT_EQ(program.add_constant(Literal::of(2.0), DType::kFloat64), back);
}

TEST(Program, SquaresForTheSecondPowerAsNumpyDoes) {
  Program program;
  const int x = program.add_leaf(DType::kFloat32);
  const auto power = [&](double exponent) {
    const int e = program.add_constant(Literal::of(exponent), DType::kFloat32);
    return program.value(program.add(Op::kPower, {x, e})).op;
  };
  EXPECT_EQ(power(2), Op::kSquare);
  EXPECT_EQ(power(0.5), Op::kSqrt);
  EXPECT_EQ(power(3), Op::kPower);
}

TEST(Program, ReusesABufferOnlyAfterTheLastUseOfItsValue) {
  Program program;
  int value = program.add_leaf(DType::kFloat64);
  const int kept = program.add(Op::kSqrt, {value});
  for (int i = 0; i < 20; ++i) {
    value = program.add(Op::kAdd, {program.add(Op::kExp, {value}), kept});
  }
  program.add_output(value);
  EXPECT_EQ(program.slot_count(), 3);
  for (int n = 0; n < program.value_count(); ++n) {
    const Program::Value& v = program.value(n);
    for (int k = 0; k < Program::argument_count(v); ++k) {
      const int argument = v.arguments[static_cast<std::size_t>(k)];
      if (program.slot(argument) == Program::kNoSlot) continue;
      EXPECT_NE(program.slot(n), program.slot(argument)) << program.print();
    }
  }
}

TEST(Program, GivesNoBufferToWhatNoOutputNeeds) {
  Program program;
  const int x = program.add_leaf(DType::kFloat64);
  const int unused = program.add(Op::kExp, {x});
  program.add_output(program.add(Op::kSqrt, {x}));
  EXPECT_EQ(program.slot(unused), Program::kNoSlot);
  EXPECT_EQ(program.slot_count(), 1);
}

TEST(Program, SurvivesTheWireAndIsSmallThere) {
  const Program program = anomaly();
  const Bytes bytes = to_bytes(program);
  EXPECT_LE(bytes.size(), 64u);
  const Program copy = from_bytes<Program>(bytes);
  EXPECT_EQ(copy, program);
  EXPECT_EQ(copy.print(), program.print());
  EXPECT_EQ(copy.slot_count(), program.slot_count());
  EXPECT_EQ(copy.leaf_count(), 2);
  EXPECT_EQ(copy.output_dtype(0), DType::kFloat64);
}

TEST(Program, RefusesEveryDamagedByteOrStaysAProgram) {
  const Bytes sealed = to_bytes(anomaly());
  const std::string payload(unseal(sealed));
  int refused = 0;
  for (std::size_t i = 0; i < payload.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = payload;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      try {
        const Program program = from_bytes<Program>(seal(damaged));
        for (std::uint16_t output : program.outputs()) EXPECT_LT(output, program.value_count());
        EXPECT_LE(program.slot_count(), program.value_count());
      } catch (const Error&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 100);
}

TEST(Program, RefusesUnknownValuesAndUndefinedOperations) {
  Program program;
  const int flag = program.add_leaf(DType::kBool);
  EXPECT_THROW(program.add(Op::kNegative, {flag}), Error);
  EXPECT_THROW(program.add(Op::kAdd, {flag, 7}), Error);
  EXPECT_THROW(program.add_cast(-1, DType::kInt8), Error);
  EXPECT_THROW(program.add_output(99), Error);
}

}  // namespace
}  // namespace rankine::kernels
