#include "tune/halving.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

using Places = std::vector<std::size_t>;
using Values = std::vector<std::optional<double>>;

TEST(Halving, RungsAreANinthAThirdAndTheWholeOfTheEpochs) {
  EXPECT_EQ(rung_epochs(0, 10), 2U);
  EXPECT_EQ(rung_epochs(1, 10), 4U);
  EXPECT_EQ(rung_epochs(2, 10), 10U);
  for (std::size_t rung = 0; rung < kRungs; ++rung) EXPECT_EQ(rung_epochs(rung, 1), 1U);
  EXPECT_EQ(rung_epochs(0, 90), 10U);
}

TEST(Halving, TheBestThirdGoesOnAndOfEqualsTheFirst) {
  EXPECT_EQ(promoted(Values{.1, .5, .2, .4, .3, .6, 0., .1, .2}), (Places{1, 3, 5}));
  EXPECT_EQ(promoted(Values{.1, .1, .1}), (Places{0}));
  EXPECT_EQ(promoted(Values{.1, .2, .3, .4}), (Places{2, 3}));
  EXPECT_EQ(promoted(Values{.1}), (Places{0}));
  EXPECT_EQ(promoted(Values{}), (Places{}));
}

TEST(Halving, WhatFailedNeverGoesOn) {
  EXPECT_EQ(promoted(Values{std::nullopt, -1., std::nullopt, std::nullopt}), (Places{1}));
  EXPECT_EQ(promoted(Values{std::nullopt, std::nullopt}), (Places{}));
}

}  // namespace
}  // namespace tessera
