#include "serve/rate_limit.h"

#include <gtest/gtest.h>

#include "serve/request_ids.h"

namespace tessera {
namespace {

using namespace std::chrono_literals;

TEST(RateLimit, LetsThroughWhatTwoSecondsBringAndThenAsManyASecond) {
  RateLimit limit(5.0);
  const RateLimit::Clock::time_point begin{};
  int taken = 0;
  while (!limit.take(begin)) ++taken;
  EXPECT_EQ(taken, 10);
  const auto wait = limit.take(begin);
  ASSERT_TRUE(wait.has_value());
  EXPECT_NEAR(wait->count(), 0.2, 1e-9);
  EXPECT_TRUE(limit.take(begin + 199ms).has_value());
  EXPECT_FALSE(limit.take(begin + 201ms).has_value());
  for (int second = 10; second < 40; ++second) {
    taken = 0;
    while (!limit.take(begin + std::chrono::seconds(second))) ++taken;
    EXPECT_EQ(taken, second == 10 ? 10 : 5) << second;
  }
}

TEST(RateLimit, OfLessThanOneASecondComesWhenItIsDue) {
  RateLimit limit(0.25);
  const RateLimit::Clock::time_point begin{};
  EXPECT_FALSE(limit.take(begin).has_value());
  EXPECT_TRUE(limit.take(begin + 1s).has_value());
  EXPECT_FALSE(limit.take(begin + 5s).has_value());
}

TEST(RequestIds, AreTheClientsWhereTheyArePlain) {
  EXPECT_EQ(request_id("order-17/3"), "order-17/3");
  const std::string too_long(129, 'x');
  for (const std::string_view wrong :
       {std::string_view(), std::string_view("a b"), std::string_view("a\"b"),
        std::string_view("a\nb"), std::string_view(too_long)}) {
    const std::string made = request_id(wrong);
    EXPECT_EQ(made.size(), 16U);
    EXPECT_EQ(made.find_first_not_of("0123456789abcdef"), std::string::npos);
    EXPECT_NE(request_id(wrong), made);
  }
}

TEST(RequestIds, TracesAreThoseOfTheirHeader) {
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  EXPECT_EQ(trace_of("00-" + trace + "-00f067aa0ba902b7-01"), trace);
  for (const std::string& wrong :
       {std::string(), "01-" + trace + "-00f067aa0ba902b7-01", "00-" + trace + "-00f067aa0ba902b7",
        "00-" + std::string(32, '0') + "-00f067aa0ba902b7-01",
        "00-" + std::string(32, 'G') + "-00f067aa0ba902b7-01",
        "00-" + trace + "-0000000000000000-01"}) {
    EXPECT_EQ(trace_of(wrong), "") << wrong;
  }
}

}  // namespace
}  // namespace tessera
