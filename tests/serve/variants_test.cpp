// Several models beside each other: who answers whom, what they share, and what is told of each.
#include "serve/variants.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <set>
#include <thread>

#include "engine/attributed_bundle.h"
#include "serve/small_service.h"
#include "testing/errors.h"

namespace tessera {
namespace {

using testing::ids_of;
using testing::Parsed;

/// Two models over a store, called without sockets.
class TwoVariants : public ::testing::Test {
 protected:
  TwoVariants() : store(open_store("")) {
    testing::write_small_bundle(path("a"), "unified", 7);
    testing::write_small_bundle(path("b"), "unified", 8);
    start();
  }
  fs::path path(const char* name) const { return directory_.path() / name; }
  void start(std::vector<VariantOptions> models = {}) {
    if (models.empty()) models = {{path("a"), "a", 50}, {path("b"), "b", 50}};
    service = std::make_unique<Service>(ServiceOptions{.models = models}, *store, log_);
  }
  Response call(std::string_view method, std::string_view target, std::string_view body = "",
                std::string_view id = "") {
    return service->answer({.method = method, .target = target, .body = body, .id = id}, scratch_);
  }
  Parsed json(std::string_view method, std::string_view target, std::string_view body = "",
              int status = 200, std::string_view id = "") {
    const Response response = call(method, target, body, id);
    EXPECT_EQ(response.status, status) << method << " " << target << " " << body << "\n"
                                       << response.body;
    return response.body.empty() ? Parsed() : Parsed::parse(response.body);
  }
  Parsed variant(std::string_view name) {
    const Parsed all = json("GET", "/v1/admin/variants").at("variants");
    for (const Parsed& one : all) {
      if (one.at("name") == name) return one;
    }
    ADD_FAILURE() << "no variant " << name;
    return {};
  }
  std::string own_list(const char* name, std::span<const std::string> history) {
    const Model model(path(name));
    std::string ids;
    for (const Recommendation& item : model.recommend(history, {.k = 5})) ids += item.id + " ";
    return ids;
  }
  static std::string joined(const Parsed& answer) {
    std::string ids;
    for (const std::string& id : ids_of(answer)) ids += id + " ";
    return ids;
  }

  std::unique_ptr<Store> store;
  std::unique_ptr<Service> service;

 private:
  testing::TempDirectory directory_;
  Log log_{fs::path()};
  Scratch scratch_;
};

/// How a service would deal users out, without models.
class Dealing {
 public:
  Dealing(std::string_view split, std::string salt = "tessera") : store_(open_store("")) {
    std::vector<VariantOptions> options = {{"", "a"}, {"", "b"}, {"", "c"}};
    set_shares(options, split);
    variants_ = std::make_unique<Variants>(options, std::move(salt), *store_, log_, metrics_);
  }
  std::string_view of(int user) const {
    return variants_->name(variants_->of(fmt::format("user-{}", user)));
  }

