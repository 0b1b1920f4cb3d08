#include "data/html_entities.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

TEST(HtmlEntities, DecodesNamesAndNumbers) {
  EXPECT_EQ(decode_html_entities("&lt;a&gt; &amp; &quot;b&quot; &apos;"), "<a> & \"b\" '");
  EXPECT_EQ(decode_html_entities("&#65;&#x42;&#X63; &#39;&#8482;"), "ABc '™");
  EXPECT_EQ(decode_html_entities("&eacute;&Eacute;&yuml;&iexcl;&ndash;&hellip;&frac12;"),
            "éÉÿ¡–…½");
  EXPECT_EQ(decode_html_entities("&#128512;&#x10FFFF;"), "😀\xf4\x8f\xbf\xbf");
}

TEST(HtmlEntities, TurnsNoBreakSpacesIntoBlanks) {
  EXPECT_EQ(decode_html_entities("a&nbsp;b&#160;c&#xa0;d"), "a b c d");
}

TEST(HtmlEntities, DecodesOnce) { EXPECT_EQ(decode_html_entities("&amp;lt;"), "&lt;"); }

TEST(HtmlEntities, LeavesEverythingElse) {
  for (const char* text :
       {"", "AT&T", "a & b;", "&unknown;", "&;", "&#;", "&#x;", "&#0;", "&#-5;", "&#12x;",
        "&#xD800;", "&#1114112;", "&#99999999;", "&amp", "fish &", "é"}) {
    EXPECT_EQ(decode_html_entities(text), text);
  }
}

}  // namespace
}  // namespace tessera
