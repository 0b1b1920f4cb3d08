#include "text/words.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

using Words = std::vector<std::string>;
using namespace std::string_view_literals;

TEST(SplitWords, SeparatesAtBlanksAndPunctuation) {
  EXPECT_EQ(split_words("Shampoo, 12-oz\t(two\npack);$4.99"),
            (Words{"shampoo", "12", "oz", "two", "pack", "4", "99"}));
  EXPECT_EQ(split_words("it's a_b"), (Words{"it", "s", "a", "b"}));
}

TEST(SplitWords, FindsNothingInTextWithoutLettersOrDigits) {
  EXPECT_TRUE(split_words("").empty());
  EXPECT_TRUE(split_words({}).empty());
  EXPECT_TRUE(split_words(" \t\r\n").empty());
  EXPECT_TRUE(split_words("… — !?; ★ 😀").empty());
}

TEST(SplitWords, KeepsDigitsInsideWords) {
  EXPECT_EQ(split_words("B12 3x 007 ½kg ४२"), (Words{"b12", "3x", "007", "1", "2kg", "४२"}));
}

TEST(SplitWords, FoldsCaseInEveryScript) {
  EXPECT_EQ(split_words("ÉCLAIR STRASSE Straße ΣΊΣΥΦΟΣ Привет"),
            (Words{"éclair", "strasse", "strasse", "σίσυφοσ", "привет"}));
}

TEST(SplitWords, JoinsFormsThatNfkcCallsCompatible) {
  EXPECT_EQ(split_words("ﬁne Ｆｕｌｌ １２ x² ℡"), (Words{"fine", "full", "12", "x2", "tel"}));
}

TEST(SplitWords, TreatsComposedAndCombiningAccentsAlike) {
  EXPECT_EQ(split_words("caf\u00e9"), (Words{"caf\u00e9"}));
  EXPECT_EQ(split_words("cafe\u0301"), (Words{"caf\u00e9"}));
  EXPECT_NE(split_words("cafe"), split_words("caf\u00e9"));
}

TEST(SplitWords, MakesEachHanAndKanaCharacterAWord) {
  EXPECT_EQ(split_words("日本語text化粧"), (Words{"日", "本", "語", "text", "化", "粧"}));
  EXPECT_EQ(split_words("かﾅ・カ"), (Words{"か", "ナ", "カ"}));
  EXPECT_EQ(split_words("𠀀b"), (Words{"𠀀", "b"}));
  EXPECT_EQ(split_words("한국 화장품"), (Words{"한국", "화장품"}));
}

TEST(SplitWords, IgnoresCharactersThatNobodySees) {
  EXPECT_EQ(split_words("soft\u00adhyphen"), (Words{"softhyphen"}));
  EXPECT_EQ(split_words("\ufeffheart \u2764\ufe0f sign"), (Words{"heart", "sign"}));
}

TEST(SplitWords, SeparatesAtBytesThatAreNotUtf8) {
  EXPECT_EQ(split_words("caf\xe9 noir"), (Words{"caf", "noir"}));
  EXPECT_EQ(split_words("a\xff\xfe\x62"), (Words{"a", "b"}));
  EXPECT_EQ(split_words("cut \xe2\x82"), (Words{"cut"}));
  EXPECT_EQ(split_words("x\xc0\xafy"), (Words{"x", "y"}));          // overlong
  EXPECT_EQ(split_words("x\xed\xa0\x80y"), (Words{"x", "y"}));      // a surrogate
  EXPECT_EQ(split_words("x\xf4\x90\x80\x80y"), (Words{"x", "y"}));  // above U+10FFFF
}

TEST(SplitWords, ReadsOnBeyondNulBytes) {
  EXPECT_EQ(split_words("a\0b c\0"sv), (Words{"a", "b", "c"}));
}

}  // namespace
}  // namespace tessera
