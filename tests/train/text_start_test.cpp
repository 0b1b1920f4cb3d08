#include "train/text_start.h"

#include <gtest/gtest.h>

#include <cmath>

#include "nn/parameter.h"
#include "ranks/placement.h"
#include "testing/thread_ranks.h"

namespace tessera {
namespace {

constexpr std::size_t kRows = 60, kTextWidth = 9, kIdWidth = 4;

double distance(std::span<const float> a, std::span<const float> b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::pow(double{a[i]} - b[i], 2);
  return std::sqrt(sum);
}

Matrix random_matrix(std::size_t rows, std::size_t cols, double deviation, std::uint64_t seed) {
  Matrix matrix(rows, cols);
  Random random(seed);
  fill_normal(matrix.span(), deviation, random);
  return matrix;
}

ReadTexts rows_of(const Matrix& text) {
  return [&](std::size_t first, std::size_t count) {
    Matrix rows(count, text.cols());
    for (std::size_t i = 0; i < count; ++i) {
      std::ranges::copy(text.view().row(first + i), rows[i]);
    }
    return rows;
  };
}

void start_at_text(Matrix& ids, const Matrix& text, const Ranks& ranks) {
  tessera::start_at_text(ids, rows_of(text), ranks);
}

// Three kinds of texts, a little apart from each other within.
Matrix texts_of_three_kinds() {
  Matrix text = random_matrix(kRows, kTextWidth, 0.02, 5);
  for (std::size_t i = 0; i < kRows; ++i) text[i][i % 3] += 1.0F;
  return text;
}

TEST(TextStart, ItemsOfLikeTextBeginCloseTogether) {
  Matrix ids = random_matrix(kRows, kIdWidth, 0.02, 1);
  start_at_text(ids, texts_of_three_kinds(), {});
  for (std::size_t i = 3; i < kRows; ++i) {
    const double alike = distance(ids.view().row(i), ids.view().row(i - 3));
    EXPECT_LT(2 * alike, distance(ids.view().row(i), ids.view().row(i - 1))) << i;
  }
}

TEST(TextStart, EveryStepIsOfOneLength) {
  const Matrix before = random_matrix(kRows, kIdWidth, 0.02, 1);
  Matrix ids = before.clone();
  start_at_text(ids, random_matrix(kRows, kTextWidth, 1.0, 2), {});
  for (std::size_t i = 0; i < kRows; ++i) {
    EXPECT_NEAR(distance(ids.view().row(i), before.view().row(i)), 0.4, 1e-5);
  }
}

TEST(TextStart, WithheldItemsAndItemsWithoutTextStay) {
  Matrix ids = random_matrix(kRows, kIdWidth, 0.02, 1);
  Matrix text = texts_of_three_kinds();
  std::ranges::fill(ids.view().row(7), 0.0F);
  std::ranges::fill(text.view().row(8), 0.0F);
  const Matrix before = ids.clone();
  start_at_text(ids, text, {});
  for (const std::size_t i : {7U, 8U}) {
    EXPECT_EQ(distance(ids.view().row(i), before.view().row(i)), 0.0) << i;
  }
}

TEST(TextStart, TextsThatSayNothingMoveNothing) {
  Matrix ids = random_matrix(kRows, kIdWidth, 0.02, 1);
  const Matrix before = ids.clone();
  Matrix text(kRows, kTextWidth);
  start_at_text(ids, text, {});
  EXPECT_EQ(ids.span().front(), before.span().front());
  for (std::size_t i = 0; i < kRows; ++i) text[i][2] = 1.0F;
  start_at_text(ids, text, {});
  for (const float x : ids.span()) EXPECT_TRUE(std::isfinite(x));
}

TEST(TextStart, TextsOfFewerDimsThanTokensMoveWhatTheyCan) {
  Matrix ids = random_matrix(kRows, kIdWidth, 0.02, 1);
  const Matrix before = ids.clone();
  start_at_text(ids, random_matrix(kRows, 2, 1.0, 2), {});
  for (std::size_t i = 0; i < kRows; ++i) {
    EXPECT_NE(ids[i][0], before[i][0]);
    EXPECT_EQ(ids[i][2], before[i][2]);
    EXPECT_EQ(ids[i][3], before[i][3]);
  }
}

// More items than are read at a time.
TEST(TextStart, ItemsOfOneTextStayOneWhereverTheyStand) {
  constexpr std::size_t kHalf = 20'000;
  Matrix ids = random_matrix(2 * kHalf, kIdWidth, 0.02, 1);
  Matrix text = random_matrix(2 * kHalf, kTextWidth, 1.0, 2);
  for (std::size_t i = 0; i < kHalf; ++i) {
    std::ranges::copy(ids.view().row(i), ids[kHalf + i]);
    std::ranges::copy(text.view().row(i), text[kHalf + i]);
  }
  const Matrix before = ids.clone();
  start_at_text(ids, text, {});
  for (std::size_t i = 0; i < kHalf; ++i) {
    ASSERT_NEAR(distance(ids.view().row(i), before.view().row(i)), 0.4, 1e-5) << i;
    ASSERT_LT(distance(ids.view().row(i), ids.view().row(kHalf + i)), 1e-5) << i;
  }
}

TEST(TextStart, SeveralRanksFindTheSame) {
  const Matrix text = random_matrix(kRows, kTextWidth, 1.0, 2);
  const Matrix before = random_matrix(kRows, kIdWidth, 0.02, 1);
  Matrix alone = before.clone();
  start_at_text(alone, text, {});
  testing::run_as_ranks(3, [&](const Ranks& ranks) {
    const std::size_t rows = rows_of_rank(kRows, ranks.rank, ranks.size);
    Matrix ids(rows, kIdWidth), own(rows, kTextWidth);
    for (std::size_t i = 0; i < rows; ++i) {
      std::ranges::copy(before.view().row(ranks.rank + i * ranks.size), ids[i]);
      std::ranges::copy(text.view().row(ranks.rank + i * ranks.size), own[i]);
    }
    start_at_text(ids, own, ranks);
    for (std::size_t i = 0; i < rows; ++i) {
      EXPECT_LT(distance(ids.view().row(i), alone.view().row(ranks.rank + i * ranks.size)), 1e-4);
    }
  });
}

// Tokens that follow from the texts: what two thirds of the items tell says it of the others.
TEST(PlaceByText, FindsWhatOthersTellAtTheirLength) {
  const Matrix text = random_matrix(kRows, kTextWidth, 5.0, 2);
  const Matrix map = random_matrix(kTextWidth, kIdWidth, 1.0, 3);
  Matrix wanted(kRows, kIdWidth);
  for (std::size_t i = 0; i < kRows; ++i) {
    for (std::size_t d = 0; d < kIdWidth; ++d) {
      for (std::size_t t = 0; t < kTextWidth; ++t) wanted[i][d] += text[i][t] * map[t][d];
    }
  }
  std::vector<std::int32_t> taught, places;
  Matrix ids = wanted.clone();
  for (std::size_t i = 0; i < kRows; ++i) {
    (i % 3 == 0 ? places : taught).push_back(static_cast<std::int32_t>(i));
    if (i % 3 == 0) std::ranges::fill(ids.view().row(i), 100.0F);
  }
  const Matrix before = ids.clone();
  place_by_text(ids, rows_of(text), taught, places, {});
  for (std::size_t i = 0; i < kRows; ++i) {
    const auto row = ids.view().row(i), there = wanted.view().row(i);
    EXPECT_LT(distance(row, there), 0.1 * distance(there, std::vector<float>(kIdWidth))) << i;
    if (i % 3 == 0) continue;
    EXPECT_TRUE(std::ranges::equal(row, before.view().row(i))) << i;
  }
}

TEST(PlaceByText, OfSeveralRanksIsThatOfOne) {
  const Matrix text = random_matrix(kRows, kTextWidth, 1.0, 2);
  const Matrix before = random_matrix(kRows, kIdWidth, 1.0, 3);
  const auto place = [&](const Ranks& ranks, Matrix& ids) {
    const RowSelection held = rows_held(ranks);
    Matrix own_text(held.size(kRows), kTextWidth);
    std::vector<std::int32_t> taught, places;
    for (std::size_t row = 0; row < own_text.rows(); ++row) {
      const std::size_t item = held.first + row * held.step;
      std::ranges::copy(text.view().row(item), own_text[row]);
      std::ranges::copy(before.view().row(item), ids[row]);
      (item < 20 ? places : taught).push_back(static_cast<std::int32_t>(row));
    }
    place_by_text(ids, rows_of(own_text), taught, places, ranks);
  };
  Matrix one(kRows, kIdWidth);
  place(kAlone, one);
  testing::run_as_ranks(3, [&](const Ranks& ranks) {
    Matrix own(rows_of_rank(kRows, ranks.rank, ranks.size), kIdWidth);
    place(ranks, own);
    for (std::size_t row = 0; row < own.rows(); ++row) {
      const std::size_t item = ranks.rank + row * ranks.size;
      EXPECT_LT(distance(own.view().row(row), one.view().row(item)), 1e-4) << item;
    }
  });
}

}  // namespace
}  // namespace tessera
