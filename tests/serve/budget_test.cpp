#include "serve/budget.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

using Verdict = Budget::Verdict;

TEST(Budget, IsSharedAndGivenBack) {
  Budget budget(1000);
  {
    Budget::Share a(budget, "a"), b(budget, "b"), c(budget, "c");
    EXPECT_EQ(a.hold(500), Verdict::granted);
    EXPECT_EQ(b.hold(400), Verdict::granted);
    EXPECT_EQ(c.hold(101), Verdict::all_is_taken);
    EXPECT_EQ(c.hold(100), Verdict::granted);
    EXPECT_EQ(budget.taken(), 1000U);
    EXPECT_EQ(a.hold(10), Verdict::granted);
    EXPECT_EQ(budget.taken(), 510U);
    EXPECT_EQ(c.hold(101), Verdict::granted);
  }
  EXPECT_EQ(budget.taken(), 0U);
}

TEST(Budget, GivesAClientHalfAtMost) {
  Budget budget(1000);
  Budget::Share first(budget, "a"), second(budget, "a"), other(budget, "b");
  EXPECT_EQ(first.hold(300), Verdict::granted);
  EXPECT_EQ(second.hold(201), Verdict::client_has_too_much);
  EXPECT_EQ(second.hold(200), Verdict::granted);
  EXPECT_EQ(other.hold(500), Verdict::granted);
  EXPECT_EQ(first.hold(0), Verdict::granted);
  EXPECT_EQ(second.hold(500), Verdict::granted);
  EXPECT_EQ(other.hold(501), Verdict::all_is_taken);
}

}  // namespace
}  // namespace tessera
