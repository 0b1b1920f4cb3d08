// Whether a refresh is due is seen: how old the model is, what it does not know, and how well it
// foretells what happens.
#include "serve/watch.h"

#include <algorithm>

#include "serve/small_service.h"

namespace tessera {
namespace {

using testing::Parsed;
using testing::SmallService;
using Ids = std::vector<std::string>;

constexpr std::chrono::seconds kLong{30};

Watch::Tell counted_by(ServiceMetrics& metrics) {
  return [&](std::size_t, bool hit) { metrics.count_watched(hit); };
}

// Each event against the model's own list after the events before it.
TEST(Watch, RanksStoredEventsAgainstTheHistoryBeforeThem) {
  SmallService small;
  const std::shared_ptr<Model> model = small.service().model();
  ServiceMetrics metrics;
  Watch watch(small.store(), counted_by(metrics), std::chrono::milliseconds(0));
  std::size_t hits = 0, watched = 0;
  for (int first = 1; first <= 8; ++first) {
    const std::string user = "user " + std::to_string(first);
    Ids history;
    for (const int step : {0, 3, 7, 9, 14}) {
      const std::string item = std::to_string((first + step) % 16 + 1);
      if (!history.empty()) {
        std::vector<std::int32_t> known;
        for (const auto& number : model->numbers(history)) known.push_back(*number);
        const auto list = model->recommend(known, {.k = 10});
        hits += std::ranges::count(list, *model->number(item), &ScoredItem::item) > 0 ? 1 : 0;
        ++watched;
      }
      history.push_back(item);
      small.store().append_events(user, plain_events(Ids{item}), "");
      watch.note(user, Ids{item}, 0, model);
      ASSERT_TRUE(watch.idle_by(Watch::Clock::now() + kLong));
    }
  }
  ASSERT_GT(hits, 0U);
  ASSERT_LT(hits, watched);
  EXPECT_EQ(metrics.freshness().watched_events, watched);
  EXPECT_EQ(metrics.freshness().hits, hits);
}

TEST(Watch, PassesOverWhatSaysNothing) {
  SmallService small;
  const std::shared_ptr<Model> model = small.service().model();
  ServiceMetrics metrics;
  Watch watch(small.store(), counted_by(metrics), std::chrono::milliseconds(0));
  const auto happens = [&](const std::string& user, const Ids& items, bool stored = true) {
    if (stored) small.store().append_events(user, plain_events(items), "");
    watch.note(user, items, 0, model);
    ASSERT_TRUE(watch.idle_by(Watch::Clock::now() + kLong));
  };
  happens("anna", {"1", "2"});   // no history before it
  happens("anna", {"1"});        // a repeat
  happens("ben", {"3"}, false);  // erased meanwhile
  happens("anna", {"9"}, false);
  happens("anna", {});
  EXPECT_EQ(metrics.freshness().watched_events, 0U);
  happens("anna", {"unknown to the model"});
  EXPECT_EQ(metrics.freshness().watched_events, 1U) << "it was not foretold";
  EXPECT_EQ(metrics.freshness().hits, 0U);
  watch.stop();
  happens("anna", {"4"});
  EXPECT_EQ(metrics.freshness().watched_events, 1U);
}

TEST(Watch, RanksOneEventAtMostInAnInterval) {
  SmallService small;
  ServiceMetrics metrics;
  Watch watch(small.store(), counted_by(metrics), std::chrono::hours(1));
  small.store().append_events("anna", plain_events(Ids{"1", "2"}), "");
  for (int i = 0; i < 20; ++i) watch.note("anna", Ids{"2"}, 0, small.service().model());
  ASSERT_TRUE(watch.idle_by(Watch::Clock::now() + kLong));
  EXPECT_EQ(metrics.freshness().watched_events, 1U);
}

TEST(Watch, ShowsInMetricsAndTheModelsDescription) {
  SmallService small;
  const auto watched = [&] { return small.json("GET", "/v1/model").at("watch"); };
  EXPECT_TRUE(watched().at("with_unknown_items").is_null());
  EXPECT_TRUE(watched().at("HR@10").is_null());
  fs::last_write_time(small.bundle() / "model.safetensors",
                      fs::file_time_type::clock::now() - std::chrono::hours(30));
  small.reload();
  EXPECT_NEAR(watched().at("age_seconds").get<double>(), 30 * 3600.0, 600.0);
  small.json("PUT", "/v1/items/new", R"({"title":"steel lamp"})");
  small.json("POST", "/v1/users/anna/events", R"({"items":["1","6"]})");
  small.json("POST", "/v1/users/anna/events", R"({"items":["later"],"keep_unknown":true})");
  small.json("POST", "/v1/recommend", R"({"user":"anna"})");
  small.json("POST", "/v1/recommend", R"({"history":["1"]})");
  EXPECT_EQ(watched().at("requests"), 4);
  EXPECT_EQ(watched().at("with_unknown_items"), 0.5);
  EXPECT_EQ(watched().at("live_items"), 1);
  const std::string metrics = small.call("GET", "/metrics").body;
  for (const char* line :
       {"tessera_model_age_seconds 1080", "tessera_histories_total{items=\"unknown\"} 2",
        "tessera_histories_total{items=\"known\"} 2", "tessera_watched_events_total ",
        "tessera_watched_hits_total ", "tessera_items{kind=\"live\"} 1"}) {
    EXPECT_NE(metrics.find(line), std::string::npos) << line << "\n" << metrics;
  }
  small.reload();
  EXPECT_EQ(watched().at("requests"), 0) << "counted since the model came into use";
}

}  // namespace
}  // namespace tessera