 private:
  std::unique_ptr<Store> store_;
  Log log_{fs::path()};
  ServiceMetrics metrics_;
  std::unique_ptr<Variants> variants_;
};

TEST(Split, GivesEachVariantItsShareOfUsers) {
  constexpr int kUsers = 20'000;
  const Dealing dealing("a=90,b=10");
  std::map<std::string_view, int> users;
  for (int user = 0; user < kUsers; ++user) ++users[dealing.of(user)];
  EXPECT_EQ(users.count("c"), 0U) << "it was not named";
  const double sigma = std::sqrt(kUsers * 0.9 * 0.1);
  EXPECT_NEAR(users["b"], 0.1 * kUsers, 4 * sigma);
}

TEST(Split, MovesUsersOnlyToTheVariantThatGrows) {
  const Dealing before("a=90,b=10"), after("a=80,b=20"), again("a=8,b=2"), salted("a=80,b=20", "x");
  int moved = 0, dealt_anew = 0;
  for (int user = 0; user < 5000; ++user) {
    if (before.of(user) == "b") {
      EXPECT_EQ(after.of(user), "b");
    }
    moved += before.of(user) != after.of(user) ? 1 : 0;
    EXPECT_EQ(again.of(user), after.of(user)) << "shares are parts of their sum";
    dealt_anew += salted.of(user) != after.of(user) ? 1 : 0;
  }
  EXPECT_NEAR(moved, 500, 100);
  EXPECT_NEAR(dealt_anew, 2 * 0.8 * 0.2 * 5000, 200) << "as if they were independent";
}

TEST(Split, IsRefusedWhereItNamesWhatIsNot) {
  std::vector<VariantOptions> models = {{"x", "a"}, {"y", "b"}};
  for (const char* bad : {"a=90,z=10", "a=1,a=2", "a", "a=-1", "a=nan", "a=many", ""}) {
    testing::expect_error([&] { set_shares(models, bad); }, {"--split"});
  }
  const auto store = open_store("");
  const Log log{fs::path()};
  ServiceMetrics metrics;
  testing::expect_error(
      [&] { Variants(std::vector<VariantOptions>{{"x"}, {"y"}}, "", *store, log, metrics); },
      {"default"});
  set_shares(models, "a=0");
  testing::expect_error([&] { Variants(models, "", *store, log, metrics); }, {"share"});
  testing::expect_error([] { variant_from_text("A b=dir"); }, {"lower-case"});
  EXPECT_EQ(variant_from_text("a=some/dir").name, "a");
  EXPECT_EQ(variant_from_text("some/dir").name, "default");
}

TEST_F(TwoVariants, AnswerTheirUsersAlways) {
  const std::vector<std::string> history = {"1", "6"};
  std::set<std::string> seen;
  for (int user = 0; user < 20; ++user) {
    const std::string name = fmt::format("user-{}", user);
    json("POST", "/v1/users/" + name + "/events", R"({"items":["1","6"]})");
    const std::string body = fmt::format(R"({{"user":"{}","k":5}})", name);
    const Response first = call("POST", "/v1/recommend", body, "one");
    const Response again = call("POST", "/v1/recommend", body, "two");
    EXPECT_EQ(first.variant, again.variant);
    EXPECT_EQ(joined(Parsed::parse(first.body)), own_list(first.variant.c_str(), history));
    EXPECT_EQ(Parsed::parse(call("GET", "/v1/model?variant=" + first.variant).body).at("name"),
              first.model);
    seen.insert(first.variant);
  }
  EXPECT_EQ(seen, (std::set<std::string>{"a", "b"}));
  seen.clear();
  for (int request = 0; request < 20; ++request) {
    const std::string id = fmt::format("request-{}", request);
    seen.insert(call("POST", "/v1/recommend", R"({"history":["1"]})", id).variant);
  }
  EXPECT_EQ(seen.size(), 2U) << "whoever is not known goes by the request";
}

TEST_F(TwoVariants, ManyListsComeFromTheVariantOfEachUser) {
  std::string users;
  for (int user = 0; user < 12; ++user) {
    const std::string name = fmt::format("user-{}", user);
    json("POST", "/v1/users/" + name + "/events", R"({"items":["3","9"]})");
    users += fmt::format(R"({}"{}")", user == 0 ? "" : ",", name);
  }
  const Parsed lists =
      json("POST", "/v1/recommend:bulk", "{\"users\":[" + users + "],\"k\":5}").at("lists");
  ASSERT_EQ(lists.size(), 12U);
  std::set<std::string> seen;
  for (const Parsed& list : lists) {
    const std::string body =
        fmt::format(R"({{"user":"{}","k":5}})", list.at("user").get<std::string>());
    const Response one = call("POST", "/v1/recommend", body);
    EXPECT_EQ(list.at("variant"), one.variant);
    EXPECT_EQ(ids_of(list), ids_of(Parsed::parse(one.body)));
    seen.insert(one.variant);
  }
  EXPECT_EQ(seen.size(), 2U);
}

TEST_F(TwoVariants, AreLookedAtByNameWithoutBeingCounted) {
  const std::vector<std::string> history = {"2"};
  for (const char* name : {"a", "b"}) {
    const std::string body = fmt::format(R"({{"history":["2"],"k":5,"variant":"{}"}})", name);
    EXPECT_EQ(joined(json("POST", "/v1/recommend", body)), own_list(name, history));
    EXPECT_EQ(variant(name).at("lists"), 0);
  }
  const Parsed refusal = json("POST", "/v1/recommend", R"({"history":["2"],"variant":"z"})", 400);
  EXPECT_EQ(refusal.at("error").at("code"), "unknown_variant");
  EXPECT_NE(refusal.dump().find("a, b"), std::string::npos);
  json("GET", "/v1/model?variant=z", "", 400);
}

TEST_F(TwoVariants, TakeItemsAndEventsAlike) {
  json("PUT", "/v1/items/new", R"({"title":"steel teapot"})");
  json("DELETE", "/v1/items/3", "", 204);
  json("POST", "/v1/items:bulk",
       "{\"id\":\"more\",\"title\":\"oak lamp\"}\n{\"id\":\"4\",\"erase\":true}");
  for (const std::size_t variant : {0, 1}) {
    const auto model = service->variants().in_use(variant).model;
    EXPECT_TRUE(model->number("new") && model->number("more"));
    EXPECT_FALSE(model->number("3") || model->number("4"));
  }
  json("POST", "/v1/items/3/restore");
  EXPECT_TRUE(service->variants().in_use(1).model->number("3"));
  start();  // another process over the same store
  for (const std::size_t variant : {0, 1}) {
    const auto model = service->variants().in_use(variant).model;
    EXPECT_TRUE(model->number("new") && model->number("more") && model->number("3"));
    EXPECT_FALSE(model->number("4"));
  }
  json("DELETE", "/v1/items/nobody", "", 404);
}

TEST_F(TwoVariants, WhatOneOfThemCannotTakeTheOtherServesWithout) {
  testing::write_small_bundle(path("ids"), "id");
  testing::write_attributed_bundle(path("rich"), "id");
  start({{path("ids"), "ids"}, {path("a"), "a"}, {path("rich"), "rich"}});
  json("PUT", "/v1/items/new", R"({"title":"steel teapot"})");  // ID tokens alone read no text
  EXPECT_FALSE(service->variants().in_use(0).model->number("new"));
  EXPECT_TRUE(service->variants().in_use(1).model->number("new"));
  json("PATCH", "/v1/items/5", R"({"attributes":{"price":77}})");
  const auto rich = service->variants().in_use(2).model;
  EXPECT_EQ(std::get<double>(rich->attributes_of(*rich->number("5"))[0].second), 77.0);
  json("PATCH", "/v1/items/5", R"({"attributes":{"prise":77}})", 422);
  const Parsed report =
      Parsed::parse(call("POST", "/v1/items:bulk", R"({"id":"6","attributes":{"price":78}})").body);
  EXPECT_EQ(report.at("done"), 1);
  EXPECT_EQ(std::get<double>(rich->attributes_of(*rich->number("6"))[0].second), 78.0);
  json("POST", "/v1/users/anna/events", R"({"items":["400","new"]})");
  std::size_t stored = 0;
  store->for_each_attribute([&](std::string_view, const StoredAttribute&) { ++stored; });
  EXPECT_EQ(stored, 2U) << "written once each";
}

TEST_F(TwoVariants, CountWhatBecameOfTheirLists) {
  const auto listed = [&](const std::string& id) {
    return call("POST", "/v1/recommend", R"({"history":["1"],"k":4})", id).variant;
  };
  std::map<std::string, int> lists, shown, clicked, converted;
  for (int request = 0; request < 40; ++request) {
    const std::string id = fmt::format("request-{}", request);
    const std::string of = listed(id);
    ++lists[of];
    if (request % 2 == 0) {
      const std::string body = fmt::format(R"({{"request_id":"{}","items":["5","6"]}})", id);
      EXPECT_EQ(json("POST", "/v1/impressions", body).at("variant"), of);
      EXPECT_EQ(json("POST", "/v1/impressions", body).at("variant"), of) << "told twice";
      ++shown[of];
    }
    const auto event = [&](const char* item, const char* kind) {
      const std::string body = fmt::format(
          R"({{"events":[{{"item":"{}","kind":"{}"}}],"request_id":"{}"}})", item, kind, id);
      EXPECT_EQ(json("POST", "/v1/users/anna/events", body).at("variant"), of);
    };
    if (request % 4 == 0) event("5", "view");
    if (request % 8 == 0) event("6", "purchase");
    if (request % 4 == 1) event("5", "view");  // of a list that nobody saw
    if (request % 4 == 2) event("7", "view");  // of an item that was not in it
    clicked[of] += request % 4 == 0 ? 1 : 0;
    converted[of] += request % 8 == 0 ? 1 : 0;
  }
  for (const char* name : {"a", "b"}) {
    const Parsed counts = variant(name);
    EXPECT_EQ(counts.at("lists"), lists[name]);
    EXPECT_EQ(counts.at("requests"), lists[name]);
    EXPECT_EQ(counts.at("shown"), shown[name]);
    EXPECT_EQ(counts.at("click_through").at("lists"), clicked[name]);
    EXPECT_EQ(counts.at("conversion").at("lists"), converted[name]);
    const auto interval = counts.at("conversion").at("interval");
    EXPECT_LE(interval[0], counts.at("conversion").at("rate"));
    EXPECT_GE(interval[1], counts.at("conversion").at("rate"));
    EXPECT_GT(counts.at("latency_ms").at("p50"), 0.0);
    EXPECT_NEAR(counts.at("coverage").get<double>(), 4.0 / 16, 1e-9);
    const std::string line = fmt::format(
        "tessera_variant_clicked_lists_total{{variant=\"{}\"}} {}\n", name, clicked[name]);
    EXPECT_NE(call("GET", "/metrics").body.find(line), std::string::npos) << line;
  }
  start();  // another process over the same store goes on counting what was shown
  for (const char* name : {"a", "b"}) {
    EXPECT_EQ(variant(name).at("lists"), 0);
    EXPECT_EQ(variant(name).at("shown"), shown[name]);
    EXPECT_EQ(variant(name).at("click_through").at("lists"), clicked[name]);
  }
}

TEST_F(TwoVariants, CountFallBacksEmptyListsAndNewItems) {
  start({{path("a"), "a"}});
  json("PUT", "/v1/items/new", R"({"title":"steel teapot"})");
  json("POST", "/v1/recommend", R"({"user":"nobody","fallback":"newest","k":1})");
  json("POST", "/v1/recommend", R"({"history":["1"],"allow":["new"],"k":3})");
  json("POST", "/v1/recommend", R"({"history":["1"],"allow":["nothing"]})");
  const Parsed counts = variant("a");
  EXPECT_EQ(counts.at("lists"), 3);
  EXPECT_EQ(counts.at("fallbacks"), 1);
  EXPECT_EQ(counts.at("empty_lists"), 1);
  EXPECT_EQ(counts.at("new_items"), 1.0) << "nothing else was listed";
}

TEST_F(TwoVariants, KnowListsOfOtherProcessesByTheirVariant) {
  const Parsed refusal =
      json("POST", "/v1/impressions", R"({"request_id":"elsewhere","items":["1"]})", 404);
  EXPECT_EQ(refusal.at("error").at("code"), "unknown_request");
  json("POST", "/v1/impressions", R"({"request_id":"elsewhere","items":["1"],"variant":"b"})");
  EXPECT_EQ(variant("b").at("shown"), 1);
  json("POST", "/v1/impressions", R"({"request_id":"elsewhere","items":["1"],"variant":"a"})", 422);
  json("POST", "/v1/impressions", R"({"request_id":"elsewhere","items":["1"],"variant":"z"})", 400);
  json("POST", "/v1/impressions", R"({"request_id":"elsewhere","items":[]})", 400);
  json("POST", "/v1/impressions", R"({"items":["1"]})", 400);
  EXPECT_EQ(json("POST", "/v1/users/anna/events", R"({"items":["1"],"request_id":"unheard"})")
                .at("variant"),
            nullptr)
      << "the event is stored all the same";
  EXPECT_EQ(json("GET", "/v1/users/anna").at("items"), std::vector<std::string>{"1"});
}

TEST_F(TwoVariants, ForetellTheEventsOfTheirOwnUsers) {
  // A user of each, whose every next event is the first of the variant's list, or unknown to it.
  for (const bool known : {true, false}) {
    const std::string name = known ? "a" : "b";
    std::string user;
    for (int i = 0; user.empty(); ++i) {
      const std::string one = fmt::format("user-{}", i);
      if (service->variants().name(service->variants().of(one)) == name) user = one;
    }
    const Model model(path(name.c_str()));
    std::vector<std::string> history;
    // Events come faster than they are ranked: it takes some until one was.
    for (int tries = 0; variant(name).at("watched_events") == 0; ++tries) {
      ASSERT_LT(tries, 2000);
      if (history.size() > 5) json("DELETE", "/v1/users/" + user, "", 204);
      if (history.size() > 5) history.clear();
      history.push_back(history.empty() ? "1"
                        : known         ? model.recommend(history, {.k = 1})[0].id
                                        : fmt::format("unheard-{}", tries));
      json("POST", "/v1/users/" + user + "/events",
           fmt::format(R"({{"items":["{}"],"keep_unknown":true}})", history.back()));
      if (!known) history.resize(1);
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ASSERT_TRUE(service->watch().idle_by(Watch::Clock::now() + std::chrono::seconds(30)));
    const Parsed counts = variant(name);
    EXPECT_EQ(counts.at("hr_10").at("rate"), known ? 1.0 : 0.0);
    EXPECT_EQ(counts.at("hr_10").at("hits"), known ? counts.at("watched_events") : Parsed(0));
    const std::string line =
        fmt::format("tessera_variant_watched_hits_total{{variant=\"{}\"}} {}\n", name,
                    counts.at("hr_10").at("hits").get<int>());
    EXPECT_NE(call("GET", "/metrics").body.find(line), std::string::npos) << line;
  }
}

TEST(Wilson, SolvesItsEquation) {
  // The shares p with |k/n - p| = z sqrt(p(1 - p)/n), found by bisection.
  const auto expect = [](std::uint64_t successes, std::uint64_t trials, double low, double high) {
    const ShareInterval interval = wilson_interval(successes, trials);
    EXPECT_NEAR(interval.low, low, 1e-6);
    EXPECT_NEAR(interval.high, high, 1e-6);
  };
  expect(0, 0, 0, 1);
  expect(0, 10, 0.0000000, 0.2775328);
  expect(5, 10, 0.2365931, 0.7634069);
  expect(10, 10, 0.7224672, 1.0000000);
  expect(1, 100, 0.0017674, 0.0544862);
  expect(37, 1234, 0.0218306, 0.0410543);
  expect(1, 1, 0.2065493, 1.0000000);
}

TEST(Latencies, TellQuantilesToAQuarter) {
  LatencyCounts counts;
  EXPECT_EQ(counts.quantile(0.5), 0.0);
  for (int i = 1; i <= 1000; ++i) counts.add(1e-5 * i);
  EXPECT_GE(counts.quantile(0.5), 5e-3);
  EXPECT_LE(counts.quantile(0.5), 1.25 * 5e-3);
  EXPECT_GE(counts.quantile(0.99), 9.9e-3);
  EXPECT_LE(counts.quantile(0.99), 1.25 * 9.9e-3);
  EXPECT_NEAR(counts.sum(), 5.005, 1e-9);
}

TEST(FeedbackCounts, ForgetTheOldestLists) {
  Feedback feedback({"a"}, {"purchase"});
  for (std::size_t i = 0; i <= Feedback::kRemembered; ++i) {
    feedback.note_list({.variant = 0, .request = std::to_string(i), .from = "model"});
  }
  EXPECT_FALSE(feedback.variant_of("0"));
  EXPECT_EQ(feedback.variant_of("1"), "a");
  feedback.take({0, "1", "retired", "impression", {"x"}});
  EXPECT_EQ(feedback.counts(0).shown, 0U) << "of a variant that is not served";
}

TEST(FeedbackCounts, TakeEventsThatComeBeforeTheImpression) {
  Feedback feedback({"a"}, {"purchase"});
  feedback.take({0, "r", "a", "purchase", {"x"}});
  EXPECT_EQ(feedback.counts(0).clicked, 0U);
  feedback.take({0, "r", "a", "impression", {"y", "x"}});
  EXPECT_EQ(feedback.counts(0).shown, 1U);
  EXPECT_EQ(feedback.counts(0).clicked, 1U);
  EXPECT_EQ(feedback.counts(0).converted, 1U);
}

TEST(FeedbackCounts, CoverageBeginsAnewWithAModel) {
  Feedback feedback({"a"}, {});
  const std::vector<std::int32_t> items = {1, 2, 3}, other = {3};
  feedback.note_list({.variant = 0, .from = "model", .items = items, .known = 9, .generation = 1});
  EXPECT_EQ(feedback.counts(0).distinct, 3U);
  feedback.note_list({.variant = 0, .from = "model", .items = other, .known = 9, .generation = 2});
  EXPECT_EQ(feedback.counts(0).distinct, 1U);
  feedback.note_list({.variant = 0, .from = "model", .items = items, .known = 9, .generation = 1});
  EXPECT_EQ(feedback.counts(0).distinct, 1U) << "a call that the model before still answered";
}

}  // namespace
}  // namespace tessera
