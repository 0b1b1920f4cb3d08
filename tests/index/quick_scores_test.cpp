// Sums in single precision against the exact scores that they stand before.
#include "index/quick_scores.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace tessera {
namespace {

struct Kind {
  std::size_t places, codebook_size, id_dims;
  double size;     // of a code's score
  bool alternate;  // large scores that cancel each other
};

class QuickScore : public ::testing::TestWithParam<Kind> {};

TEST_P(QuickScore, IsNeverBelowTheExactOneAndHardlyAbove) {
  const Kind kind = GetParam();
  const TokenRow layout{kind.places, kind.codebook_size, kind.id_dims, sizeof(float)};
  Random random(kind.places * 1000 + kind.codebook_size);
  TokenScores scores;
  scores.codes.resize(kind.places * kind.codebook_size);
  for (std::size_t i = 0; i < scores.codes.size(); ++i) {
    const double sign = kind.alternate ? (i / kind.codebook_size % 2 == 0 ? 1.0 : -1.0) : 0.0;
    scores.codes[i] = kind.size * (sign + 0.3 * random.normal());
  }
  scores.id.resize(kind.id_dims);
  for (double& x : scores.id) x = random.normal();
  const QuickScores quick = quick_scores(scores, kind.places, kind.codebook_size);
  std::vector<std::uint8_t> row(layout.bytes()), room;
  double nearest = std::numeric_limits<double>::infinity();
  for (std::int32_t item = 0; item < 5000; ++item) {
    std::vector<std::int32_t> codes(kind.places);
    for (std::int32_t& code : codes) {
      code = static_cast<std::int32_t>(random.below(kind.codebook_size));
    }
    std::vector<float> id(kind.id_dims);
    for (float& x : id) x = static_cast<float>(random.normal());
    layout.write(row.data(), item, codes, id);
    const double exact =
        token_score(scores, kind.codebook_size, std::span<const std::int32_t>(codes), id);
    const double most = most_score(quick, scores, layout, row.data());
    ASSERT_GE(most, exact);
    ASSERT_LE(most - exact, 2.0 * quick.slack + 1e-11);
    nearest = std::min(nearest, most - exact);
  }
  EXPECT_LT(nearest, quick.slack);  // without the slack some would be below
  EXPECT_LT(quick.slack, 1e-5 * kind.size * static_cast<double>(kind.places));
}

INSTANTIATE_TEST_SUITE_P(Kinds, QuickScore,
                         ::testing::Values(Kind{35, 128, 4, 1.0, false},
                                           Kind{35, 128, 4, 1e6, true}, Kind{3, 256, 8, 1.0, false},
                                           Kind{9, 100, 0, 1e-6, true},
                                           Kind{2, 1000, 1, 1e20, false},
                                           Kind{13, 300, 64, 1.0, true}));

TEST(QuickScore, OfIdsAloneBoundsNothing) {
  const TokenRow layout{0, 0, 2, sizeof(float)};
  std::vector<std::uint8_t> row(layout.bytes());
  const float id[] = {1.0F, 2.0F};
  layout.write(row.data(), 0, {}, id);
  const TokenScores scores{{}, {1.0, 1.0}};
  EXPECT_GT(most_score(quick_scores(scores, 0, 0), scores, layout, row.data()), 1e300);
}

}  // namespace
}  // namespace tessera
