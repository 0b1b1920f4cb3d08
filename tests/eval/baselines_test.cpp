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

constexpr std::size_t kItems = 25;

/// Walks on a small ring of items, with repeats and short histories: many equal counts.
std::vector<Items> histories() {
  Random random(9);
  std::vector<Items> all;
  for (std::size_t u = 0; u < 120; ++u) {
    Items history(1 + random.below(14));
    auto item = static_cast<std::int32_t>(random.below(kItems));
    for (std::int32_t& event : history) {
      event = item;
      item = static_cast<std::int32_t>((static_cast<std::size_t>(item) + random.below(4)) % kItems);
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
      for (std::size_t item = 0; item < kItems; ++item) {
        total += expected[item];
        ASSERT_NEAR(scores[i][item], expected[item], 1e-5 * (1.0 + expected[item]));
      }
    }
    EXPECT_GT(total, 1.0);
  }
}

TEST(Popularity, CountsTrainingEvents) {
  const Dataset data = dataset_of(histories(), kItems);
  std::vector<double> counts(kItems);
  for (const Items& history : histories()) {
    const std::size_t hidden = history.size() < 3 ? 0 : 2;
    for (std::size_t i = 0; i + hidden < history.size(); ++i) {
      ++counts[static_cast<std::size_t>(history[i])];
    }
  }
  expect_scores(data, popularity_scorer(data), [&](auto) { return counts; });
}

TEST(ItemKnn, IsTheCosineOfSetsOfUsers) {
  const Dataset data = dataset_of(histories(), kItems);
  std::vector<std::set<std::size_t>> users(kItems);
  for (std::size_t u = 0; u < data.users(); ++u) {
    for (const std::int32_t item : train_history(data, u))
      users[static_cast<std::size_t>(item)].insert(u);
  }
  const auto cosine = [&](std::size_t a, std::size_t b) {
    if (users[a].empty() || users[b].empty()) return 0.0;
    const auto both = std::ranges::count_if(users[a], [&](auto u) { return users[b].contains(u); });
    return static_cast<double>(both) /
           std::sqrt(static_cast<double>(users[a].size() * users[b].size()));
  };
  expect_scores(data, item_knn_scorer(data), [&](std::span<const std::int32_t> past) {
    std::vector<double> scores(kItems);
    for (const std::int32_t old : past) {
      for (std::size_t item = 0; item < kItems; ++item) {
        if (static_cast<std::size_t>(old) != item) {
          scores[item] += cosine(static_cast<std::size_t>(old), item);
        }
      }
    }
    return scores;
  });
}

/// rules[a][b], before the weakest are dropped.
Table plain_rules(const Dataset& data, std::size_t window) {
  Table rules(kItems, std::vector<double>(kItems));
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
  const Dataset data = dataset_of(histories(), kItems);
  Table rules = plain_rules(data, options.window);
  for (std::vector<double>& row : rules) {
    std::vector<double> sorted = row;
    std::ranges::sort(sorted, std::greater());
    const double last = options.keep < sorted.size() ? sorted[options.keep - 1] : 0.0;
    for (double& weight : row) weight = weight < last * (1.0 - 1e-6) ? 0.0 : weight;
  }
  expect_scores(data, sequential_rules_scorer(data, options),
                [&](std::span<const std::int32_t> past) {
                  std::vector<double> scores(kItems);
                  for (std::size_t j = 1; j <= std::min(options.history, past.size()); ++j) {
                    const auto& row = rules[static_cast<std::size_t>(past[past.size() - j])];
                    for (std::size_t item = 0; item < kItems; ++item) {
                      scores[item] += row[item] / static_cast<double>(j);
                    }
                  }
                  return scores;
                });
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
  const Dataset data = dataset_of(histories(), kItems);
  const Dataset other = dataset_of(changed, kItems);
  const std::vector<std::int32_t> users = evaluated_users(data, Split::test);
  const auto scores_of = [&](const Scorer& scorer) {
    Matrix scores(users.size(), kItems);
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
  const Dataset data = dataset_of(histories(), kItems);
  const std::vector<std::int32_t> users = evaluated_users(data, Split::test);
  Matrix scores(users.size(), kItems);
  make(data).catalogue(users, Split::test, scores);
  for (const std::uint64_t seed : {1, 2, 3}) {
    const std::vector<std::int32_t> order = Random(seed).permutation(kItems);
    Dataset renumbered = data;
    for (std::int32_t& item : renumbered.events) item = order[static_cast<std::size_t>(item)];
    Matrix again(users.size(), kItems);
    make(renumbered).catalogue(users, Split::test, again);
    for (std::size_t i = 0; i < users.size(); ++i) {
      for (std::size_t item = 0; item < kItems; ++item) {
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
}

}  // namespace
}  // namespace tessera
