#include "eval/slices.h"

#include <gtest/gtest.h>

#include <map>

#include "testing/datasets.h"

namespace tessera {
namespace {

using Users = std::vector<std::uint32_t>;

std::map<std::string, Users> slices(const Dataset& data, Split split) {
  std::map<std::string, Users> users;
  for (const Slice& slice : slices_of(data, split, training_popularity(data))) {
    users[slice.name] = slice.users;
  }
  return users;
}

// Item 0 stands six times in training, item 1 twice, item 3 eight times, items 8 and 9 never; user
// 3 is not evaluated.
const Dataset kData = testing::dataset_of(
    {{0, 0, 0, 9, 0}, {0, 0, 0, 8, 9}, {1, 1, 9, 9}, {2, 2}, {3, 3, 3, 3, 3, 3, 3, 3, 8, 1}}, 10);

TEST(Slices, GoByTrainingEventsOfTheTargetAndEventsBeforeIt) {
  EXPECT_EQ(slices(kData, Split::test),
            (std::map<std::string, Users>{{"cold", {1, 2}},
                                          {"warm", {0, 3}},
                                          {"middle", {0}},
                                          {"tail", {3}},
                                          {"target events 0", {1, 2}},
                                          {"target events 1-5", {3}},
                                          {"target events 6-20", {0}},
                                          {"history length 0-5", {0, 1, 2}},
                                          {"history length 6-10", {3}},
                                          {"repeated target", {0, 2}},
                                          {"new target", {1, 3}}}));
  EXPECT_EQ(slices(kData, Split::validation),
            (std::map<std::string, Users>{{"cold", {0, 1, 2, 3}},
                                          {"target events 0", {0, 1, 2, 3}},
                                          {"history length 0-5", {0, 1, 2}},
                                          {"history length 6-10", {3}}}));
}

TEST(Slices, EndWhereTheirNamesSay) {
  // Targets with 5, 6, 20 and 21 training events, after 5, 6, 10 and 11 events.
  std::vector<std::vector<std::int32_t>> histories;
  const std::size_t lengths[] = {5, 6, 10, 11};
  const std::size_t events[] = {5, 6, 20, 21};
  for (std::int32_t item = 0; item < 4; ++item) {
    std::vector<std::int32_t> history(lengths[item], 4);
    history.push_back(item);
    histories.push_back(history);
  }
  for (std::int32_t item = 0; item < 4; ++item) {
    for (std::size_t e = 0; e < events[item]; ++e) histories.push_back({item});
  }
  const auto found = slices(testing::dataset_of(histories, 5), Split::test);
  EXPECT_EQ(found.at("target events 1-5"), Users{0});
  EXPECT_EQ(found.at("target events 6-20"), (Users{1, 2}));
  EXPECT_EQ(found.at("target events 21+"), Users{3});
  EXPECT_EQ(found.at("history length 0-5"), Users{0});
  EXPECT_EQ(found.at("history length 6-10"), (Users{1, 2}));
  EXPECT_EQ(found.at("history length 11+"), Users{3});
}

TEST(Slices, GoByWhatTheTargetCounts) {
  Dataset data = kData;
  for (const std::int32_t item : data.events) data.weights.push_back(item < 2 ? 2.5F : 1.0F);
  const auto found = slices(data, Split::test);
  EXPECT_EQ(found.at("target weight 1"), (Users{1, 2}));
  EXPECT_EQ(found.at("target weight 2.5"), (Users{0, 3}));
  for (std::size_t e = 0; e < data.weights.size(); ++e) data.weights[e] = static_cast<float>(e);
  EXPECT_EQ(slices(data, Split::test).count("target weight 4"), 1U);
  // More than can be looked at.
  data = testing::dataset_of(std::vector(9, std::vector{0, 1, 2}), 3);
  for (std::size_t e = 0; e < data.events.size(); ++e) {
    data.weights.push_back(static_cast<float>(e));
  }
  for (const auto& [name, users] : slices(data, Split::test)) {
    EXPECT_FALSE(name.starts_with("target weight")) << name;
  }
}

}  // namespace
}  // namespace tessera
