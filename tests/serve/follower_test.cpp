// Replicas over one store: what one is told of items and attributes the others learn.
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "attributes/attribute_table.h"
#include "base/random.h"
#include "serve/inner_store.h"
#include "serve/small_service.h"
#include "store/redis_server.h"

namespace tessera {
namespace {

using testing::eventually;
using testing::ids_of;
using testing::Parsed;
using testing::redis_program;
using testing::RedisServer;

/// Services over one bundle of 16 items with prices, each with a connection of its own to Redis.
class Replicas : public ::testing::Test {
 protected:
  void SetUp() override {
    if (redis_program().empty()) GTEST_SKIP() << "redis-server is not installed";
    testing::write_small_bundle(bundle(), "unified");
    AttributeTable table({{"price", AttributeType::number}, {"brand", AttributeType::labels}});
    for (std::int32_t item = 0; item < 16; ++item) table.set(0, item, double(item + 1));
    table.write(bundle() / kAttributesFile, 16);
    redis_.emplace(directory_.path());
    for (int i = 0; i < 2; ++i) start();
  }
  fs::path bundle() const { return directory_.path() / "bundle"; }
  void start() {
    stores_.push_back(open_store(redis_->spec()));
    services_.push_back(
        std::make_unique<Service>(ServiceOptions{.models = {{bundle()}}}, *stores_.back(), log_));
  }
  Parsed call(std::size_t replica, std::string_view method, std::string_view target,
              std::string_view body = "") {
    Scratch scratch;
    const Response response =
        services_[replica]->answer({.method = method, .target = target, .body = body}, scratch);
    return Parsed::parse(response.body, nullptr, false);  // bulk answers are several lines
  }
  /// What a replica knows of its items: id → title and attributes.
  Parsed known(std::size_t replica) {
    const std::shared_ptr<Model> model = services_[replica]->model();
    Parsed all = Parsed::object();
    for (const std::int32_t number : model->items()) {
      const std::string id = model->card(number).id;
      all[id] = call(replica, "GET", "/v1/items/" + id);
    }
    return all;
  }
  std::set<std::string> cheap(std::size_t replica) {
    const auto ids = ids_of(call(replica, "POST", "/v1/recommend",
                                 R"({"history":["16"],"k":100,"filter":"price < 4"})"));
    return {ids.begin(), ids.end()};
  }

 private:
  testing::TempDirectory directory_;
  std::optional<RedisServer> redis_;
  Log log_{fs::path()};
  std::vector<std::unique_ptr<Store>> stores_;
  std::vector<std::unique_ptr<Service>> services_;
};

TEST_F(Replicas, LearnOfEachOthersItemsAndAttributes) {
  call(0, "PUT", "/v1/items/new", R"({"title":"steel teapot","attributes":{"price":2}})");
  call(0, "DELETE", "/v1/items/1");
  call(0, "PATCH", "/v1/items/9", R"({"attributes":{"price":3,"brand":["x"]}})");
  EXPECT_TRUE(eventually([&] { return known(0) == known(1); }));
  EXPECT_EQ(cheap(1), (std::set<std::string>{"2", "3", "9", "new"})) << "lists and filters too";
  call(1, "POST", "/v1/items/1/restore");
  call(1, "PATCH", "/v1/items/9", R"({"attributes":{"price":null}})");
  call(1, "PUT", "/v1/items/2", R"({"title":"copper kettle"})");
  call(1, "DELETE", "/v1/items/new");
  EXPECT_TRUE(eventually([&] { return known(0) == known(1); }));
  EXPECT_EQ(cheap(0), (std::set<std::string>{"1", "2", "3"}));
  EXPECT_EQ(known(0).at("2").at("title"), "copper kettle");
  // What was put in an item's place and then taken away, between two looks of the other.
  call(1, "DELETE", "/v1/items/2");
  call(1, "POST", "/v1/items/2/restore");
  EXPECT_TRUE(eventually([&] { return known(0) == known(1); }));
  EXPECT_NE(known(0).at("2").at("title"), "copper kettle");
  start();  // and who comes later reads the same
  EXPECT_EQ(known(2), known(0));
}

TEST_F(Replicas, AgreeAfterChangesFromAllSidesAtOnce) {
  const auto change = [&](std::size_t replica) {
    Random random(11, {replica});
    for (int i = 0; i < 300; ++i) {
      const std::string item = "/v1/items/" + std::to_string(1 + random.below(20));
      const std::string number = std::to_string(random.below(1000));
      switch (random.below(5)) {
        case 0:
          call(replica, "PUT", item, R"({"title":"steel teapot )" + number + "\"}");
          break;
        case 1:
          call(replica, "DELETE", item);
          break;
        case 2:
          call(replica, "POST", item + "/restore");
          break;
        case 3:
          call(replica, "POST", "/v1/items:bulk", R"({"id":"1","title":"bulk )" + number + R"("}
{"id":"18","erase":true})");
          break;
        default:
          call(replica, "PATCH", item, R"({"attributes":{"price":)" + number + "}}");
      }
    }
  };
  std::thread other([&] { change(1); });
  change(0);
  other.join();
  EXPECT_TRUE(eventually([&] { return known(0) == known(1); })) << known(0) << known(1);
  start();
  EXPECT_EQ(known(2), known(0)) << "and so is what is stored";
}

/// A store that others share, which has lost the word of what they changed.
class ForgetfulStore final : public testing::InnerStore {
 public:
  std::optional<std::string> latest_change() override { return "1"; }
  SharedChanges changes_behind(std::string&, std::span<const std::string>) const override {
    if (fails) fail("it is away");
    return {.missed = missed.exchange(false)};
  }
  /// As another process would, without a word.
  void put_elsewhere(const StoredItem& item) { inner().put_item(item); }

  mutable std::atomic<bool> missed = false, fails = false;
};

TEST(Follower, ReadsEverythingAnewWhereChangesAreMissed) {
  testing::TempDirectory directory;
  testing::write_small_bundle(directory.path() / "bundle", "unified");
  ForgetfulStore store;
  const Log log{fs::path()};
  Service service({.models = {{directory.path() / "bundle"}}}, store, log);
  store.put_elsewhere({"new", "steel teapot", "steel teapot"});
  store.fails = true;  // which is no reason to read anew
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_FALSE(service.model()->number("new"));
  store.missed = true;
  store.fails = false;
  EXPECT_TRUE(eventually([&] { return service.model()->number("new").has_value(); }));
  EXPECT_EQ(service.generation(), 2U);
}

}  // namespace
}  // namespace tessera
