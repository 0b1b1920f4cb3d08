// Events with what is known of them: taken, kept, and told again a page at a time.
#include <fmt/format.h>

#include <chrono>

#include "serve/small_service.h"

namespace tessera {
namespace {

using Ids = std::vector<std::string>;
using testing::Parsed;

class EventsApi : public ::testing::Test, public testing::SmallService {
 protected:
  Parsed append(const std::string& user, const std::string& body, int status = 200) {
    return json("POST", "/v1/users/" + user + "/events", body, status);
  }
  std::vector<Parsed> listed(const std::string& query = "") {
    std::vector<Parsed> events;
    Parsed page = json("GET", "/v1/admin/events" + query);
    for (const Parsed& event : page.at("events")) events.push_back(event);
    return events;
  }
  static std::int64_t now() {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
  }
};

TEST_F(EventsApi, AreKeptWithTimeKindAndWeight) {
  const std::int64_t before = now();
  append("anna", R"({"events":[{"item":1,"kind":"view","time":1764000000},
                               {"item":"6","weight":2.5,"time":"2025-01-31T10:00:00Z"},
                               {"item":"2","kind":null,"time":1764000000123},
                               {"item":"3"}]})");
  append("ben", R"({"items":["1"]})");
  EXPECT_EQ(json("GET", "/v1/users/anna").at("items"), (Ids{"1", "6", "2", "3"}));
  const std::vector<Parsed> events = listed();
  ASSERT_EQ(events.size(), 5U);
  EXPECT_EQ(events[0],
            Parsed({{"user", "anna"}, {"item", "1"}, {"kind", "view"}, {"time", 1764000000000}}));
  EXPECT_EQ(events[1],
            Parsed({{"user", "anna"}, {"item", "6"}, {"weight", 2.5}, {"time", 1738317600000}}));
  EXPECT_EQ(events[2], Parsed({{"user", "anna"}, {"item", "2"}, {"time", 1764000000123}}));
  for (const std::size_t by_the_clock : {3, 4}) {
    const auto time = events[by_the_clock].at("time").get<std::int64_t>();
    EXPECT_GE(time, before);
    EXPECT_LE(time, now());
  }
  EXPECT_EQ(json("POST", "/v1/recommend", R"({"user":"anna"})"),
            json("POST", "/v1/recommend", R"({"history":["1","6","2","3"]})"));
}

TEST_F(EventsApi, AreOneBatchWithAKeyAndFollowTheRulesForUnknownItems) {
  const std::string body = R"({"events":[{"item":"1","kind":"view"}],"idempotency_key":"k"})";
  append("anna", body);
  EXPECT_EQ(append("anna", body).at("repeated"), true) << "although the clock went on";
  append("anna", R"({"events":[{"item":"1","kind":"buy"}],"idempotency_key":"k"})", 422);
  append("anna", R"({"items":["1"],"idempotency_key":"k"})", 422);
  append("anna", R"({"events":[{"item":"new"}]})", 422);
  EXPECT_EQ(append("anna", R"({"events":[{"item":"new"},{"item":"6"}],"skip_unknown":true})")
                .at("unknown"),
            Ids{"new"});
  append("anna", R"({"events":[{"item":"new","kind":"buy"}],"keep_unknown":true})");
  EXPECT_EQ(json("GET", "/v1/users/anna").at("items"), (Ids{"1", "6", "new"}));
}

TEST_F(EventsApi, AreRefusedWhereTheyMakeNoSense) {
  const std::string ahead =
      fmt::format(R"({{"events":[{{"item":"1","time":{}}}]}})", now() + 90'000'000);
  for (const std::string& body :
       {std::string("{}"), std::string(R"({"events":[]})"), std::string(R"({"events":["1"]})"),
        std::string(R"({"events":[{}]})"), std::string(R"({"events":[{"kind":"view"}]})"),
        std::string(R"({"events":[{"item":"1","kind":""}]})"),
        std::string(R"({"events":[{"item":"1","kind":"a\u0001"}]})"),
        std::string(R"({"events":[{"item":"1","weight":-1}]})"),
        std::string(R"({"events":[{"item":"1","weight":1e300}]})"),
        std::string(R"({"events":[{"item":"1","time":"soon"}]})"),
        std::string(R"({"events":[{"item":"1","time":true}]})"),
        std::string(R"({"events":[{"item":"1","time":""}]})"),
        std::string(R"({"events":[{"item":"1","rating":5}]})"),
        std::string(R"({"events":[{"item":"1"}],"items":["1"]})"), ahead}) {
    refused(400, "invalid_request", "POST", "/v1/users/anna/events", body);
  }
  refused(404, "unknown_user", "GET", "/v1/users/anna");
}

TEST_F(EventsApi, AreToldInPagesWithoutWhatWasErased) {
  for (int i = 0; i < 30; ++i) append(fmt::format("user {}", i), R"({"items":["1","2","3"]})");
  append("erased", R"({"items":["1"]})");
  json("DELETE", "/v1/users/erased", "", 204);
  json("DELETE", "/v1/items/2", "", 204);
  std::size_t pages = 0;
  std::map<std::string, Ids> told;
  std::string query = "?limit=7";
  for (;; ++pages) {
    const Parsed page = json("GET", "/v1/admin/events" + query);
    EXPECT_LE(page.at("events").size(), 9U) << "seven, and the rest of a user's";
    for (const Parsed& event : page.at("events")) {
      told[event.at("user")].push_back(event.at("item"));
    }
    if (page.at("cursor").is_null()) break;
    query = "?limit=7&cursor=" + page.at("cursor").get<std::string>();
    std::replace(query.begin(), query.end(), ' ', '+');
  }
  EXPECT_GE(pages, 7U);
  EXPECT_EQ(told.size(), 30U);
  for (const auto& [user, items] : told) EXPECT_EQ(items, (Ids{"1", "3"})) << user;
}

TEST_F(EventsApi, SinceATimeAreThoseThatWereReceivedThen) {
  append("anna", R"({"events":[{"item":"1","time":"2001-01-01"}]})");
  const auto next = json("GET", "/v1/admin/events").at("next_since").get<std::int64_t>();
  EXPECT_LT(next, now());
  EXPECT_EQ(listed(fmt::format("?since={}", next)).size(), 1U)
      << "received just now, whatever its time";
  EXPECT_EQ(listed(fmt::format("?since={}", now() + 60'000)).size(), 0U);
  EXPECT_EQ(listed("?since=2001-01-02").size(), 1U);
  for (const char* bad : {"?since=soon", "?limit=0", "?limit=100001", "?sinse=3"}) {
    refused(400, "invalid_request", "GET", std::string("/v1/admin/events") + bad);
  }
}

}  // namespace
}  // namespace tessera
