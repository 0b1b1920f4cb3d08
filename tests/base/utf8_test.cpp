#include "base/utf8.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

TEST(Utf8, WritesAndKnowsEveryCodePoint) {
  for (std::uint32_t code = 0; code <= 0x10FFFF; ++code) {
    std::string text;
    append_utf8(text, code);
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    ASSERT_EQ(utf8_length(text), surrogate ? 0 : text.size()) << code;
  }
}

TEST(Utf8, RefusesWhatIsCutShortTooLongOrNone) {
  for (const char* bad : {"\x80", "\xC3", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xE2\x82",
                          "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF",
                          "\xC3\x28", "\xE2\x28\xA1", "\xF0\x9F\x98"}) {
    EXPECT_FALSE(is_utf8(bad));
    EXPECT_FALSE(is_utf8("ok " + std::string(bad) + " ok"));
  }
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("aß日😀"));
}

}  // namespace
}  // namespace tessera
