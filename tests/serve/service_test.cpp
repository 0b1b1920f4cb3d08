// The service as a whole: access, swapping models, and a store that fails.
#include "serve/service.h"

#include <gtest/gtest.h>

#include "serve/inner_store.h"
#include "serve/kept_tokens.h"
#include "serve/small_service.h"
#include "testing/errors.h"

namespace tessera {
namespace {

using testing::ids_of;
using testing::InnerStore;
using testing::Parsed;
using testing::SmallService;

int status_with(Service& service, const char* method, const char* target, const char* authorization,
                const char* body = "", const char* origin = "") {
  Scratch scratch;
  return service
      .answer({.method = method,
               .target = target,
               .body = body,
               .authorization = authorization,
               .host = "localhost:8080",
               .origin = origin},
              scratch)
      .status;
}

TEST(ServiceAccess, FollowsTheTokens) {
  testing::TempDirectory directory;
  const fs::path file = directory.path() / "tokens";
  write_file(file, "read r-0123456789abcdef\nwrite w-0123456789abcdef\nadmin a-0123456789abcdef\n");
  fs::permissions(file, fs::perms::owner_all);
  SmallService small("unified", file);
  Service& service = small.service();
  const char* const kinds[] = {"", "Bearer r-0123456789abcdef", "Bearer w-0123456789abcdef",
                               "Bearer a-0123456789abcdef"};
  const auto statuses = [&](const char* method, const char* target, const char* body) {
    std::vector<int> all;
    for (const char* kind : kinds) all.push_back(status_with(service, method, target, kind, body));
    return all;
  };
  using Statuses = std::vector<int>;
  EXPECT_EQ(statuses("GET", "/healthz", ""), (Statuses{200, 200, 200, 200}));
  EXPECT_EQ(statuses("GET", "/", ""), (Statuses{200, 200, 200, 200}));
  EXPECT_EQ(statuses("POST", "/v1/recommend", R"({"history":[1]})"),
            (Statuses{401, 200, 200, 200}));
  EXPECT_EQ(statuses("GET", "/metrics", ""), (Statuses{401, 200, 200, 200}));
  EXPECT_EQ(statuses("POST", "/v1/users/u/events", R"({"items":[1]})"),
            (Statuses{401, 401, 200, 200}));
  EXPECT_EQ(statuses("GET", "/v1/users/u", ""), (Statuses{401, 401, 200, 200}));
  EXPECT_EQ(statuses("PUT", "/v1/items/x", R"({"title":"oak"})"), (Statuses{401, 401, 200, 200}));
  EXPECT_EQ(status_with(service, "POST", "/v1/admin/reload", kinds[2]), 401);
  EXPECT_EQ(status_with(service, "POST", "/v1/admin/reload", kinds[3]), 202);
}

TEST(ServiceAccess, KeepsPagesOfOtherSitesFromWriting) {
  SmallService small;
  const auto post = [&](const char* origin) {
    return status_with(small.service(), "POST", "/v1/users/u/events", "", R"({"items":[1]})",
                       origin);
  };
  EXPECT_EQ(post("http://evil.example"), 403);
  EXPECT_EQ(post("null"), 403);
  EXPECT_EQ(post("http://localhost"), 403);  // another port is another site
  EXPECT_EQ(post("http://localhost:8080"), 200);
  EXPECT_EQ(post(""), 200);
}

TEST(ServiceReload, SwapsTheModelAndKeepsWhatWasPut) {
  SmallService small;
  small.json("PUT", "/v1/items/new", R"({"title":"Steel teapot"})");
  small.json("DELETE", "/v1/items/2", "", 204);
  small.json("POST", "/v1/users/anna/events", R"({"items":["new","1"]})");
  const std::string scored = R"({"history":["1"],"scores":true})";
  const Parsed before = small.json("POST", "/v1/recommend", scored);
  testing::write_small_bundle(small.bundle(), "unified", 8);
  small.reload();
  EXPECT_EQ(small.json("GET", "/readyz").at("generation"), 2);
  EXPECT_NE(small.json("POST", "/v1/recommend", scored), before);
  EXPECT_EQ(small.json("GET", "/v1/items/new").at("live"), true);
  small.refused(404, "unknown_item", "GET", "/v1/items/2");
  EXPECT_EQ(small.json("GET", "/v1/model").at("items"), 16);
  small.json("POST", "/v1/recommend", R"({"user":"anna"})");
}

TEST(ServiceReload, LeavesTheOldModelWhereTheNewOneIsDamaged) {
  SmallService small;
  const Parsed before = small.json("POST", "/v1/recommend", R"({"history":["1"]})");
  fs::remove(small.bundle() / "model.safetensors");
  small.reload();
  const Parsed ready = small.json("GET", "/readyz");
  EXPECT_EQ(ready.at("generation"), 1);
  EXPECT_NE(ready.at("reload_error").get<std::string>().find("model.safetensors"),
            std::string::npos);
  EXPECT_EQ(small.json("POST", "/v1/recommend", R"({"history":["1"]})"), before);
  testing::write_small_bundle(small.bundle());
  small.reload();
  EXPECT_FALSE(small.json("GET", "/readyz").contains("reload_error"));
}

TEST(ServiceReload, LosesNoChangeThatHappensMeanwhile) {
  SmallService small;
  // Writers from other threads while models are swapped; each answered change must hold at the end.
  std::atomic<bool> done = false;
  const auto write = [&](const std::string& name) {
    Scratch scratch;
    int count = 0;
    while (!done) {
      const std::string target = "/v1/items/" + name + std::to_string(count);
      Response put = small.service().answer(
          {.method = "PUT", .target = target, .body = R"({"title":"Oak desk"})"}, scratch);
      EXPECT_EQ(put.status, 200) << put.body;
      if (count % 2 == 1) {
        const std::string other = "/v1/items/" + name + std::to_string(count - 1);
        EXPECT_EQ(small.service().answer({.method = "DELETE", .target = other}, scratch).status,
                  204);
      }
      ++count;
    }
    return count;
  };
  int counts[2] = {0, 0};
  std::thread first([&] { counts[0] = write("a"); });
  std::thread second([&] { counts[1] = write("b"); });
  for (int i = 0; i < 5; ++i) small.reload();
  done = true;
  first.join();
  second.join();
  const std::string names[2] = {"a", "b"};
  for (int w = 0; w < 2; ++w) {
    for (int i = 0; i < counts[w]; ++i) {
      const bool erased = i % 2 == 0 && i + 1 < counts[w];
      EXPECT_EQ(small.call("GET", "/v1/items/" + names[w] + std::to_string(i)).status,
                erased ? 404 : 200)
          << names[w] << i << " of " << counts[w];
    }
  }
}

TEST(ServiceReload, PassesOverAStoredItemTheNewModelCannotRead) {
  SmallService small;
  small.json("PUT", "/v1/items/new", R"({"title":"Steel teapot"})");
  small.store().put_item({"strange", "xyzzy", "xyzzy"});
  small.reload();
  EXPECT_EQ(small.json("GET", "/readyz").at("generation"), 2);
  small.json("GET", "/v1/items/new");
  small.refused(404, "unknown_item", "GET", "/v1/items/strange");
}

/// A store that fails when it is told to.
class FailingStore final : public InnerStore {
 public:
  bool failing = false;
  void check() const override {
    if (failing) fail("the disk is full");
  }
  Append append_events(std::string_view user, std::span<const StoredEvent> events,
                       std::string_view key) override {
    check();
    return InnerStore::append_events(user, events, key);
  }
  bool erase_history(std::string_view user) override {
    check();
    return InnerStore::erase_history(user);
  }
  void put_item(const StoredItem& item) override {
    check();
    InnerStore::put_item(item);
  }
  void erase_item(std::string_view id) override {
    check();
    InnerStore::erase_item(id);
  }
  void put_attributes(std::string_view id, std::span<const StoredAttribute> values) override {
    check();
    InnerStore::put_attributes(id, values);
  }
};

TEST(ServiceStore, FailuresAreAnsweredWith503AndChangeNothing) {
  testing::TempDirectory directory;
  testing::write_small_bundle(directory.path() / "bundle");
  FailingStore store;
  const Log log(directory.path() / "log");
  Service service({.models = {{directory.path() / "bundle"}}}, store, log);
  Scratch scratch;
  const auto status = [&](const char* method, const char* target, const char* body = "") {
    return service.answer({.method = method, .target = target, .body = body}, scratch).status;
  };
  EXPECT_EQ(status("POST", "/v1/users/u/events", R"({"items":[1]})"), 200);
  store.failing = true;
  EXPECT_EQ(status("POST", "/v1/users/u/events", R"({"items":[2]})"), 503);
  EXPECT_EQ(status("PUT", "/v1/items/new", R"({"title":"oak"})"), 503);
  EXPECT_EQ(status("DELETE", "/v1/items/1"), 503);
  EXPECT_EQ(status("DELETE", "/v1/users/u"), 503);
  EXPECT_EQ(status("GET", "/v1/items/new"), 404);
  EXPECT_EQ(status("GET", "/v1/items/1"), 200);
  EXPECT_EQ(status("POST", "/v1/recommend", R"({"user":"u"})"), 200);
  EXPECT_NE(service.metrics().text().find("tessera_store_failures_total 4"), std::string::npos);
  log.flush();
  EXPECT_NE(read_file(directory.path() / "log").find("the disk is full"), std::string::npos);
  store.failing = false;
  EXPECT_EQ(status("PUT", "/v1/items/new", R"({"title":"oak"})"), 200);
}

TEST(ServiceStore, IsBackedUpWhileItIsInUse) {
  testing::TempDirectory directory;
  testing::write_small_bundle(directory.path() / "bundle");
  const Log log{fs::path()};
  const fs::path backups = directory.path() / "backups", copy = directory.path() / "copy";
  const std::unique_ptr<Store> store = open_store((directory.path() / "state").string());
  Service service({.models = {{directory.path() / "bundle"}}, .backups = backups}, *store, log);
  Scratch scratch;
  const auto status = [&](const char* target, const char* body = "") {
    return service.answer({.method = "POST", .target = target, .body = body}, scratch).status;
  };
  EXPECT_EQ(status("/v1/users/u/events", R"({"items":[1]})"), 200);
  EXPECT_EQ(status("/v1/admin/backup"), 200);
  EXPECT_EQ(status("/v1/users/u/events", R"({"items":[2]})"), 200);
  EXPECT_EQ(status("/v1/admin/purge"), 200);
  restore_backup(backups, copy);
  EXPECT_EQ(open_store(copy.string())->history("u"), std::vector<std::string>{"1"});
  SmallService without;
  without.refused(409, "no_backup_directory", "POST", "/v1/admin/backup");
}

TEST(ServiceStart, UsesTheCodesThatTheStoreKept) {
  SmallService small;
  small.json("PUT", "/v1/items/new", R"({"title":"Steel teapot"})");
  StoredItem stored;
  small.store().for_each_item([&](const StoredItem& item) { stored = item; },
                              [](std::string_view) {});
  const std::string fingerprint = bundle_fingerprint(small.bundle());
  const auto codes =
      small.service().model()->cards(std::vector{*small.service().model()->number("new")});
  EXPECT_EQ(kept_codes(stored.tokens, fingerprint, "Steel teapot"), codes.front().tokens.semantic);

  // Others for the same text: they are taken as they are, so the text was not encoded again.
  std::vector<std::int32_t> others = codes.front().tokens.semantic;
  others[0] = others[0] == 0 ? 1 : 0;
  const auto codes_at_start = [&](const std::string& tokens) {
    const std::unique_ptr<Store> store = open_store("");
    store->put_item({"new", "Steel teapot", "Steel teapot", tokens});
    Service service({.models = {{small.bundle()}}}, *store, small.log());
    return service.model()
        ->cards(std::vector{service.model()->number("new").value()})
        .front()
        .tokens.semantic;
  };
  EXPECT_EQ(codes_at_start(keep_codes(fingerprint, "Steel teapot", others)), others);
  // Of another text, another bundle, or damaged: they are not.
  const std::vector<std::int32_t> wild = {others[0], others[1], 1'000'000};
  for (const std::string& tokens :
       {keep_codes(fingerprint, "oak desk", others), keep_codes("another", "Steel teapot", others),
        keep_codes(fingerprint, "Steel teapot", wild), std::string("x"), std::string(),
        keep_codes(fingerprint, "Steel teapot", others) + "x",
        keep_codes(fingerprint, "Steel teapot", std::span(others).first(2))}) {
    EXPECT_EQ(codes_at_start(tokens), codes.front().tokens.semantic);
  }
}

TEST(ServiceStart, KeepsTheCodesOfWhatItHadToEncode) {
  SmallService small;
  const std::unique_ptr<Store> store = open_store("");
  store->put_item({"new", "Steel teapot", "steel teapot"});
  const Service service({.models = {{small.bundle()}}}, *store, small.log());
  store->for_each_item(
      [&](const StoredItem& item) {
        EXPECT_TRUE(kept_codes(item.tokens, bundle_fingerprint(small.bundle()), item.text));
      },
      [](std::string_view) {});
}

TEST(ServiceStart, RefusesABundleThatCannotReadWhatIsStored) {
  SmallService small;
  const std::unique_ptr<Store> store = open_store("");
  store->put_item({"new", "Steel teapot", "steel teapot"});
  fs::remove(small.bundle() / "text_encoder.safetensors");
  testing::expect_error([&] { Service({.models = {{small.bundle()}}}, *store, small.log()); },
                        {small.bundle().string(), "'new'", "text_encoder.safetensors"});
  const std::unique_ptr<Store> empty = open_store("");
  const Service without_items({.models = {{small.bundle()}}}, *empty, small.log());
}

TEST(ServiceReload, FollowsOnceMoreWhenToldToMeanwhile) {
  SmallService small;
  for (int i = 0; i < 20; ++i) small.service().start_reload(true);
  while (small.service().reloading()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_GE(small.service().generation(), 3U) << "the first, one, and one for all that came then";
}

/// Tells histories so slowly that a service may end meanwhile.
class SlowStore : public InnerStore {
 public:
  std::string for_each_history(std::string_view cursor, const VisitHistory& visit) const override {
    for (int i = 0; i < 10; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      const std::vector<StoredEvent> events = {{.item = "1", .time = kFar, .received = 0}};
      visit("anna", events);
      ++told;
    }
    return InnerStore::for_each_history(cursor, visit);
  }

  mutable std::atomic<int> told = 0;

 private:
  static constexpr std::int64_t kFar = std::int64_t{1} << 42;  // behind all that was trained on
};

// What the thread that loads uses was once destroyed before it ended: AddressSanitizer says so.
TEST(ServiceReload, UnderWayEndsBeforeTheService) {
  SmallService small;
  SlowStore store;
  int told = 0;
  {
    Service service({.models = {{small.bundle()}}}, store, small.log());
    told = store.told;
    ASSERT_TRUE(service.start_reload());
    while (store.told == told) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(store.told, told + 10);
}

TEST(ServiceStore, ThatDoesNotAnswerMakesTheServiceUnready) {
  testing::TempDirectory directory;
  testing::write_small_bundle(directory.path() / "bundle");
  FailingStore store;
  const Log log{fs::path()};
  Service service({.models = {{directory.path() / "bundle"}}}, store, log);
  Scratch scratch;
  const auto readiness = [&] {
    return service.answer({.method = "GET", .target = "/readyz"}, scratch);
  };
  EXPECT_EQ(readiness().status, 200);
  store.failing = true;
  EXPECT_EQ(readiness().status, 503);
  EXPECT_EQ(Parsed::parse(readiness().body).at("status"), "store_unavailable");
  store.failing = false;
  EXPECT_EQ(readiness().status, 200);
}

TEST(ServiceStart, PutsTheStoredItems) {
  SmallService small;
  const std::unique_ptr<Store> store = open_store("");
  store->put_item({"new", "Steel teapot", "steel teapot"});
  store->erase_item("3");
  Service service({.models = {{small.bundle()}}}, *store, small.log());
  EXPECT_TRUE(service.model()->number("new").has_value());
  EXPECT_FALSE(service.model()->number("3").has_value());
}

}  // namespace
}  // namespace tessera
