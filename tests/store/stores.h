#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "redis_cluster.h"
#include "redis_server.h"
#include "store/store.h"
#include "testing/temp_directory.h"

namespace tessera::testing {

using Ids = std::vector<std::string>;

/// A test that runs over every kind of store.
class EveryStore : public ::testing::TestWithParam<std::string> {
 protected:
  static void TearDownTestSuite() { cluster_.reset(); }
  void SetUp() override {
    if (GetParam().starts_with("redis") && redis_program().empty()) {
      GTEST_SKIP() << "redis-server is not installed";
    }
    if (GetParam() == "redis_cluster") {
      if (!cluster_) cluster_ = std::make_unique<RedisCluster>();
      for (const auto& node : cluster_->nodes) node->ask({"FLUSHALL"});
    }
    store_ = open();
  }

  std::unique_ptr<Store> open(const StoreOptions& options = {}) const {
    if (GetParam() == "memory") return open_store("", options);
    if (GetParam() == "redis_cluster") return open_store(cluster_->spec(), options);
    if (GetParam() == "redis") {
      if (!redis_) redis_.emplace(directory_.path());
      return open_store(redis_->spec(), options);
    }
    return open_store((directory_.path() / "state").string(), options);
  }
  /// The store closed and opened again with these options; one in memory would be empty.
  void reopen(const StoreOptions& options = {}) {
    store_.reset();
    store_ = open(options);
  }
  Store& store() const { return *store_; }

  /// Everything that for_each_history tells.
  std::map<std::string, std::vector<StoredEvent>> histories() const {
    std::map<std::string, std::vector<StoredEvent>> all;
    store_->for_each_history("", [&](std::string_view user, std::span<const StoredEvent> events) {
      EXPECT_TRUE(all.emplace(user, std::vector(events.begin(), events.end())).second);
      return true;
    });
    return all;
  }

  /// Everything that for_each_item tells: id → item, and the erased ids.
  struct Items {
    std::map<std::string, StoredItem> put;
    std::set<std::string> erased;
  };
  Items items() const {
    Items all;
    store_->for_each_item(
        [&](const StoredItem& item) { EXPECT_TRUE(all.put.emplace(item.id, item).second); },
        [&](std::string_view id) { EXPECT_TRUE(all.erased.emplace(id).second); });
    return all;
  }

 private:
  TempDirectory directory_;
  mutable std::optional<RedisServer> redis_;
  static inline std::unique_ptr<RedisCluster> cluster_;  // of all tests, emptied before each
  std::unique_ptr<Store> store_;
};

}  // namespace tessera::testing
