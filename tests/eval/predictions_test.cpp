// Lists of anybody's system: how they are ranked, against the protocol on whole scores, and that
// each trap is found where it was laid and nowhere else.
#include "eval/predictions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <numeric>

#include "base/files.h"
#include "base/random.h"
#include "eval/places.h"
#include "eval/traps.h"
#include "testing/errors.h"
#include "testing/temp_directory.h"

namespace tessera {

namespace {

using testing::expect_error;

constexpr std::size_t kUsers = 40, kItems = 60;

/// Whole numbers as ids; item numbers in another order than ids.
Dataset shop(bool repeats = false) {
  Dataset data;
  Random random(5);
  const std::vector<std::int32_t> order = random.permutation(kItems);
  for (std::size_t i = 0; i < kItems; ++i) {
    const std::string id = std::to_string(order[i] + 100);
    data.items.push_back({id, "", "", false});
  }
  for (std::size_t u = 0; u < kUsers; ++u) {
    data.user_ids.push_back("u" + std::to_string(u));
    std::vector<std::int32_t> items = random.permutation(kItems);
    items.resize(6);
    if (repeats && u % 4 == 0) items.back() = items[1];
    data.events.insert(data.events.end(), items.begin(), items.end());
    data.offsets.push_back(static_cast<std::int64_t>(data.events.size()));
  }
  return data;
}

/// A score of each user and item: few values where they are coarse.
float score_of(std::size_t user, std::size_t item, bool coarse) {
  const std::uint64_t bits = mix_bits(user * 1000 + item);
  return static_cast<float>(coarse ? bits % 9 : bits % 100'000);
}

Scorer scorer_of(bool coarse) {
  return {[coarse](std::span<const std::int32_t> users, Split, MatrixView<float> scores) {
            for (std::size_t i = 0; i < users.size(); ++i) {
              for (std::size_t item = 0; item < scores.cols; ++item) {
                scores[i][item] = score_of(static_cast<std::size_t>(users[i]), item, coarse);
              }
            }
          },
          {}};
}

using Rows = std::vector<std::tuple<std::string, std::string, float>>;

/// Every item for every evaluated user, the best `k` of those that `keep` lets in.
Rows rows_of(const Dataset& data, std::size_t k, bool coarse,
             const std::function<bool(std::size_t user, std::int32_t item)>& keep = {}) {
  Rows rows;
  for (const std::int32_t number : evaluated_users(data, Split::test)) {
    const auto user = static_cast<std::size_t>(number);
    std::vector<std::int32_t> items(data.items.size());
    std::iota(items.begin(), items.end(), 0);
    if (keep) std::erase_if(items, [&](std::int32_t item) { return !keep(user, item); });
    std::ranges::stable_sort(items, std::greater(), [&](std::int32_t item) {
      return score_of(user, static_cast<std::size_t>(item), coarse);
    });
    items.resize(std::min(k, items.size()));
    for (const std::int32_t item : items) {
      rows.emplace_back(data.user_ids[user], data.items[static_cast<std::size_t>(item)].id,
                        score_of(user, static_cast<std::size_t>(item), coarse));
    }
  }
  return rows;
}

bool is_seen(const Dataset& data, std::size_t user, std::int32_t item) {
  const auto history = history_before(data, user, Split::test);
  return std::ranges::find(history, item) != history.end();
}

Predictions taken(const Dataset& data, const Rows& rows, bool scored = true) {
  std::vector<std::string> users, items;
  std::vector<float> scores;
  for (const auto& [user, item, score] : rows) {
    users.push_back(user);
    items.push_back(item);
    if (scored) scores.push_back(score);
  }
  return predictions_of("lists", data, users, items, scores);
}

std::vector<std::string> traps_of(const Dataset& data, const Predictions& predictions,
                                  std::size_t cut = 10) {
  std::vector<std::string> names;
  for (const Trap& trap : traps_in(data, Split::test, predictions, Repeats::excluded, cut)) {
    names.push_back(trap.name);
    EXPECT_FALSE(trap.says.empty() || trap.remedy.empty());
  }
  return names;
}

std::vector<std::string> unseen_lists(std::size_t k) {
  const Dataset data = shop();
  return traps_of(data,
                  taken(data, rows_of(data, k, false, [&](std::size_t user, std::int32_t item) {
                          return !is_seen(data, user, item);
                        })));
}

using Names = std::vector<std::string>;

TEST(Predictions, WholeListsRankAsTheirScoresDo) {
  for (const bool repeated : {false, true}) {
    const Dataset data = shop(repeated);
    for (const bool coarse : {false, true}) {
      const Predictions all = taken(data, rows_of(data, kItems, coarse));
      for (const Repeats rule : {Repeats::excluded, Repeats::allowed, Repeats::published}) {
        TopLists from_scores, from_lists;
        const auto expected =
            rank_full(data, Split::test, scorer_of(coarse), {}, &from_scores, rule);
        EXPECT_EQ(rank_lists(data, Split::test, all, &from_lists, rule), expected);
        EXPECT_TRUE(coarse || from_lists.items == from_scores.items);
      }
    }
  }
}

TEST(Predictions, ATargetBehindTheEndOfAListIsMissed) {
  const Dataset data = shop();
  const auto full = rank_full(data, Split::test, scorer_of(false));
  const auto unseen = [&](std::size_t user, std::int32_t item) {
    return !is_seen(data, user, item);
  };
  const auto places = rank_lists(data, Split::test, taken(data, rows_of(data, 10, false, unseen)),
                                 nullptr, Repeats::excluded);
  for (std::size_t u = 0; u < places.size(); ++u) {
    EXPECT_EQ(places[u], full[u].better < 10 ? full[u] : kMissed);
  }
}

TEST(Predictions, ListsWithoutScoresGoByTheirOrder) {
  const Dataset data = shop();
  const auto expected = rank_full(data, Split::test, scorer_of(false));
  EXPECT_EQ(rank_lists(data, Split::test, taken(data, rows_of(data, kItems, false), false), nullptr,
                       Repeats::published),
            expected);
}

TEST(Predictions, AMatrixOfScoresIsRankedAsAModelIs) {
  const Dataset data = shop();
  const auto users = evaluated_users(data, Split::test);
  Matrix scores(users.size(), kItems);
  scorer_of(true).catalogue(users, Split::test, scores);
  const Predictions predictions = predictions_of("scores", data, Split::test, std::move(scores));
  ASSERT_TRUE(predictions.scorer);
  EXPECT_EQ(rank_full(data, Split::test, *predictions.scorer),
            rank_full(data, Split::test, scorer_of(true)));
  expect_error([&] { predictions_of("few", data, Split::test, Matrix(3, kItems)); },
               {"few", "3 rows for 40 evaluated users"});
  expect_error([&] { predictions_of("narrow", data, Split::test, Matrix(users.size(), 5)); },
               {"5 columns for 60 items"});
}

class PredictionFiles : public ::testing::Test {
 protected:
  fs::path file(const std::string& name, const std::string& content) const {
    write_file(directory_.path() / name, content);
    return directory_.path() / name;
  }
  fs::path path(const std::string& name) const { return directory_.path() / name; }

 private:
  testing::TempDirectory directory_;
};

TEST_F(PredictionFiles, OfEveryKindSayTheSame) {
  const Dataset data = shop();
  const Rows rows = rows_of(data, 12, false);
  std::map<std::string, std::vector<std::pair<std::string, float>>> lists;
  std::string csv = "item,score,user\n", ranked = "user\titem\trank\n", plain;
  for (const auto& [user, item, score] : rows) {
    auto& list = lists[user];
    list.emplace_back(item, score);
    csv.insert(16, fmt::format("{},{},{}\n", item, score, user));  // in the wrong order
    ranked += fmt::format("{}\t{}\t{}\n", user, item, list.size());
    plain += fmt::format("{},{}\n", user, item);
  }
  std::string with_objects, with_scores, whole_numbers;
  for (const auto& [user, list] : lists) {
    std::string objects, ids, scores;
    for (const auto& [item, score] : list) {
      const char* comma = objects.empty() ? "" : ", ";
      objects += fmt::format("{}{{\"id\": \"{}\", \"score\": {}}}", comma, item, score);
      ids += fmt::format("{}\"{}\"", comma, item);
      scores += fmt::format("{}{}", comma, score);
      whole_numbers += fmt::format("{}{}", comma, item);
    }
    with_objects += fmt::format("{{\"user\": \"{}\", \"items\": [{}]}}\n", user, objects);
    with_scores +=
        fmt::format("{{\"user\": \"{}\", \"items\": [{}], \"scores\": [{}]}}\n", user, ids, scores);
  }
  IntMatrix numbers{kUsers, 12, {}};
  const ItemNumbers known = number_by_id(data.items);
  for (const auto& [user, item, score] : rows) numbers.values.push_back(known.at(item));
  write_npy(path("lists.npy"), numbers);
  const auto expected =
      rank_lists(data, Split::test, taken(data, rows), nullptr, Repeats::excluded);
  for (const fs::path& one :
       {file("a.jsonl", with_objects), file("b.jsonl", with_scores), file("c.csv", csv),
        file("d.tsv", ranked), file("e.csv", "user,item\n" + plain), path("lists.npy")}) {
    const Predictions read = read_predictions(one, data, Split::test);
    EXPECT_EQ(rank_lists(data, Split::test, read, nullptr, Repeats::excluded), expected) << one;
  }
}

TEST_F(PredictionFiles, AreRefusedByFileAndLine) {
  const Dataset data = shop();
  const auto read = [&](const fs::path& one) { return read_predictions(one, data, Split::test); };
  expect_error([&] { read(file("a.jsonl", "{\"user\": \"u1\"}\n")); }, {"a.jsonl:1", "items"});
  expect_error(
      [&] {
        read(file("b.jsonl",
                  "{\"user\": \"u1\", \"items\": []}\n{\"user\": \"u1\", \"items\": []}\n"));
      },
      {"b.jsonl:2", "has a list already"});
  expect_error([&] { read(file("c.csv", "user,item,score\nu1,101,high\n")); },
               {"c.csv:2", "'high' is not a number"});
  expect_error([&] { read(file("d.csv", "who,what,how,why\nu1,101,1,1\n")); }, {"columns 'user'"});
}

TEST(Traps, NoneInGoodLists) { EXPECT_EQ(unseen_lists(20), Names{}); }

TEST(Traps, FindListsThatAreTooShort) { EXPECT_EQ(unseen_lists(8), Names{"short lists"}); }

TEST(Traps, FindItemsOfTheHistory) {
  const Dataset data = shop();
  EXPECT_EQ(traps_of(data, taken(data, rows_of(data, 30, false))), Names{"seen items"});
}

TEST(Traps, FindMissingAndUnknownUsers) {
  const Dataset data = shop();
  const auto unseen = [&](std::size_t user, std::int32_t item) {
    return !is_seen(data, user, item);
  };
  Rows rows = rows_of(data, 20, false, unseen);
  std::erase_if(rows, [](const auto& row) { return std::get<0>(row) == "u3"; });
  EXPECT_EQ(traps_of(data, taken(data, rows)), Names{"missing users"});
  rows.emplace_back("nobody", "100", 1.0F);
  EXPECT_EQ(traps_of(data, taken(data, rows)), (Names{"missing users", "unknown users"}));
}

TEST(Traps, FindUnknownItemsAndItemsTwice) {
  const Dataset data = shop();
  const auto unseen = [&](std::size_t user, std::int32_t item) {
    return !is_seen(data, user, item);
  };
  Rows rows = rows_of(data, 20, false, unseen);
  rows.emplace_back("u1", "nothing", -1.0F);
  EXPECT_EQ(traps_of(data, taken(data, rows)), Names{"unknown items"});
  rows.back() = rows.front();
  EXPECT_EQ(traps_of(data, taken(data, rows)), Names{"items twice"});
}

TEST(Traps, FindIdsThatAreShiftedByOne) {
  const Dataset data = shop();
  for (const int step : {-1, 1}) {
    // A system that knows the target and whose ids are one off.
    Rows rows;
    for (const std::int32_t number : evaluated_users(data, Split::test)) {
      const auto user = static_cast<std::size_t>(number);
      const auto target = static_cast<std::size_t>(target_of(data, user, Split::test));
      const std::string beside = std::to_string(std::stoi(data.items[target].id) + step);
      rows.emplace_back(data.user_ids[user], beside, 1.0F);
    }
    const Names found = traps_of(data, taken(data, rows), 1);
    EXPECT_EQ(std::ranges::count(found, "shifted ids"), 1);
  }
  // The same by the numbers of a matrix of lists.
  IntMatrix lists{kUsers, 1, {}};
  for (const std::int32_t user : evaluated_users(data, Split::test)) {
    const std::int32_t target = target_of(data, static_cast<std::size_t>(user), Split::test);
    lists.values.push_back(std::min<std::int32_t>(target + 1, kItems - 1));
  }
  const Names found = traps_of(data, predictions_of("n", data, Split::test, lists), 1);
  EXPECT_EQ(std::ranges::count(found, "shifted ids"), 1);
}

TEST(Traps, FindListsFromWholeHistories) {
  const Dataset data = shop();
  const auto no_target = [&](std::size_t user, std::int32_t item) {
    return !is_seen(data, user, item) && item != target_of(data, user, Split::test);
  };
  EXPECT_EQ(traps_of(data, taken(data, rows_of(data, 20, false, no_target))), Names{"no hits"});
}

TEST(Traps, FindCandidatesThatWereSampledWithTheTarget) {
  const Dataset data = shop();
  const auto some = [&](std::size_t user, std::int32_t item) {
    const bool drawn = mix_bits(user * 77 + static_cast<std::uint64_t>(item)) % 3 == 0;
    return item == target_of(data, user, Split::test) || (drawn && !is_seen(data, user, item));
  };
  EXPECT_EQ(traps_of(data, taken(data, rows_of(data, kItems, false, some)), 5),
            Names{"sampled candidates"});
}

TEST(Traps, FindEqualScores) {
  const Dataset data = shop();
  const auto unseen = [&](std::size_t user, std::int32_t item) {
    return !is_seen(data, user, item);
  };
  EXPECT_EQ(traps_of(data, taken(data, rows_of(data, 20, true, unseen))), Names{"equal scores"});
}

Names data_traps(const Dataset& data) {
  Names names;
  for (const Trap& trap :
       traps_in(data, Split::test, Repeats::excluded, training_popularity(data))) {
    names.push_back(trap.name);
  }
  return names;
}

TEST(Traps, FindTargetsOfTheHistoryAndColdOnes) {
  const Names found = data_traps(shop(true));
  EXPECT_EQ(std::ranges::count(found, "targets in the history"), 1);
  EXPECT_EQ(std::ranges::count(found, "ids follow time"), 0);
  Dataset data = shop();
  // An item that only the first user's target names.
  const auto target = data.events[5];
  std::erase_if(data.events, [&](const std::int32_t&) { return false; });
  for (std::size_t e = 6; e < data.events.size(); ++e) {
    if (data.events[e] == target) data.events[e] = (target + 1) % static_cast<std::int32_t>(kItems);
  }
  EXPECT_EQ(std::ranges::count(data_traps(data), "cold targets"), 1);
}

TEST(Traps, FindIdsThatFollowTime) {
  Dataset data = shop();
  // Every user goes from one new item to the next one beside it.
  const ItemNumbers numbers = number_by_id(data.items);
  for (std::size_t u = 0; u < kUsers; ++u) {
    for (std::size_t e = 0; e < 6; ++e) {
      data.events[u * 6 + e] = numbers.at(std::to_string(100 + u + e));
    }
  }
  EXPECT_EQ(std::ranges::count(data_traps(data), "ids follow time"), 1);
}

}  // namespace
}  // namespace tessera
