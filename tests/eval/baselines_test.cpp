#include "eval/baselines.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/random.h"
#include "testing/datasets.h"

namespace tessera {
namespace {

using testing::dataset_of;
using Items = std::vector<std::int32_t>;
using Table = std::vector<std::vector<double>>;

constexpr std::size_t kRing = 25;

/// Walks on a small ring of items, with repeats and short histories: many equal counts.
std::vector<Items> histories() {
  Random random(9);
  std::vector<Items> all;
  for (std::size_t u = 0; u < 120; ++u) {
    Items history(1 + random.below(14));
    auto item = static_cast<std::int32_t>(random.below(kRing));
    for (std::int32_t& event : history) {
      event = item;
      item = static_cast<std::int32_t>((static_cast<std::size_t>(item) + random.below(4)) % kRing);
    }
    all.push_back(history);
  }
  return all;
}

/// plain(history) gives a score for each item.
template <class Plain>
void expect_scores(const Dataset& data, const Scorer& scorer, const Plain& plain) {
  const std::vector<std::int32_t> users = evaluated_users(data, Split::test);
  ASSERT_GT(users.size(), 50U);
  for (const Split split : {Split::validation, Split::test}) {
    Matrix scores(users.size(), data.items.size());
    std::ranges::fill(scores.span(), NAN);
    scorer.catalogue(users, split, scores);
    double total = 0.0;
    for (std::size_t i = 0; i < users.size(); ++i) {
      const auto past = history_before(data, static_cast<std::size_t>(users[i]), split);
      const std::vector<double> expected = plain(past);
      for (std::size_t item = 0; item < kRing; ++item) {
        total += expected[item];
        ASSERT_NEAR(scores[i][item], expected[item], 1e-5 * (1.0 + expected[item]));
      }
    }
    EXPECT_GT(total, 1.0);
  }
}

TEST(Popularity, CountsTrainingEvents) {
  const Dataset data = dataset_of(histories(), kRing);
  std::vector<double> counts(kRing);
  for (const Items& history : histories()) {
    const std::size_t hidden = history.size() < 3 ? 0 : 2;
    for (std::size_t i = 0; i + hidden < history.size(); ++i) {
      ++counts[static_cast<std::size_t>(history[i])];
    }
  }
  expect_scores(data, popularity_scorer(data), [&](auto) { return counts; });
}

/// Keeps the strongest of each row and their equals.
void keep_strongest(Table& rules, std::size_t keep) {
  for (std::vector<double>& row : rules) {
    std::vector<double> sorted = row;
    std::ranges::sort(sorted, std::greater());
    const double last = keep < sorted.size() ? sorted[keep - 1] : 0.0;
    for (double& weight : row) weight = weight < last * (1.0 - 1e-6) ? 0.0 : weight;
  }
}

/// Scores from the last items of a history by what each says of every item.
void expect_scores_by_rules(const Dataset& data, const Scorer& scorer, const Table& rules,
                            std::size_t history, double decay) {
  expect_scores(data, scorer, [&](std::span<const std::int32_t> past) {
    std::vector<double> scores(kRing);
    for (std::size_t j = 1; j <= std::min(history, past.size()); ++j) {
      const auto& row = rules[static_cast<std::size_t>(past[past.size() - j])];
      for (std::size_t item = 0; item < kRing; ++item) {
        scores[item] += row[item] / std::pow(static_cast<double>(j), decay);
      }
    }
    return scores;
  });
}

void expect_item_knn(const ItemKnnOptions& options) {
  const Dataset data = dataset_of(histories(), kRing);
  std::vector<std::set<std::size_t>> users(kRing);
  for (std::size_t u = 0; u < data.users(); ++u) {
    for (const std::int32_t item : train_history(data, u))
      users[static_cast<std::size_t>(item)].insert(u);
  }
  Table likeness(kRing, std::vector<double>(kRing));
  for (std::size_t a = 0; a < kRing; ++a) {
    for (std::size_t b = 0; b < kRing; ++b) {
      if (a == b || users[a].empty() || users[b].empty()) continue;
      const auto both =
          std::ranges::count_if(users[a], [&](auto u) { return users[b].contains(u); });
      likeness[a][b] =
          static_cast<double>(both) /
          (std::sqrt(static_cast<double>(users[a].size() * users[b].size())) + options.shrink);
    }
  }
  keep_strongest(likeness, options.keep);
  expect_scores_by_rules(data, item_knn_scorer(data, options), likeness, options.history,
                         options.decay);
}

TEST(ItemKnn, IsTheCosineOfSetsOfUsers) { expect_item_knn({}); }

TEST(ItemKnn, ShrinksWhatFewUsersSay) { expect_item_knn({.shrink = 7.5}); }

TEST(ItemKnn, KeepsTheNearestAndTheirTies) {
  expect_item_knn({.keep = 1});
  expect_item_knn({.keep = 5, .shrink = 2});
}

TEST(ItemKnn, ScoresFromTheLastItemsOfTheHistory) {
  expect_item_knn({.history = 2});
  expect_item_knn({.decay = 1});
  expect_item_knn({.keep = 4, .history = 3, .decay = 0.5});
}

/// rules[a][b], before the weakest are dropped.
Table plain_rules(const Dataset& data, std::size_t window) {
  Table rules(kRing, std::vector<double>(kRing));
  for (std::size_t u = 0; u < data.users(); ++u) {
    const auto history = train_history(data, u);
    for (std::size_t first = 0; first < history.size(); ++first) {
      for (std::size_t next = first + 1; next < history.size() && next - first <= window; ++next) {
        rules[static_cast<std::size_t>(history[first])][static_cast<std::size_t>(history[next])] +=
            1.0 / std::log10(static_cast<double>(next - first) + 1.7);
      }
    }
  }
  return rules;
}

void expect_sequential_rules(const SequentialRulesOptions& options) {
  const Dataset data = dataset_of(histories(), kRing);
  Table rules = plain_rules(data, options.window);
  keep_strongest(rules, options.keep);
  expect_scores_by_rules(data, sequential_rules_scorer(data, options), rules, options.history,
                         options.decay);
}

TEST(SequentialRules, EqualPlainCounting) { expect_sequential_rules({}); }

TEST(SequentialRules, LookNoFurtherThanTheWindow) {
  expect_sequential_rules({.window = 1});
  expect_sequential_rules({.window = 3});
}

TEST(SequentialRules, KeepTheStrongestAndTheirTies) {
  expect_sequential_rules({.keep = 1});
  expect_sequential_rules({.keep = 4});
}

TEST(SequentialRules, ForgetAsFastAsTheyAreTold) {
  expect_sequential_rules({.decay = 0});
  expect_sequential_rules({.keep = kAll, .history = kAll, .decay = 2});
}

TEST(SequentialRules, ScoreFromTheLastItemsOfTheHistory) {
  expect_sequential_rules({.history = 1});
  expect_sequential_rules({.history = 3});
}

TEST(Baselines, LearnNothingFromValidationAndTestItems) {
  std::vector<Items> changed = histories();
  for (Items& history : changed) {
    if (history.size() < 3) continue;
    history[history.size() - 1] = 0;
    history[history.size() - 2] = 1;
  }
  const Dataset data = dataset_of(histories(), kRing);
  const Dataset other = dataset_of(changed, kRing);
  const std::vector<std::int32_t> users = evaluated_users(data, Split::test);
  const auto scores_of = [&](const Scorer& scorer) {
    Matrix scores(users.size(), kRing);
    scorer.catalogue(users, Split::validation, scores);
    return std::vector<float>(scores.span().begin(), scores.span().end());
  };
  EXPECT_EQ(scores_of(popularity_scorer(data)), scores_of(popularity_scorer(other)));
  EXPECT_EQ(scores_of(item_knn_scorer(data)), scores_of(item_knn_scorer(other)));
  EXPECT_EQ(scores_of(sequential_rules_scorer(data)), scores_of(sequential_rules_scorer(other)));
}

/// Scores must not depend on how items are numbered, not even by the rounding of sums: it would
/// break ties by the number.
template <class Make>
void expect_numbers_do_not_matter(const Make& make) {
  const Dataset data = dataset_of(histories(), kRing);
  const std::vector<std::int32_t> users = evaluated_users(data, Split::test);
  Matrix scores(users.size(), kRing);
  make(data).catalogue(users, Split::test, scores);
  for (const std::uint64_t seed : {1, 2, 3}) {
    const std::vector<std::int32_t> order = Random(seed).permutation(kRing);
    Dataset renumbered = data;
    for (std::int32_t& item : renumbered.events) item = order[static_cast<std::size_t>(item)];
    Matrix again(users.size(), kRing);
    make(renumbered).catalogue(users, Split::test, again);
    for (std::size_t i = 0; i < users.size(); ++i) {
      for (std::size_t item = 0; item < kRing; ++item) {
        ASSERT_EQ(scores[i][item], again[i][static_cast<std::size_t>(order[item])])
            << i << " " << item;
      }
    }
  }
}

TEST(Baselines, DoNotDependOnItemNumbers) {
  expect_numbers_do_not_matter([](const Dataset& data) { return popularity_scorer(data); });
  expect_numbers_do_not_matter([](const Dataset& data) { return item_knn_scorer(data); });
  expect_numbers_do_not_matter([](const Dataset& data) { return sequential_rules_scorer(data); });
  expect_numbers_do_not_matter(
      [](const Dataset& data) { return sequential_rules_scorer(data, {.keep = 3}); });
  expect_numbers_do_not_matter([](const Dataset& data) {
    return item_knn_scorer(data, {.keep = 3, .shrink = 2, .decay = 0.5});
  });
}

}  // namespace
}  // namespace tessera
