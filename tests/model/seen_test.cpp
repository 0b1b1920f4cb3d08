// What models have seen is not what they are measured on.
#include "model/seen.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/temp_directory.h"

namespace tessera {
namespace {

using testing::dataset_of;
using testing::expect_error;
using Json = nlohmann::json;
using Users = std::vector<std::int32_t>;

/// Three users at days 1 … 9.
Dataset timed() {
  Dataset data = dataset_of({{0, 1, 2, 3}, {1, 2, 3}, {0, 1, 2, 3, 0}}, 4);
  data.times = {1, 2, 3, 9, 1, 2, 4, 1, -1, 5, -1, 8};
  return data;
}

TEST(Seen, ARefitHasSeenEverythingUntilItsLastEvent) {
  Dataset data = timed();
  EXPECT_TRUE(seen_by(data, "here", "digest", {}).is_null())
      << "leave-one-out holds out what any later dataset holds out or trains on";
  hold_nothing_out(data);
  EXPECT_EQ(seen_by(data, "here", "digest", {}), Json::parse(R"({"until": 9})"));
  EXPECT_EQ(seen_by(data, "here", "digest", Json::parse(R"({"until": 12})")),
            Json::parse(R"({"until": 12})"));
  data.times.clear();
  EXPECT_EQ(seen_by(data, "/here", "digest", {}),
            Json::parse(R"({"data": "/here", "fingerprint": "digest"})"));
}

TEST(Seen, ATrainingThatGoesOnHasSeenWhatTheEarlierOneSaw) {
  const Json earlier = Json::parse(R"({"until": 3})");
  EXPECT_EQ(seen_by(timed(), "here", "digest", earlier), earlier);
}

TEST(Seen, ASplitByTimeShowsWhatIsBeforeItsFirstCut) {
  Dataset data = timed();
  data.split = {true, 4, 8};
  EXPECT_EQ(seen_by(data, "here", "digest", {}), Json::parse(R"({"until": 3})"));
}

TEST(Seen, UsersAreLeftOutWhoseTargetIsNotBehindIt) {
  const auto users = [](std::int64_t until, Split split) {
    Dataset data = timed();
    leave_out_seen(data, Json{{"until", until}});
    return evaluated_users(data, split);
  };
  EXPECT_EQ(users(0, Split::test), (Users{0, 1, 2}));
  EXPECT_EQ(users(3, Split::test), (Users{0, 1, 2}));
  EXPECT_EQ(users(4, Split::test), (Users{0, 2}));
  EXPECT_EQ(users(8, Split::test), Users{0});
  EXPECT_EQ(users(9, Split::test), Users{});
  EXPECT_EQ(users(3, Split::validation), Users{2}) << "of unknown time, behind what was seen";
  EXPECT_EQ(users(5, Split::validation), Users{2});
  EXPECT_EQ(users(8, Split::validation), Users{});
  Dataset data = timed();
  data.times.clear();
  expect_error([&] { leave_out_seen(data, Json{{"until", 3}}); }, {"no times"});
}

TEST(Seen, WithoutTimesTheEarlierDatasetTells) {
  const testing::TempDirectory directory;
  const fs::path there = directory.path() / "earlier";
  Dataset earlier = dataset_of({{1, 2, 3}, {0, 1, 2}}, 4);
  earlier.user_ids = {"u1", "u0"};
  write_dataset(there, earlier);
  Dataset data = dataset_of({{0, 1, 2}, {1, 2, 3, 0}, {2, 3, 1}}, 4);
  const Json seen = {{"data", there.string()}, {"fingerprint", fingerprint(earlier)}};
  leave_out_seen(data, seen);
  EXPECT_EQ(evaluated_users(data, Split::test), (Users{1, 2}));
  EXPECT_EQ(evaluated_users(data, Split::validation), Users{2});
  leave_out_seen(data, {});
  EXPECT_EQ(evaluated_users(data, Split::test), (Users{1, 2})) << "null tells of nothing";
  fs::remove_all(there);
  expect_error([&] { leave_out_seen(data, seen); }, {there.string(), "no longer there"});
}

}  // namespace
}  // namespace tessera
