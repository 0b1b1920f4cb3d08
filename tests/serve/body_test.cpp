#include "serve/body.h"

#include <gtest/gtest.h>

#include "serve/exchange.h"

namespace tessera {
namespace {

using Ids = std::vector<std::string>;

constexpr Field kFields[] = {
    {.name = "a", .kind = Field::Kind::text, .most = 2 << 20},
    {.name = "line", .kind = Field::Kind::line, .most = 8},
    {.name = "ids", .kind = Field::Kind::ids, .most = 3},
    {.name = "n", .kind = Field::Kind::number, .most = 5, .standard = 4},
    {.name = "yes", .kind = Field::Kind::flag, .standard = 1},
    {.name = "mine", .kind = Field::Kind::id, .access = Access::write},
};

Body body_of(Scratch& scratch, std::string_view text) {
  return Body(scratch, text, kFields, Access::read);
}

/// The message of the refusal, whose status must be 400.
template <class Action>
std::string refusal_of(const Action& action) {
  try {
    action();
  } catch (const Refusal& refusal) {
    EXPECT_EQ(refusal.status, 400);
    EXPECT_EQ(refusal.code, "invalid_request");
    return refusal.what();
  }
  ADD_FAILURE() << "nothing was refused";
  return "";
}

TEST(Body, ReadsFieldsByTheirTypes) {
  Scratch scratch;
  const Body body =
      body_of(scratch, R"({"a": "é\n", "ids": ["x", 12, "ü"], "n": 3, "yes": false})");
  EXPECT_EQ(body.text("a"), "é\n");
  EXPECT_EQ(body.ids("ids"), (Ids{"x", "12", "ü"}));
  EXPECT_EQ(body.number("n"), 3);
  EXPECT_FALSE(body.flag("yes"));
}

TEST(Body, LacksWhatIsNotThereOrNull) {
  Scratch scratch;
  for (const char* text : {"", "{}", R"({"a":null,"ids":null,"n":null,"yes":null})"}) {
    const Body body = body_of(scratch, text);
    EXPECT_FALSE(body.text("a").has_value());
    EXPECT_FALSE(body.ids("ids").has_value());
    EXPECT_EQ(body.number("n"), 4);
    EXPECT_TRUE(body.flag("yes"));
  }
}

TEST(Body, RefusesWhatIsNoObject) {
  Scratch scratch;
  for (const char* text : {"[]", "3", "\"a\"", "true", "null", "{", "{\"a\":}", "{\"a\":1,}", "nul",
                           "{} {}", "\xEF\xBB\xBF", "{\"n\":01}", "{\"a\":\"\\x\"}",
                           "{\"a\":\"\xC3\x28\"}", "{\"a\":\"\\ud800\"}", "{\"n\":1e999}"}) {
    EXPECT_FALSE(refusal_of([&] { body_of(scratch, text); }).empty()) << text;
  }
}

TEST(Body, RefusesDeepNestingWithoutRunningOutOfStack) {
  Scratch scratch;
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "[";
  refusal_of([&] { body_of(scratch, "{\"a\":" + deep); });
  deep += std::string(100'000, ']');
  EXPECT_NE(refusal_of([&] { body_of(scratch, "{\"a\":" + deep + "}"); }).find("deep"),
            std::string::npos);
  // And what the parser can read afterwards is the same as before.
  EXPECT_EQ(body_of(scratch, R"({"a":"b"})").text("a"), "b");
}

TEST(Body, NamesAnUnknownFieldAndTheKnownOnes) {
  Scratch scratch;
  const std::string message = refusal_of([&] { body_of(scratch, R"({"b":1})"); });
  EXPECT_NE(message.find("'b'"), std::string::npos);
  EXPECT_NE(message.find("a, line, ids, n, yes, mine"), std::string::npos);
}

TEST(Body, RefusesWrongTypesAndRanges) {
  Scratch scratch;
  const auto refused = [&](const char* text, const auto& read) {
    EXPECT_FALSE(refusal_of([&] { read(body_of(scratch, text)); }).empty()) << text;
  };
  for (const char* text : {R"({"a":1})", R"({"a":["x"]})", R"({"a":{}})"}) {
    refused(text, [](const Body& body) { body.text("a"); });
  }
  for (const char* text : {R"({"n":"1"})", R"({"n":1.5})", R"({"n":6})", R"({"n":0})",
                           R"({"n":-1})", R"({"n":9223372036854775808})", R"({"n":true})"}) {
    refused(text, [](const Body& body) { body.number("n"); });
  }
  for (const char* text : {R"({"yes":1})", R"({"yes":"true"})"}) {
    refused(text, [](const Body& body) { body.flag("yes"); });
  }
  for (const char* text : {R"({"ids":"x"})", R"({"ids":{}})", R"({"ids":[1.5]})", R"({"ids":[[]]})",
                           R"({"ids":[null]})", R"({"ids":[""]})", R"({"ids":[1,2,3,4]})",
                           R"({"ids":["a\u0000b"]})"}) {
    refused(text, [](const Body& body) { body.ids("ids"); });
  }
}

TEST(Body, RefusesWhatAFieldCannotHoldThoughNobodyReadsIt) {
  Scratch scratch;
  for (const char* text : {R"({"a":1})", R"({"n":6})", R"({"yes":[true]})", R"({"ids":"x"})"}) {
    EXPECT_FALSE(refusal_of([&] { body_of(scratch, text); }).empty()) << text;
  }
}

TEST(Body, RefusesAFieldThatStandsThereTwice) {
  Scratch scratch;
  for (const char* text :
       {R"({"a":"x","a":"x"})", R"({"a":"x","\u0061":"y"})", R"({"a":null,"a":"x"})"}) {
    EXPECT_NE(refusal_of([&] { body_of(scratch, text); }).find("'a'"), std::string::npos) << text;
  }
}

TEST(Body, RefusesAFieldThatTheCallerMayNotName) {
  Scratch scratch;
  for (const char* text : {R"({"mine":"x"})", R"({"m\u0069ne":7})"}) {
    try {
      body_of(scratch, text);
      ADD_FAILURE() << text;
    } catch (const Refusal& refusal) {
      EXPECT_EQ(refusal.status, 401);
    }
  }
  EXPECT_FALSE(body_of(scratch, R"({"mine":null})").id("mine").has_value());
  EXPECT_EQ(Body(scratch, R"({"mine":"x"})", kFields, Access::write).id("mine"), "x");
}

TEST(Body, RefusesControlCharactersAndTooMuchText) {
  Scratch scratch;
  for (const char* text :
       {R"({"line":"a\u0000b"})", R"({"line":"\u001b[31m"})", R"({"line":"a\nb"})",
        R"({"line":"\u007f"})", R"({"line":"123456789"})"}) {
    refusal_of([&] { body_of(scratch, text).text("line"); });
  }
  EXPECT_EQ(body_of(scratch, R"({"a":"a\r\n\tb"})").text("a"), "a\r\n\tb");
  refusal_of([&] { body_of(scratch, R"({"a":"\u001b"})").text("a"); });
}

TEST(Body, ReadsALargeBodyAndKeepsNoMemoryForIt) {
  Scratch scratch;
  const std::string large = "{\"a\":\"" + std::string(1 << 20, 'x') + "\"}";
  EXPECT_EQ(body_of(scratch, large).text("a")->size(), std::size_t{1} << 20);
  body_of(scratch, "{}");
  EXPECT_LT(scratch.parser.capacity(), std::size_t{1} << 18);
}

TEST(CheckId, TakesShortPrintableUtf8) {
  check_id("a", "id");
  check_id("日本 é/%", "id");
  check_id(std::string(256, 'x'), "id");
  for (const std::string& bad :
       {std::string(), std::string(257, 'x'), std::string("a\nb"), std::string("\xFF"),
        std::string("a\0b", 3), std::string("\x7F")}) {
    EXPECT_NE(refusal_of([&] { check_id(bad, "user"); }).find("'user'"), std::string::npos);
  }
}

}  // namespace
}  // namespace tessera
