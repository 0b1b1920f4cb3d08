// A model that is refreshed: from new events to the bundle that is served, or back.
#include "refresh/refresh.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "model/bundle.h"
#include "testing/errors.h"
#include "testing/temp_directory.h"

namespace tessera {
namespace {

using testing::expect_error;

class RefreshTest : public ::testing::Test {
 protected:
  RefreshTest() {
    make_directory(path("logs"));
    write_file(path("items.csv"), items(30));
    write_file(path("logs/1.csv"), log(1, 40, 30));
    write_file(path("refresh.json"), dump_json(settings_json()));
  }
  fs::path path(const std::string& name) const { return directory.path() / name; }
  static std::string items(int count) {
    std::string lines = "item,title\n";
    for (int i = 0; i < count; ++i) {
      lines += fmt::format("i{},kind{} thing number{}\n", i, i % 5, i % 7);
    }
    return lines;
  }
  /// Six events of each user on one day, which stay within a kind for the most part.
  static std::string log(int day, int users, int items) {
    Random random(static_cast<std::uint64_t>(day), {9});
    std::string lines = "user,item,time\n";
    for (int u = 0; u < users; ++u) {
      for (int e = 0; e < 6; ++e) {
        const auto thing = static_cast<int>(random.below(static_cast<std::uint64_t>(items / 5)));
        lines += fmt::format("u{},i{},{}\n", u, 5 * thing + u % 5, 100'000 * day + e);
      }
    }
    return lines;
  }
  static nlohmann::json settings_json() {
    return {{"models", "models"},
            {"interactions", "logs/"},
            {"items", {"items.csv"}},
            {"prepare", {{"format", "csv"}}},
            {"after", "echo told >> \"$TOLD\""},
            {"worse_by", 1},
            {"keep", 2},
            {"set",
             {"epochs=1", "collaborative_epochs=1", "codebook_size=4", "collaborative_tokens=2",
              "collaborative_dims=4", "semantic_dims=8", "encoder_hidden=8", "hidden=8",
              "feed_forward=8", "negatives=8", "batch_users=16"}}};
  }
  RefreshSettings settings() const {
    ::setenv("TOLD", path("told").c_str(), 1);
    return read_refresh_settings(path("refresh.json"));
  }
  std::string current() const { return fs::read_symlink(path("models/current")).string(); }
  std::size_t told() const {
    const std::string lines = fs::exists(path("told")) ? read_file(path("told")) : "";
    return static_cast<std::size_t>(std::ranges::count(lines, '\n'));
  }
  testing::TempDirectory directory;
};

TEST_F(RefreshTest, EachRefreshGoesOnFromTheLastAndKeepsSomeForARollback) {
  EXPECT_EQ(refresh(settings(), {}).at("bundle"), "000001");
  EXPECT_EQ(current(), "000001");
  const nlohmann::json first = read_config(path("models/000001"));
  EXPECT_EQ(first.at("refit"), true);
  EXPECT_FALSE(first.contains("from"));

  write_file(path("logs/2.csv"), log(2, 50, 35));
  write_file(path("items.csv"), items(35));
  const nlohmann::json second = refresh(settings(), {});
  EXPECT_EQ(second.at("bundle"), "000002");
  EXPECT_EQ(second.at("gate").at("users"), 50) << "all chose something since";
  EXPECT_EQ(current(), "000002");
  const nlohmann::json from = read_config(path("models/current")).at("from");
  EXPECT_EQ(from.at("known_items"), 30);
  EXPECT_EQ(from.at("new_items"), 5);

  write_file(path("logs/3.csv"), log(3, 50, 35));
  refresh(settings(), {});
  EXPECT_EQ(current(), "000003");
  EXPECT_FALSE(fs::exists(path("models/000001"))) << "two are kept";
  EXPECT_FALSE(fs::exists(path("models/000001.data")));
  EXPECT_EQ(told(), 3U);

  EXPECT_EQ(rollback(settings()).at("bundle"), "000002");
  EXPECT_EQ(current(), "000002");
  EXPECT_EQ(told(), 4U);
  expect_error([&] { rollback(settings()); }, {"no bundle before"});
}

TEST_F(RefreshTest, AWorseModelIsRefused) {
  refresh(settings(), {});
  write_file(path("logs/2.csv"), log(2, 50, 30));
  RefreshSettings strict = settings();
  strict.worse_by = -100.0;  // nothing is as good as that
  expect_error<GateRefused>([&] { refresh(strict, {}); }, {"NDCG@10", "stays", "refused"});
  EXPECT_EQ(current(), "000001");
  EXPECT_TRUE(fs::exists(path("models/refused/config.json")));
  EXPECT_FALSE(fs::exists(path("models/000002")));
  EXPECT_EQ(told(), 1U);
  EXPECT_NE(read_file(path("models/refresh.jsonl")).find("\"refused\""), std::string::npos);
  EXPECT_EQ(refresh(settings(), {}).at("bundle"), "000002");
}

TEST_F(RefreshTest, WhatWasInterruptedIsGoneOnWithToTheSameModel) {
  refresh(settings(), {});
  fs::copy(path("models"), path("unbroken"),
           fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  write_file(path("logs/2.csv"), log(2, 50, 30));
  refresh(settings(), {});
  RefreshSettings elsewhere = settings();
  elsewhere.models = path("unbroken");
  int asked = 0;
  RefreshListener listener;
  for (const int limit : {1, 3, 5, 1'000'000}) {
    listener.interrupted = [&] { return ++asked > limit; };
    asked = 0;
    if (limit < 1'000'000) {
      expect_error([&] { refresh(elsewhere, listener); }, {"interrupted", "current model stays"});
      EXPECT_EQ(fs::read_symlink(path("unbroken/current")), "000001");
    } else {
      EXPECT_EQ(refresh(elsewhere, listener).at("bundle"), "000002");
    }
  }
  EXPECT_EQ(read_file(path("unbroken/000002/model.safetensors")),
            read_file(path("models/000002/model.safetensors")));
}

TEST_F(RefreshTest, WhatFailsLeavesTheCurrentModel) {
  refresh(settings(), {});
  RefreshSettings failing = settings();
  failing.before = "exit 7";
  expect_error([&] { refresh(failing, {}); }, {"'before'", "status 7"});
  write_file(path("logs/2.csv"), "user,item,time\nu1,i1,soon\n");
  expect_error([&] { refresh(settings(), {}); }, {"2.csv", "time"});
  EXPECT_EQ(current(), "000001");
  EXPECT_EQ(told(), 1U);
  write_file(path("logs/2.csv"), log(2, 50, 30));
  EXPECT_EQ(refresh(settings(), {}).at("bundle"), "000002");
}

TEST_F(RefreshTest, AFileOfSettingsIsReadWithCare) {
  const auto refused = [&](const nlohmann::json& json,
                           std::initializer_list<std::string_view> parts) {
    write_file(path("refresh.json"), dump_json(json));
    expect_error([&] { settings(); }, parts);
  };
  nlohmann::json json = settings_json();
  json["modles"] = "x";
  refused(json, {"refresh.json", "modles", "did you mean 'models'"});
  json = settings_json();
  json["prepare"]["k-cores"] = 5;
  refused(json, {"refresh.json", "k-cores"});
  json = settings_json();
  json["keep"] = "many";
  refused(json, {"refresh.json", "'keep'", "wrong kind"});
  json = settings_json();
  json["metric"] = "AUC";
  refused(json, {"'metric'", "NDCG@10"});
  json = settings_json();
  json.erase("interactions");
  refused(json, {"'interactions' is missing"});
  json = settings_json();
  json["set"] = {"epochs=none"};
  refused(json, {"refresh.json", "epochs"});
  EXPECT_FALSE(fs::exists(path("models")));
}

}  // namespace
}  // namespace tessera
