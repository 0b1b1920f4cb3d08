#include "tokenize/uniqueness.h"

#include <gtest/gtest.h>

#include <set>

#include "testing/errors.h"
#include "tokenize/small_vectors.h"

namespace tessera {
namespace {

using testing::clustered;
using testing::small_options;

using Tuples = std::set<std::vector<std::int32_t>>;

Tuples tuples_of(const IntMatrix& codes) {
  Tuples tuples;
  for (std::size_t i = 0; i < codes.rows; ++i) {
    tuples.emplace(codes.row(i).begin(), codes.row(i).end());
  }
  return tuples;
}

Matrix rows_of(const Matrix& x, std::size_t first, std::size_t count) {
  Matrix part(count, x.cols());
  std::copy_n(x[first], count * x.cols(), part.span().begin());
  return part;
}

class Unique : public ::testing::TestWithParam<Quantizer> {
 protected:
  Matrix x = clustered(300, 8, 10);
  SemanticTokenizer tokenizer =
      SemanticTokenizer::fit(vectors_in_memory(x), small_options(GetParam(), {8, 8, 8}));
};

TEST_P(Unique, ReassignmentLeavesNoCollisionAndMovesNobodyWhoIsAlone) {
  const IntMatrix before = tokenizer.encode(vectors_in_memory(x));
  ASSERT_LT(tuples_of(before).size(), x.rows());
  IntMatrix after = before;
  const UniquenessReport report =
      make_unique(tokenizer, vectors_in_memory(x), Uniqueness::reassign, after);
  EXPECT_EQ(tuples_of(after).size(), x.rows());
  std::map<std::vector<std::int32_t>, std::size_t> counts;
  for (std::size_t i = 0; i < before.rows; ++i) {
    ++counts[{before.row(i).begin(), before.row(i).end()}];
  }
  std::size_t moved = 0;
  for (std::size_t i = 0; i < before.rows; ++i) {
    const bool same = std::ranges::equal(before.row(i), after.row(i));
    moved += same ? 0 : 1;
    const bool alone = counts[{before.row(i).begin(), before.row(i).end()}] == 1;
    EXPECT_TRUE(same || !alone);
  }
  EXPECT_EQ(moved, report.moved);
  EXPECT_EQ(x.rows() - tuples_of(before).size(), report.moved);
  EXPECT_GE(report.error_after, report.error_before);
}

TEST_P(Unique, AnExtraCodeNumbersTheItemsOfATuple) {
  IntMatrix codes = tokenizer.encode(vectors_in_memory(x));
  const IntMatrix before = codes;
  const UniquenessReport report =
      make_unique(tokenizer, vectors_in_memory(x), Uniqueness::extra, codes);
  EXPECT_EQ(codes.cols, 4U);
  EXPECT_EQ(tuples_of(codes).size(), x.rows());
  std::int32_t most = 0;
  for (std::size_t i = 0; i < codes.rows; ++i) {
    EXPECT_TRUE(std::ranges::equal(codes.row(i).first(3), before.row(i)));
    most = std::max(most, codes.row(i)[3]);
  }
  EXPECT_EQ(report.extra_codes, static_cast<std::size_t>(most) + 1);
}

TEST_P(Unique, NewItemsLeaveEarlierOnesTheirCodes) {
  const Matrix old = rows_of(x, 0, 250), added = rows_of(x, 250, 50);
  for (const Uniqueness rule : {Uniqueness::extra, Uniqueness::reassign}) {
    IntMatrix kept = tokenizer.encode(vectors_in_memory(old));
    make_unique(tokenizer, vectors_in_memory(old), rule, kept);
    const IntMatrix before = kept;
    IntMatrix codes = tokenizer.encode(vectors_in_memory(added));
    make_unique(tokenizer, vectors_in_memory(added), rule, codes, kept);
    EXPECT_EQ(kept.values, before.values);
    Tuples all = tuples_of(kept);
    all.merge(tuples_of(codes));
    EXPECT_EQ(all.size(), 300U);
  }
}

INSTANTIATE_TEST_SUITE_P(Quantizers, Unique,
                         ::testing::Values(Quantizer::residual, Quantizer::trained,
                                           Quantizer::product, Quantizer::opq));

TEST(Uniqueness, EveryTupleCanBeGivenAway) {
  const Matrix equal(16, 4);  // 16 equal items, 16 tuples
  const Matrix x = clustered(60, 4, 20);
  const auto tokenizer =
      SemanticTokenizer::fit(vectors_in_memory(x), small_options(Quantizer::residual, {4, 4}));
  IntMatrix codes = tokenizer.encode(vectors_in_memory(equal));
  make_unique(tokenizer, vectors_in_memory(equal), Uniqueness::reassign, codes);
  EXPECT_EQ(tuples_of(codes).size(), 16U);
  const Matrix more(17, 4);
  codes = tokenizer.encode(vectors_in_memory(more));
  testing::expect_error(
      [&] { make_unique(tokenizer, vectors_in_memory(more), Uniqueness::reassign, codes); },
      {"17 items cannot each have one of 16 tuples"});
}

TEST(Uniqueness, AMovedItemGetsTheNearestFreeTuple) {
  const Matrix x = clustered(60, 4, 20);
  const auto tokenizer =
      SemanticTokenizer::fit(vectors_in_memory(x), small_options(Quantizer::residual, {4, 4}));
  Matrix twins(2, 4);
  std::copy_n(x[5], 4, twins[0]);
  std::copy_n(x[5], 4, twins[1]);
  IntMatrix codes = tokenizer.encode(vectors_in_memory(twins));
  const std::vector<CodeTuple> all = tokenizer.codes().nearest(twins.view().row(0), 16);
  make_unique(tokenizer, vectors_in_memory(twins), Uniqueness::reassign, codes);
  EXPECT_TRUE(std::ranges::equal(codes.row(0), all[0].codes));
  EXPECT_TRUE(std::ranges::equal(codes.row(1), all[1].codes));
}

}  // namespace
}  // namespace tessera
