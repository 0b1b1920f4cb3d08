// What a service knows of the time before it started: what training saw, and what is stored.
#include <chrono>

#include "base/npy.h"
#include "data/trends.h"
#include "serve/small_service.h"

namespace tessera {
namespace {

using Ids = std::vector<std::string>;
using testing::ids_of;
using testing::Parsed;

std::int64_t seconds_now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(since).count();
}

class Past : public ::testing::Test, public testing::SmallService {
 protected:
  // A tenth of a half-life.
  static constexpr auto kTenth = static_cast<std::int64_t>(kTrendHalfLife / 10);
  const std::int64_t last = seconds_now() - 10 * kTenth;

  Past() {
    Matrix times(17, 1);
    times[2][0] = static_cast<float>(last + 9 * kTenth);  // items 3 and 5
    times[4][0] = static_cast<float>(last - 15 * kTenth);
    times[16][0] = static_cast<float>(last);
    write_npy(bundle() / kTrendsFile, times.view());
  }
  Ids trending() {
    return ids_of(json("POST", "/v1/recommend", R"({"user":"nobody","fallback":"trending"})"));
  }
  void event(const char* user, const char* item, std::int64_t time) {
    store().append_events(user, std::vector<StoredEvent>{{item, "", {}, 1000 * time}}, "");
  }
};

TEST_F(Past, TrendingCountsTrainedAndStoredEventsOnce) {
  for (const char* user : {"u", "v", "w"}) event(user, "5", last - kTenth);  // training saw them
  event("anna", "9", last + kTenth);
  event("ben", "9", last + 2 * kTenth);
  reload();
  EXPECT_EQ(trending(), (Ids{"9", "3", "5"}));
  json("POST", "/v1/users/anna/events", R"({"items":["3"]})");
  reload();
  EXPECT_EQ(trending(), (Ids{"3", "9", "5"})) << "none counts twice after another reload";
}

TEST_F(Past, UsersAreFoundByTheirStates) {
  json("POST", "/v1/users/anna/events", R"({"items":["1","6"]})");
  json("POST", "/v1/users/like-anna/events", R"({"items":["1","6"]})");
  json("POST", "/v1/users/unlike/events", R"({"items":["13","16","9"]})");
  json("POST", "/v1/users/unknown/events", R"({"items":["zz"],"keep_unknown":true})");
  const Parsed found = json("POST", "/v1/similar-users", R"({"user":"anna","k":5})");
  ASSERT_EQ(found.at("users").size(), 2U) << found;
  EXPECT_EQ(found.at("users")[0].at("user"), "like-anna");
  EXPECT_NEAR(found.at("users")[0].at("cosine").get<double>(), 1.0, 1e-6);
  EXPECT_EQ(found.at("users")[1].at("user"), "unlike");
  EXPECT_EQ(found.at("compared"), 3);
  EXPECT_EQ(found.at("all"), true);
  const Parsed by_history =
      json("POST", "/v1/similar-users", R"({"history":["1","6"],"k":2,"users":2})");
  EXPECT_EQ(by_history.at("compared"), 2);
  EXPECT_EQ(by_history.at("all"), false);
  refused(404, "unknown_user", "POST", "/v1/similar-users", R"({"user":"nobody"})");
  refused(422, "empty_history", "POST", "/v1/similar-users", R"({"history":[]})");
}

}  // namespace
}  // namespace tessera
