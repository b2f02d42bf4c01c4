// Functions: elementwise, reductions, layout, creation.
#include <fstream>
#include <set>

#include "apps/language/functions.h"
#include "tests/apps/language/bind_support.h"

namespace rankine::language::test {
namespace {

using kernels::ReduceOp;

const expr::Reduce& reduction(const std::string& program) {
  static std::vector<Array> kept;  // the node lives as long as the tests
  kept.push_back(array(program));
  expr::NodePtr node = kept.back().node();
  while (node->as<expr::Reduce>() == nullptr) node = node->operands.at(0);
  return *node->as<expr::Reduce>();
}

TEST(Elementwise, KnowsEveryFunctionByOurNameAndNumPys) {
  for (int i = 0; i < kernels::kOpCount; ++i) {
    const auto op = static_cast<kernels::Op>(i);
    const std::string own(kernels::name_of(op));
    // numpy.round leaves integers alone; what is for bits takes no floats.
    const std::string operand = op == kernels::Op::kRint ? "astype(mask, float32)" : "mask";
    std::string arguments = "(" + operand;
    for (int k = 1; k < kernels::arity(op); ++k) arguments += ", " + operand;
    for (const std::string& name : {std::string(kernels::numpy_name(op)), own}) {
      if (name == "and" || name == "or" || name == "not") continue;  // reserved
      const Array result = array(name + arguments + ")");
      ASSERT_NE(result.node()->as<expr::Elementwise>(), nullptr) << name;
      EXPECT_EQ(result.node()->as<expr::Elementwise>()->op, op) << name;
    }
  }
}

TEST(Elementwise, TakesLiteralsBesideArrays) {
  EXPECT_EQ(summary("where(t2m > 3, 1, nan)"), "float64 (time=6, lat=5, lon=8)");
  EXPECT_EQ(summary("where(mask, t2m, nan)"), "float32 (lat=5, lon=8, time=6)");
  EXPECT_EQ(summary("clip(t2m, 0, 10)"), "float32 (time=6, lat=5, lon=8)");
  EXPECT_EQ(summary("minimum(mask, 7)"), "int8 (lat=5, lon=8)");
  EXPECT_EQ(summary("isnan(t2m)"), "bool (time=6, lat=5, lon=8)");
  EXPECT_EQ(summary("packed"), "float32 (time=6, lat=5)");
}

TEST(Elementwise, RefusesWrongArguments) {
  for (const char* program : {"sqrt()", "sqrt(t2m, t2m)", "atan2(t2m)", "where(t2m, 1)",
                              "sqrt(x=t2m)", "sqrt(t2m, axis=0)", "sqrt('t2m')"}) {
    const Error error = refusal(program);
    EXPECT_EQ(error.exit_code, ExitCode::kUsage) << program;
    EXPECT_GT(column(error), 0u) << program;
  }
}

TEST(Reductions, TakeAxesByNameNumberAndKeyword) {
  EXPECT_EQ(summary("mean(t2m)"), "float32 ()");
  EXPECT_EQ(summary("mean(t2m, time)"), "float32 (lat=5, lon=8)");
  EXPECT_EQ(summary("mean(t2m, lat, time)"), "float32 (lon=8)");
  EXPECT_EQ(summary("mean(t2m, 'lat')"), "float32 (time=6, lon=8)");
  EXPECT_EQ(summary("mean(t2m, 0, -1)"), "float32 (lat=5)");
  EXPECT_EQ(summary("mean(t2m, axis=lon)"), "float32 (time=6, lat=5)");
  EXPECT_EQ(summary("mean(t2m, axis=-1)"), "float32 (time=6, lat=5)");
  EXPECT_EQ(summary("mean(t2m, time, keepdims=true)"), "float32 (time=1, lat=5, lon=8)");
  EXPECT_EQ(summary("sum(mask)"), "int64 ()");
  EXPECT_EQ(summary("count(t2m, time)"), "int64 (lat=5, lon=8)");
  EXPECT_EQ(summary("any(t2m > 3, lat)"), "bool (time=6, lon=8)");
  EXPECT_EQ(summary("sum(2)"), "int64 ()");
  EXPECT_EQ(summary("mean(plain, 0)"), "float64 (column=3)");
}

TEST(Reductions, SkipMissingValuesUnlessToldNotTo) {
  const std::vector<std::pair<std::string, ReduceOp>> known = {
      {"sum", ReduceOp::kSum}, {"prod", ReduceOp::kProd}, {"mean", ReduceOp::kMean},
      {"var", ReduceOp::kVar}, {"std", ReduceOp::kStd},   {"min", ReduceOp::kMin},
      {"max", ReduceOp::kMax}};
  for (const auto& [name, op] : known) {
    EXPECT_EQ(reduction(name + "(t2m)").spec.op, op);
    EXPECT_TRUE(reduction(name + "(t2m)").spec.skipna);
    EXPECT_FALSE(reduction(name + "(t2m, skipna=false)").spec.skipna);
    EXPECT_EQ(reduction("nan" + name + "(t2m, time)").spec.op, op);
    EXPECT_TRUE(reduction("nan" + name + "(t2m)").spec.skipna);
  }
  EXPECT_EQ(reduction("std(t2m, ddof=1)").spec.ddof, 1);
  EXPECT_EQ(reduction("nanvar(t2m, time, ddof=-2)").spec.ddof, -2);
}

TEST(Reductions, RefuseWhatTheyDoNotKnow) {
  const Error missing = refusal("mean(t2m, tiem)");
  EXPECT_EQ(missing.exit_code, ExitCode::kInput);
  EXPECT_EQ(column(missing), 11u);
  EXPECT_NE(missing.remedy.find("time, lat, lon"), std::string::npos);
  for (const char* program :
       {"mean(t2m, 3)", "mean(t2m, -4)", "mean(t2m, time, 0)", "mean(t2m, time, axis=time)",
        "mean(t2m, keepdims=1)", "mean(t2m, keepdims=True)", "mean(t2m, ddof=1)",
        "std(t2m, ddof=1.5)", "nanmean(t2m, skipna=true)", "max(t2m, t2m + 1)", "mean(t2m, 1.5)",
        "mean(t2m, skip=true)", "mean(time=0)", "mean(2, 0)", "max(t2m[:0, :, :], time)"}) {
    const Error error = refusal(program);
    EXPECT_EQ(error.exit_code, ExitCode::kUsage) << program;
    EXPECT_GT(column(error), 0u) << program;
  }
}

TEST(Layout, TransposesCastsAndRenames) {
  EXPECT_EQ(summary("transpose(t2m)"), "float32 (lon=8, lat=5, time=6)");
  EXPECT_EQ(summary("transpose(t2m, lon, time, lat)"), "float32 (lon=8, time=6, lat=5)");
  EXPECT_EQ(summary("transpose(t2m, -1, 0, 1)"), "float32 (lon=8, time=6, lat=5)");
  EXPECT_EQ(summary("astype(mask, float64)"), "float64 (lat=5, lon=8)");
  EXPECT_EQ(summary("astype(mask, \"f4\")"), "float32 (lat=5, lon=8)");
  EXPECT_EQ(summary("astype(2, bool)"), "bool ()");
  EXPECT_EQ(summary("unnamed(mask)"), "int8 (5, 8)");
  EXPECT_EQ(summary("rename(mask, y, x)"), "int8 (y=5, x=8)");
  EXPECT_EQ(summary("rename(mask, lat=y)"), "int8 (y=5, lon=8)");
  EXPECT_EQ(summary("unnamed(mask) + zeros(8)"), "float64 (5, 8)");
}

TEST(Layout, RechunksAndShiftsByNameOrPosition) {
  const auto counts = [](const std::string& program) {
    return to_string(array(program).chunks().counts());
  };
  EXPECT_EQ(counts("t2m"), "(3, 1, 2)");
  EXPECT_EQ(counts("rechunk(t2m, time=4, lon=-1)"), "(2, 1, 1)");
  EXPECT_EQ(counts("rechunk(t2m, 1, 2)"), "(6, 3, 2)");
  EXPECT_EQ(counts("rechunk(t2m, lat=9000000000000000000)"), "(3, 1, 2)");
  EXPECT_EQ(array("shift(t2m, time=1)").node()->as<expr::Shift>()->offset, (Extents{1, 0, 0}));
  EXPECT_EQ(array("shift(t2m, 0, -2)").node()->as<expr::Shift>()->offset, (Extents{0, -2, 0}));
  EXPECT_EQ(array("shift(t2m, lat=-9000000000000000000)").node()->as<expr::Shift>()->offset,
            (Extents{0, -5, 0}));
  EXPECT_EQ(summary("shift(mask, lon=1)"), "float32 (lat=5, lon=8)");
}

TEST(Layout, ConcatenatesByDimensionNames) {
  EXPECT_EQ(summary("concatenate(t2m, t2m[time=2:], axis=time)"),
            "float32 (time=10, lat=5, lon=8)");
  EXPECT_EQ(summary("concatenate(t2m, transpose(t2m), mask * t2m, axis=0)"),
            "float32 (time=18, lat=5, lon=8)");
}

TEST(Layout, MultipliesMatrices) {
  EXPECT_EQ(summary("matmul(mask, rename(transpose(mask), lon, y))"), "int8 (lat=5, y=5)");
  EXPECT_EQ(refusal("matmul(mask, mask)").exit_code, ExitCode::kUsage);
}

TEST(Layout, RefusesWhatDoesNotFit) {
  for (const char* program : {"transpose(t2m, time)",
                              "transpose(t2m, time, time, lat)",
                              "astype(t2m, float16)",
                              "astype(t2m, 4)",
                              "astype(t2m)",
                              "concatenate(t2m, t2m)",
                              "concatenate(axis=time)",
                              "concatenate(t2m, plain, axis=0)",
                              "concatenate(mask, rename(mask, a, b), axis=0)",
                              "rechunk(t2m, time=0)",
                              "rechunk(t2m, time=-2)",
                              "rechunk(t2m, time=1.5)",
                              "rechunk(t2m, 1, time=1)",
                              "rechunk(t2m, 1, 1, 1, 1)",
                              "shift(t2m, time=lat)",
                              "rename(mask, a)",
                              "rename(mask, a, a)",
                              "rename(mask, lat=lon)",
                              "rename(mask, 1, 2)",
                              "rename(mask, a, lon=b)",
                              "unnamed(mask, 1)",
                              "matmul(t2m)"}) {
    const Error error = refusal(program);
    EXPECT_EQ(error.exit_code, ExitCode::kUsage) << program;
    EXPECT_GT(column(error), 0u) << program;
  }
  EXPECT_EQ(refusal("rechunk(t2m, day=1)").exit_code, ExitCode::kInput);
  EXPECT_EQ(refusal("concatenate(t2m, t2m, axis=day)").exit_code, ExitCode::kInput);
}

TEST(Creation, MakesArraysFromNothing) {
  EXPECT_EQ(summary("zeros(10, 20, dtype=float32)", Inputs{}), "float32 (10, 20)");
  EXPECT_EQ(summary("ones(2*5)", Inputs{}), "float64 (10)");
  EXPECT_EQ(summary("full(3.5, 10, 20)", Inputs{}), "float64 (10, 20)");
  EXPECT_EQ(summary("full(-3, 4)", Inputs{}), "int64 (4)");
  EXPECT_EQ(summary("full(true)", Inputs{}), "bool ()");
  EXPECT_EQ(summary("arange(5)", Inputs{}), "int64 (5)");
  EXPECT_EQ(summary("arange(2, 9, 3)", Inputs{}), "int64 (3)");
  EXPECT_EQ(summary("arange(9, 2, -3)", Inputs{}), "int64 (3)");
  EXPECT_EQ(summary("arange(0, 1, 0.25)", Inputs{}), "float64 (4)");
  EXPECT_EQ(summary("arange(5, dtype=f4)", Inputs{}), "float32 (5)");
  EXPECT_EQ(summary("arange(5, 2)", Inputs{}), "int64 (0)");
  EXPECT_EQ(array("arange(10, chunk=4)", Inputs{}).chunks().chunk_count(), 3);
  EXPECT_EQ(array("zeros(10, 20, chunk=5)", Inputs{}).chunks().chunk_count(), 8);
}

TEST(Creation, RefusesImpossibleShapes) {
  for (const char* program :
       {"zeros()", "zeros(-1)", "zeros(1.5)", "zeros(true)", "zeros(mask)", "zeros(4, chunk=0)",
        "zeros(4000000000, 4000000000)", "full(mask, 2)", "arange(nan)", "arange(0, inf)",
        "arange(0, 1, 0)", "arange(1, 2, 3, 4)", "arange(0, 1e300)", "arange(1, dtype=text)",
        "zeros(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)"}) {
    const Error error = refusal(program);
    EXPECT_GT(column(error), 0u) << program << ": " << error.message;
  }
}

TEST(Functions, AreAllListedInTheReadme) {
  std::ifstream file(RANKINE_SOURCE_DIR "/README.md");
  std::set<std::string> words;
  for (std::string word; file >> word;) words.insert(word);
  for (const Function& function : functions()) {
    EXPECT_TRUE(words.contains(function.name)) << function.name;
  }
}

TEST(Functions, ThatDoNotExistAreAnsweredByNearNamesOnly) {
  EXPECT_EQ(refusal("meen(t2m)").remedy.find("did you mean mean"), 0u);
  EXPECT_EQ(refusal("mena(t2m)").remedy.find("did you mean"), 0u);
  EXPECT_NE(refusal("mena(t2m)").remedy.find("mean"), std::string::npos);
  EXPECT_LT(refusal("frobnicate(t2m)").remedy.size(), 80u);
}

TEST(Nodes, LieWhereTheExpressionNamesThem) {
  const auto place = [](const Array& x) { return expr::to_string(x.node()->location); };
  EXPECT_EQ(place(array("a = mean(t2m, lat)")), "expression, column 5");
  EXPECT_EQ(place(array("t2m - 271.5")), "expression, column 5");
  EXPECT_EQ(place(array("t2m[0:5:2]")), "expression, column 4");
  EXPECT_EQ(place(array("_x = 1;\n y = sqrt(zeros(1301))")), "expression, line 2, column 6");
  EXPECT_EQ(place(array("`\xc3\xa4\xc3\xb6` = exp(zeros(1302))")), "expression, column 8");
}

TEST(Arguments, ThatAreWrongShowThemselvesAndARemedy) {
  const std::vector<std::pair<const char*, std::size_t>> cases = {
      {"rechunk(t2m, lat=0)", 14},
      {"rechunk(t2m, 2, -2)", 17},
      {"mean(t2m, 3)", 11},
      {"mean(t2m, lat, 1)", 16},
      {"mean(t2m, keepdims=1)", 11},
      {"std(t2m, ddof=1.5)", 10},
      {"shift(t2m, lat=0.5)", 12},
      {"zeros(4, chunk=0)", 10},
      {"t2m[7]", 5},
      {"t2m[0, 9]", 8},
      {"t2m[..., ...]", 10},
      {"transpose(t2m, 0)", 1},
      {"matmul(1, t2m)", 1},
      {"concatenate(t2m, mask, axis=0)", 1},
      {"any(mask, skipna=true)", 11},
      {"count(t2m, skipna=false)", 12},
      {"arange(0, 1, 0)", 1},
      {"arange(0, nan)", 1},
      {"t2m[0][0][0][0]", 14},
      {"zeros(2) + zeros(3)", 10},
  };
  for (const auto& [program, where] : cases) {
    const Error error = refusal(program);
    EXPECT_EQ(error.exit_code, ExitCode::kUsage) << program;
    EXPECT_EQ(column(error), where) << program << ": " << error.block();
    EXPECT_FALSE(error.remedy.empty()) << program << ": " << error.message;
  }
}

}  // namespace
}  // namespace rankine::language::test
