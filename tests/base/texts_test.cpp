#include "base/texts.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

using Parts = std::vector<std::string_view>;

TEST(Texts, AreTrimmedAtBothEndsAlone) {
  EXPECT_EQ(trimmed(" \t a b\r\n"), "a b");
  EXPECT_EQ(trimmed(" \n\t"), "");
  EXPECT_EQ(trimmed(""), "");
  EXPECT_EQ(trimmed(" \ta ", " "), "\ta");
}

TEST(Texts, AreTheSameWhateverTheCaseOfAsciiLetters) {
  EXPECT_TRUE(same_words("Chunked", "cHUNKED"));
  EXPECT_FALSE(same_words("chunked", "chunked "));
  EXPECT_FALSE(same_words("@", "`"));  // a bit apart, as letters' cases are
}

TEST(Texts, SplitKeepsEveryPart) {
  EXPECT_EQ(split("a,b", ","), (Parts{"a", "b"}));
  EXPECT_EQ(split(",a,,", ","), (Parts{"", "a", "", ""}));
  EXPECT_EQ(split("a, b,c", ", "), (Parts{"a", "b,c"}));
  EXPECT_EQ(split("", ","), Parts{""});
  for (const std::string_view text : {"a,b", ",a,,", "a", ""}) {
    EXPECT_EQ(joined(split(text, ","), ","), text);
  }
}

}  // namespace
}  // namespace tessera
