#include "base/error.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

using namespace std::string_view_literals;

TEST(Printable, LeavesTextAsItIs) {
  const std::string text = "naïve 日本語 👩‍👩‍👧 e\u0301 – ok";
  EXPECT_EQ(printable(text), text);
  EXPECT_EQ(printable(""), "");
}

TEST(Printable, BlanksWhatSteersATerminalOrEndsALine) {
  EXPECT_EQ(printable("a\tb\nc\rd\x1b[31m\x7F\0e"sv), "a b c d [31m  e");
  EXPECT_EQ(printable("a\u009Bb\u0085c\u2028d\u202Ee\u2066f"), "a b c d e f");
}

TEST(Printable, ReplacesBytesThatAreNotUtf8) {
  EXPECT_EQ(printable("a\xFFz"), "a\uFFFDz");
  EXPECT_EQ(printable("caf\xE9"), "caf\uFFFD");
  EXPECT_EQ(printable("\x9B\xC3"), "\uFFFD\uFFFD");
}

TEST(MessageLine, KeepsTheBeginningAndTheEndOfALongMessage) {
  const std::string line = message_line("file:1: '" + std::string(5000, 'x') + "': correct it");
  EXPECT_LT(line.size(), 1000U);
  EXPECT_TRUE(line.starts_with("file:1: 'xxx"));
  EXPECT_TRUE(line.ends_with("xxx': correct it"));
  EXPECT_NE(line.find(" … "), std::string::npos);
}

TEST(MessageLine, CutsBetweenCharacters) {
  for (std::size_t shift = 0; shift < 3; ++shift) {
    std::string text(shift, 'a');
    for (int i = 0; i < 1000; ++i) text += "日";
    EXPECT_EQ(message_line(text).find("\uFFFD"), std::string::npos) << shift;
  }
}

TEST(Fail, ThrowsOneLineWhateverItQuotes) {
  try {
    fail("{}: bad", "a\0b\nc"sv);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "a b c: bad");
  }
}

}  // namespace
}  // namespace tessera
