#include "eval/slices.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "testing/datasets.h"

namespace tessera {
namespace {

std::map<std::string, std::size_t> users_by_slice(const std::vector<Slice>& slices) {
  std::map<std::string, std::size_t> users;
  for (const Slice& slice : slices) users[slice.name] = slice.metrics.users;
  return users;
}

// Item 0 stands six times in training, item 1 twice, items 8 and 9 never.
const Dataset kData = testing::dataset_of(
    {{0, 0, 0, 9, 0}, {0, 0, 0, 8, 9}, {1, 1, 9, 9}, {2, 2}, {3, 3, 3, 3, 3, 3, 3, 3, 8, 1}}, 10);
const std::vector<Rank> kRanks = {{0, 0}, {20, 0}, {20, 0}, {4, 0}};

TEST(Slices, CountTrainingEventsOfTheTargetAndEventsBeforeIt) {
  EXPECT_EQ(users_by_slice(slice_metrics(kData, Split::test, kRanks)),
            (std::map<std::string, std::size_t>{{"cold", 2},
                                                {"warm", 2},
                                                {"target events 0", 2},
                                                {"target events 1-5", 1},
                                                {"target events 6-20", 1},
                                                {"history length 0-5", 3},
                                                {"history length 6-10", 1}}));
  EXPECT_EQ(users_by_slice(slice_metrics(kData, Split::validation, kRanks)),
            (std::map<std::string, std::size_t>{{"cold", 4},
                                                {"target events 0", 4},
                                                {"history length 0-5", 3},
                                                {"history length 6-10", 1}}));
}

TEST(Slices, HoldTheMetricsOfTheirUsers) {
  const nlohmann::json json = to_json(slice_metrics(kData, Split::test, kRanks));
  EXPECT_EQ(json.at("target events 6-20").at("HR@1"), 1.0);
  EXPECT_EQ(json.at("cold").at("HR@10"), 0.0);
  EXPECT_EQ(json.at("warm").at("MRR"), 0.6);
  EXPECT_EQ(json.at("target events 0").at("HR@10"), 0.0);
  EXPECT_EQ(json.at("target events 1-5").at("MRR"), 0.2);
  EXPECT_DOUBLE_EQ(json.at("history length 0-5").at("HR@10"), 1.0 / 3.0);
  EXPECT_EQ(json.at("history length 0-5").at("users"), 3);
}

}  // namespace
}  // namespace tessera
