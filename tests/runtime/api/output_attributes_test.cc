#include "runtime/api/output_attributes.h"

#include <gtest/gtest.h>

namespace rankine::api {
namespace {

std::string copied_text(const std::string& text) {
  return std::get<std::string>(copied_attribute({"name", text})->value);
}

TEST(CopiedAttribute, KeepsWhatNetcdfTakes) {
  EXPECT_EQ(copied_text("plain"), "plain");
  EXPECT_EQ(copied_text(""), "");
  EXPECT_EQ(copied_text("gr\u00fc\u00dfe \u65e5\u672c \U0001f30d"),
            "gr\u00fc\u00dfe \u65e5\u672c \U0001f30d");
  EXPECT_TRUE(copied_attribute({"\u00fcber", io::Numbers{}}));
}

TEST(CopiedAttribute, TakesTextThatIsNoUtf8ForLatin1) {
  EXPECT_EQ(copied_text("Z\xfcrich"), "Z\u00fcrich");
  EXPECT_EQ(copied_text("20 \xb0"
                        "C"),
            "20 \u00b0C");
  // A sequence cut short, an overlong one, a surrogate, one beyond U+10FFFF.
  for (const std::string text : {"\xe6\x97", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80"}) {
    EXPECT_EQ(copied_text(text).size(), 2 * text.size()) << text;
  }
  const auto list = copied_attribute({"name", std::vector<std::string>{"a", "\xe9"}});
  EXPECT_EQ(std::get<std::vector<std::string>>(list->value),
            (std::vector<std::string>{"a", "\u00e9"}));
}

TEST(CopiedAttribute, LeavesBehindWhatNetcdfRefusesAndWhatWouldBeUntrue) {
  for (const std::string name :
       {"", "a/b", "a\x01", "a ", " a", "-a", "bad\xff", "rankine_sample"}) {
    EXPECT_FALSE(copied_attribute({name, std::string("x")})) << name;
  }
  EXPECT_FALSE(copied_attribute({std::string(257, 'a'), std::string("x")}));
  EXPECT_FALSE(copied_attribute({"nothing", std::monostate()}));
}

}  // namespace
}  // namespace rankine::api
