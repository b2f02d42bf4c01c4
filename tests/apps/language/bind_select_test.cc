// x[...] and -d.
#include "tests/apps/language/bind_support.h"

namespace rankine::language::test {
namespace {

Inputs cut(const std::vector<std::string>& hyperslabs) {
  return {{Weather::file()}, {}, hyperslabs};
}

// What the one slice takes of each axis of the file's variable: start+count*step; "all" if there is
// no slice.
std::string taken(const std::string& program, const Inputs& inputs = weather()) {
  expr::NodePtr node = array(program, inputs).node();
  std::vector<std::string> axes;
  Extents start(0), step, count;
  while (node->as<expr::FromDataset>() == nullptr) {
    if (const auto* slice = node->as<expr::Slice>()) {
      start = slice->start;
      step = slice->step;
      count = node->shape();
    }
    node = node->operands.at(0);
  }
  if (start.empty()) return "all";
  std::string text;
  for (std::size_t k = 0; k < start.size(); ++k) {
    text += (k > 0 ? ", " : "") + std::to_string(start[k]) + "+" + std::to_string(count[k]) + "*" +
            std::to_string(step[k]);
  }
  return text;
}

TEST(Subscripts, SelectByPositionAsNumPy) {
  EXPECT_EQ(summary("t2m[0]"), "float32 (lat=5, lon=8)");
  EXPECT_EQ(summary("t2m[0:4:2, ..., 3]"), "float32 (time=2, lat=5)");
  EXPECT_EQ(summary("t2m[..., 3]"), "float32 (time=6, lat=5)");
  EXPECT_EQ(summary("t2m[...]"), "float32 (time=6, lat=5, lon=8)");
  EXPECT_EQ(summary("t2m[..., 0, 0, 0]"), "float32 ()");
  EXPECT_EQ(taken("t2m[-1]"), "5+1*1, 0+5*1, 0+8*1");
  EXPECT_EQ(taken("t2m[1:-1, ::-2]"), "1+4*1, 4+3*-2, 0+8*1");
  EXPECT_EQ(taken("t2m[:, 3:0:-1]"), "0+6*1, 3+3*-1, 0+8*1");
  EXPECT_EQ(summary("t2m[4:100]"), "float32 (time=2, lat=5, lon=8)");
  EXPECT_EQ(summary("t2m[4:2]"), "float32 (time=0, lat=5, lon=8)");
  EXPECT_EQ(summary("t2m[::9223372036854775807]"), "float32 (time=1, lat=5, lon=8)");
  EXPECT_EQ(summary("t2m[-9223372036854775807:9223372036854775807:-9223372036854775807]"),
            "float32 (time=0, lat=5, lon=8)");
}

TEST(Subscripts, SelectByName) {
  EXPECT_EQ(summary("t2m[time=0]"), "float32 (lat=5, lon=8)");
  EXPECT_EQ(summary("t2m[lon=2:4, time=-1]"), "float32 (lat=5, lon=2)");
  EXPECT_EQ(taken("t2m[lon=2:4, 1]"), "1+1*1, 0+5*1, 2+2*1");
  EXPECT_EQ(taken("t2m[..., 1, time=2:4]"), "2+2*1, 0+5*1, 1+1*1");
  EXPECT_EQ(column(refusal("t2m[..., 1, lon=2:4]")), 13u);  // the 1 is of the last axis, lon
}

TEST(Subscripts, SelectByCoordinateValue) {
  EXPECT_EQ(taken("t2m[lat=30.0]"), "0+6*1, 2+1*1, 0+8*1");
  EXPECT_EQ(summary("t2m[lat=30.0]"), "float32 (time=6, lon=8)");
  EXPECT_EQ(taken("t2m[lon=90.0, time=12.0]"), "2+1*1, 0+5*1, 2+1*1");
  EXPECT_EQ(taken("t2m[18.0]"), "3+1*1, 0+5*1, 0+8*1");
  EXPECT_EQ(taken("t2m[lat=10.1]"), "0+6*1, 4+1*1, 0+8*1");  // as float32 it is not 10.1
}

TEST(Subscripts, SelectClosedRangesOfCoordinateValues) {
  EXPECT_EQ(taken("t2m[lon=45.0:135.0]"), "0+6*1, 0+5*1, 1+3*1");
  EXPECT_EQ(taken("t2m[lon=44.0:136.0]"), "0+6*1, 0+5*1, 1+3*1");
  EXPECT_EQ(taken("t2m[lon=46.0:]"), "0+6*1, 0+5*1, 2+6*1");
  EXPECT_EQ(taken("t2m[lon=:90.0:2]"), "0+6*1, 0+5*1, 0+2*2");
  EXPECT_EQ(taken("t2m[lon=:90.0:-1]"), "0+6*1, 0+5*1, 2+3*-1");
  EXPECT_EQ(taken("t2m[lon=45.0:90.0:-1]"), "0+6*1, 0+5*1, 2+2*-1");
  EXPECT_EQ(taken("t2m[time=6.0:12.0, lon=-1.0:1e9]"), "1+2*1, 0+5*1, 0+8*1");
}

TEST(Subscripts, SelectRangesOfDescendingCoordinates) {
  EXPECT_EQ(taken("t2m[lat=20.0:40.0]"), "0+6*1, 1+3*1, 0+8*1");
  EXPECT_EQ(taken("t2m[lat=40.0:20.0]"), "0+6*1, 1+3*1, 0+8*1");
  EXPECT_EQ(taken("t2m[lat=35.0:]"), "0+6*1, 0+2*1, 0+8*1");
  EXPECT_EQ(taken("t2m[lat=:35.0]"), "0+6*1, 2+3*1, 0+8*1");
  EXPECT_EQ(taken("t2m[lat=10.1:20.0]"), "0+6*1, 3+2*1, 0+8*1");
}

TEST(Subscripts, KnowTheCoordinatesOfWhatWasComputedAndCut) {
  EXPECT_EQ(summary("t2m[1:][time=12.0]"), "float32 (lat=5, lon=8)");
  EXPECT_EQ(summary("t2m[::-2][time=6.0:18.0]"), "float32 (time=2, lat=5, lon=8)");
  EXPECT_EQ(refusal("t2m[1:][time=0.0]").exit_code, ExitCode::kUsage);
  EXPECT_EQ(summary("transpose(t2m * 2 - 1)[lat=20.0:40.0]"), "float32 (lon=8, lat=3, time=6)");
  EXPECT_EQ(summary("mean(t2m, lon)[lat=50.0]"), "float32 (time=6)");
  EXPECT_EQ(summary("(mask * mean(t2m, time))[lon=:90.0]"), "float32 (lat=5, lon=3)");
  EXPECT_EQ(summary("rename(mask, y, x)[x=90.0]"), "int8 (y=5)");
  const Inputs deep{{Weather::file() + ":/deep"}, {}, {}};
  EXPECT_EQ(summary("wind[lat=20.0:40.0]", deep), "float32 (time=6, lat=3)");
}

TEST(Subscripts, RefuseWhatSelectsNothing) {
  const Error between = refusal("t2m[lat=35.0]");
  EXPECT_EQ(between.exit_code, ExitCode::kUsage);
  EXPECT_EQ(column(between), 5u);
  EXPECT_EQ(between.remedy, "the nearest are 30.0 and 40.0");
  EXPECT_EQ(refusal("t2m[lat=99.0]").remedy, "the nearest are 50.0");
  EXPECT_EQ(refusal("t2m[lat=15.0]").remedy, "the nearest are 10.1 and 20.0");
  EXPECT_EQ(refusal("t2m[lat=:1.0]").remedy, "they go from 50.0 to 10.1");
  for (const char* program :
       {"t2m[lon=46.0:89.0]", "t2m[lon=316.0:]", "t2m[lon=270.0:45.0]", "t2m[time=0.5:1.5]"}) {
    EXPECT_EQ(refusal(program).exit_code, ExitCode::kUsage) << program;
    EXPECT_EQ(column(refusal(program)), 5u) << program;
  }
}

TEST(Subscripts, RefuseCoordinatesThatAreMissingOrInNoOrder) {
  const Error none = refusal("plain[row=1.0]");
  EXPECT_EQ(none.exit_code, ExitCode::kUsage);
  EXPECT_EQ(none.remedy, "select by index, without a point: row=0:10");
  EXPECT_EQ(refusal("zeros(4)[1.0:2.0]").exit_code, ExitCode::kUsage);
  EXPECT_EQ(refusal("odds[odd=1.0:3.0]").exit_code, ExitCode::kUsage);
  EXPECT_EQ(refusal("odds[odd=1.0]").exit_code, ExitCode::kUsage);  // twice
  EXPECT_EQ(summary("odds[odd=3.0]"), "float32 ()");
}

TEST(Subscripts, RefuseWrongAxesWithTheirPosition) {
  EXPECT_EQ(column(refusal("t2m[0, 0, 0, 0]")), 5u);
  EXPECT_EQ(column(refusal("t2m[0, time=0]")), 8u);
  EXPECT_EQ(column(refusal("t2m[0, 5]")), 8u);
  EXPECT_EQ(column(refusal("t2m[..., lon=-9]")), 10u);
  EXPECT_EQ(refusal("t2m[0, 5]").exit_code, ExitCode::kUsage);
  EXPECT_EQ(refusal("t2m[height=0]").exit_code, ExitCode::kInput);
  EXPECT_EQ(column(refusal("t2m[height=0]")), 5u);
  EXPECT_EQ(column(refusal("5[0]")), 2u);
}

TEST(Hyperslabs, KeepTheDimensionAndIncludeTheEnd) {
  EXPECT_EQ(taken("t2m", cut({"time,1,3"})), "1+3*1, 0+5*1, 0+8*1");
  EXPECT_EQ(taken("t2m", cut({"time,2"})), "2+1*1, 0+5*1, 0+8*1");
  EXPECT_EQ(taken("t2m", cut({"time,,2", "lon,1,,3"})), "0+3*1, 0+5*1, 1+3*3");
  EXPECT_EQ(taken("t2m", cut({"time,-2,-1"})), "4+2*1, 0+5*1, 0+8*1");
  EXPECT_EQ(taken("t2m", cut({"time,,,2"})), "0+3*2, 0+5*1, 0+8*1");
  EXPECT_EQ(taken("t2m", cut({"time,0,5"})), "all");
  EXPECT_EQ(taken("t2m", cut({"time,0,5,9223372036854775807"})), "0+1*6, 0+5*1, 0+8*1");
  EXPECT_EQ(taken("t2m", cut({"lat,20.,40."})), "0+6*1, 1+3*1, 0+8*1");
  EXPECT_EQ(taken("t2m", cut({"lat,30.0", "lon,1e2,"})), "0+6*1, 2+1*1, 3+5*1");
}

TEST(Hyperslabs, ApplyToEveryVariableThatHasTheDimension) {
  const Inputs inputs{{Weather::file()}, {"wind=/deep/wind"}, {"lat,1,2"}};
  EXPECT_EQ(summary("wind", inputs), "float32 (time=6, lat=2)");
  EXPECT_EQ(summary("mask", inputs), "int8 (lat=2, lon=8)");
  EXPECT_EQ(summary("plain", inputs), "float64 (row=4, column=3)");
  EXPECT_EQ(summary("t2m[lat=30.0:40.0]", inputs), "float32 (time=6, lat=2, lon=8)");
  EXPECT_EQ(refusal("t2m[lat=50.0]", inputs).exit_code, ExitCode::kUsage);
}

TEST(Hyperslabs, AreRefusedIfMalformed) {
  for (const char* text :
       {"", "time", ",1", "time,", "time,1,2,3,4", "time,a", "time,1.5x", "time,nan", "time,inf.",
        "time,1,2.0", "time,0,1,0", "time,0,1,-1", "time,0,1,", "time,99999999999999999999"}) {
    EXPECT_EQ(refusal("1", cut({text})).exit_code, ExitCode::kUsage) << text;
  }
  EXPECT_EQ(refusal("1", cut({"time,1", "time,2"})).exit_code, ExitCode::kUsage);
  EXPECT_EQ(refusal("1", cut({"day,1"})).exit_code, ExitCode::kInput);
  EXPECT_EQ(refusal("1", {{}, {}, {"day,1"}}).exit_code, ExitCode::kInput);
}

TEST(Hyperslabs, AreRefusedIfTheyLieOutside) {
  for (const char* text :
       {"time,0,6", "time,6", "time,-7", "time,3,2", "lat,35.0", "lat,60.,70.", "lon,270.,45."}) {
    const Error error = refusal("mean(t2m)", cut({text}));
    EXPECT_EQ(error.exit_code, ExitCode::kUsage) << text;
    EXPECT_NE(error.where.find("/t2m"), std::string::npos) << error.where;
  }
}

}  // namespace
}  // namespace rankine::language::test
