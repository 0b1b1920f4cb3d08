#include "study/markup.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

TEST(Escaped, LeavesNoMarkup) {
  EXPECT_EQ(escaped("a < b & \"c\" > 'd'"), "a &lt; b &amp; &quot;c&quot; &gt; &#39;d&#39;");
  EXPECT_EQ(escaped("Crème brûlée 茶"), "Crème brûlée 茶");
  EXPECT_EQ(escaped(""), "");
}

TEST(Escaped, LeavesNoControlCharactersAndNoBrokenBytes) {
  EXPECT_EQ(escaped("a\nb\tc"), "a b c");
  EXPECT_EQ(escaped(std::string("a\0b", 3)).find('\0'), std::string::npos);
  EXPECT_EQ(escaped("\xff<"), "\xef\xbf\xbd&lt;");
  EXPECT_EQ(escaped("\u202e"
                    "x")
                .find("\u202e"),
            std::string::npos)
      << "turns the line around";
}

TEST(Number, HasNoZeroBeforeThePointAndATrueMinus) {
  EXPECT_EQ(number(0.5318, 4), ".5318");
  EXPECT_EQ(number(-0.0123, 4), "−.0123");
  EXPECT_EQ(number(12.5, 1), "12.5");
  EXPECT_EQ(number(0, 4), ".0000");
  EXPECT_EQ(number(-0.00001, 4), ".0000") << "what rounds to nothing has no sign";
  EXPECT_EQ(number(3, 0), "3");
}

TEST(SignedNumber, ShowsBothSignsButNoneOfZero) {
  EXPECT_EQ(signed_number(0.0123, 4), "+.0123");
  EXPECT_EQ(signed_number(-0.0123, 4), "−.0123");
  EXPECT_EQ(signed_number(0.00001, 4), ".0000");
}

TEST(Percent, IsOfFractions) {
  EXPECT_EQ(percent(0.8327, 2), "83.27 %");
  EXPECT_EQ(percent(1), "100.0 %");
}

TEST(SpokenDuration, GrowsCoarse) {
  EXPECT_EQ(spoken_duration(0.2), "1 second");
  EXPECT_EQ(spoken_duration(42), "42 seconds");
  EXPECT_EQ(spoken_duration(60), "1 minute");
  EXPECT_EQ(spoken_duration(754), "13 minutes");
  EXPECT_EQ(spoken_duration(3600), "1 hour");
  EXPECT_EQ(spoken_duration(2 * 3600 + 300), "2 hours 5 minutes");
}

}  // namespace
}  // namespace tessera
