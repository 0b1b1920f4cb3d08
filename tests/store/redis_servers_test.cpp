// Several servers asked as one: the nodes of a cluster, and the master that a Sentinel names.
#include "store/redis_servers.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"
#include "redis_cluster.h"
#include "store/redis_keys.h"
#include "store/store.h"
#include "testing/errors.h"

namespace tessera::testing {
namespace {

using Ids = std::vector<std::string>;

class ManyServers : public ::testing::Test {
 protected:
  void SetUp() override {
    if (redis_program().empty()) GTEST_SKIP() << "redis-server is not installed";
  }
  /// What a store has of some users, in order.
  static void expect_users(const Store& store, int users) {
    for (int i = 0; i < users; ++i) {
      ASSERT_EQ(store.history("user-" + std::to_string(i)), Ids{std::to_string(i)}) << i;
    }
  }
  static void append_users(Store& store, int users) {
    for (int i = 0; i < users; ++i) {
      const std::string item = std::to_string(i);
      ASSERT_EQ(store.append_events("user-" + item, plain_events(Ids{item}), "key"), Append::kDone);
    }
  }
  /// Whether it comes to be possible while servers change their roles.
  template <class Work>
  static bool comes_about(const Work& work) {
    return eventually([&] {
      try {
        work();
        return true;
      } catch (const Error&) {
        return false;
      }
    });
  }
};

TEST_F(ManyServers, SlotsAreThoseOfTheServer) {
  const RedisNode server(
      {"--save", "", "--cluster-enabled", "yes", "--cluster-port", std::to_string(free_port())});
  Random random(7, {});
  for (int i = 0; i < 300; ++i) {
    std::string key;
    for (std::uint64_t length = random.below(20); length > 0; --length) {
      key += random.below(3) == 0 ? "{}"[random.below(2)] : static_cast<char>(random.below(256));
    }
    ASSERT_EQ(std::to_string(redis_slot(key)), server.ask({"CLUSTER", "KEYSLOT", key})) << i;
  }
}

TEST_F(ManyServers, KeysOfAUserLieInOneSlot) {
  const RedisKeys keys("shop:", true);
  for (const std::string user : {"anna", "{", "}", "{}", "{x}y", "", "}{", "a}b{c}"}) {
    EXPECT_EQ(redis_slot(keys.history(user)), redis_slot(keys.keys(user))) << user;
    EXPECT_EQ(redis_slot(keys.history(user)), redis_slot(keys.digests(user))) << user;
    EXPECT_EQ(keys.user_of(keys.history(user)), user);
  }
  EXPECT_NE(redis_slot(keys.history("anna")), redis_slot(keys.history("ben")));
  EXPECT_EQ(redis_slot(keys.shared("items")), redis_slot(keys.shared("changes")));
  expect_error([] { RedisKeys("{x}:", true); }, {"{x}:", "cluster"});
  EXPECT_EQ(RedisKeys("shop:", false).user_of("shop:h:anna"), "anna");
}

TEST_F(ManyServers, AKeyIsFoundWhileItMovesAndAfterwards) {
  RedisCluster cluster;
  const auto store = open_store(cluster.spec());
  store->append_events("anna", plain_events(Ids{"1"}), "");
  const std::string key = RedisKeys("tessera:", true).history("anna");
  RedisNode& from = cluster.owner(key);
  RedisNode& to = &from == cluster.nodes[0].get() ? *cluster.nodes[1] : *cluster.nodes[0];
  const std::string slot = std::to_string(redis_slot(key));
  const std::string from_id = from.ask({"CLUSTER", "MYID"}), to_id = to.ask({"CLUSTER", "MYID"});
  ASSERT_EQ(to.ask({"CLUSTER", "SETSLOT", slot, "IMPORTING", from_id}), "OK");
  ASSERT_EQ(from.ask({"CLUSTER", "SETSLOT", slot, "MIGRATING", to_id}), "OK");
  EXPECT_EQ(store->history("anna"), Ids{"1"}) << "it is still where it was";
  ASSERT_EQ(from.ask({"MIGRATE", "127.0.0.1", std::to_string(to.port()), key, "0", "5000"}), "OK");
  EXPECT_EQ(store->history("anna"), Ids{"1"}) << "it is asked for where it goes";
  // What concerns several keys must wait, as nobody knows on which side those are that are missing.
  expect_error([&] { store->append_events("anna", plain_events(Ids{"2"}), "b"); }, {"TRYAGAIN"});
  ASSERT_EQ(to.ask({"CLUSTER", "SETSLOT", slot, "NODE", to_id}), "OK");
  ASSERT_EQ(from.ask({"CLUSTER", "SETSLOT", slot, "NODE", to_id}), "OK");
  EXPECT_EQ(store->history("anna"), Ids{"1"}) << "it has moved";
  EXPECT_EQ(store->append_events("anna", plain_events(Ids{"2"}), "b"), Append::kDone);
  EXPECT_EQ(store->append_events("anna", plain_events(Ids{"3"}), "a"), Append::kDone);
  EXPECT_EQ(store->append_events("anna", plain_events(Ids{"3"}), "a"), Append::kRepeated);
  EXPECT_TRUE(store->erase_history("anna"));
  EXPECT_EQ(to.ask({"EXISTS", key}), "0");
}

TEST_F(ManyServers, AReplicaTakesTheMastersPlace) {
  RedisCluster cluster;
  const auto store = open_store(cluster.spec());
  append_users(*store, 30);
  // A fourth node copies the first.
  RedisNode& replica = cluster.add();
  cluster.wait_until_whole();
  ASSERT_TRUE(eventually([&] {
    return replica.ask({"CLUSTER", "REPLICATE", cluster.nodes[0]->ask({"CLUSTER", "MYID"})}) ==
           "OK";
  }));
  ASSERT_TRUE(eventually([&] {
    return replica.ask({"ROLE"}).find(" connected ") != std::string::npos &&
           replica.ask({"DBSIZE"}) == cluster.nodes[0]->ask({"DBSIZE"});
  }));
  cluster.nodes[0]->kill();  // also the first that the address names
  EXPECT_TRUE(comes_about([&] { expect_users(*store, 30); }));
  EXPECT_TRUE(comes_about([&] {
    for (int i = 0; i < 30; ++i)
      store->append_events("new-" + std::to_string(i), plain_events(Ids{"7"}), "key");
  }));
  for (int i = 0; i < 30; ++i) EXPECT_EQ(store->history("new-" + std::to_string(i)), Ids{"7"});
  EXPECT_TRUE(replica.ask({"ROLE"}).starts_with("master"));
  expect_users(*open_store(cluster.spec()), 30);
}

TEST_F(ManyServers, AScanIsBegunAnewWhereTheServersAreOthers) {
  const RedisCluster cluster;
  const auto store = open_store(cluster.spec());
  append_users(*store, 100);
  std::set<std::string> seen;
  std::string cursor;
  do {  // a few at a time, over all nodes
    int most = 3;
    cursor = store->for_each_history(cursor, [&](std::string_view user, auto) {
      seen.emplace(user);
      return --most > 0;
    });
  } while (!cursor.empty());
  EXPECT_EQ(seen.size(), 100U);
  expect_error([&] { store->for_each_history("127.0.0.1:1 0", [](auto, auto) { return true; }); },
               {"redis-cluster://", "begin it anew"});
}

TEST_F(ManyServers, WithoutAClusterAreAnError) {
  const RedisNode server({"--save", ""});
  expect_error([&] { open_store("redis-cluster://" + server.host()); },
               {"redis-cluster://" + server.host(), "cluster support disabled"});
  expect_error([&] { open_store("redis-cluster://127.0.0.1:1"); }, {"no node", "cannot connect"});
  const RedisNode alone(
      {"--save", "", "--cluster-enabled", "yes", "--cluster-port", std::to_string(free_port())});
  expect_error([&] { open_store("redis-cluster://" + alone.host()); }, {"no slots"});
}

TEST_F(ManyServers, TheMasterIsFoundByItsSentinelAndAgainAfterItsEnd) {
  RedisSentinels redis;
  const auto store = open_store(redis.spec());
  append_users(*store, 20);
  ASSERT_TRUE(redis.replica_has_it_all());
  redis.servers[0]->kill();
  EXPECT_TRUE(comes_about([&] { expect_users(*store, 20); }));
  EXPECT_TRUE(comes_about([&] { store->append_events("anna", plain_events(Ids{"1"}), "key"); }));
  EXPECT_EQ(store->history("anna"), Ids{"1"});
  EXPECT_TRUE(redis.is_master(1));
}

TEST_F(ManyServers, AMasterThatHasBecomeAReplicaIsLeft) {
  RedisSentinels redis;
  const auto store = open_store(redis.spec());
  append_users(*store, 20);
  ASSERT_TRUE(redis.replica_has_it_all());
  ASSERT_TRUE(
      eventually([&] { return redis.sentinel->ask({"SENTINEL", "FAILOVER", "shop"}) == "OK"; }));
  ASSERT_TRUE(eventually([&] { return redis.is_master(1) && !redis.is_master(0); }));
  EXPECT_TRUE(comes_about([&] { store->append_events("anna", plain_events(Ids{"1"}), "key"); }));
  EXPECT_EQ(redis.servers[1]->ask({"EXISTS", "tessera:h:anna"}), "1") << "the new one has it";
  expect_users(*store, 20);
}

TEST_F(ManyServers, OfAClusterAreAskedByTls) {
  const RedisTls tls;
  const RedisCluster cluster(&tls);
  const auto store = open_store(cluster.spec());
  append_users(*store, 30);  // of all nodes
  expect_users(*store, 30);
  expect_users(*open_store(cluster.spec()), 30);
  const std::string untrusted = cluster.spec().substr(0, cluster.spec().find('?'));
  expect_error([&] { open_store(untrusted); }, {"rediss-cluster://", "certificate is refused"});
}

TEST_F(ManyServers, SentinelsAndTheirMasterAreAskedByTls) {
  const RedisTls tls;
  RedisSentinels redis(&tls);
  const auto store = open_store(redis.spec());
  append_users(*store, 20);
  ASSERT_TRUE(redis.replica_has_it_all());
  redis.servers[0]->kill();
  EXPECT_TRUE(comes_about([&] { expect_users(*store, 20); }));
  EXPECT_TRUE(comes_about([&] { store->append_events("anna", plain_events(Ids{"1"}), "key"); }));
  EXPECT_EQ(store->history("anna"), Ids{"1"});
}

TEST_F(ManyServers, SentinelsThatKnowNoMasterAreAnError) {
  const RedisSentinels redis;
  expect_error([&] { open_store("redis-sentinel://" + redis.sentinel->host() + "/other"); },
               {"redis-sentinel://", "knows no master 'other'"});
  expect_error([&] { open_store("redis-sentinel://127.0.0.1:1/shop"); }, {"cannot connect"});
}

TEST(ManyServersAddresses, AreParsed) {
  const RedisAddress sentinels = parse_redis_address("redis-sentinel://:pw@a,b:7/my%2Fshop/3");
  EXPECT_EQ(sentinels.kind, RedisAddress::Kind::sentinel);
  EXPECT_EQ(sentinels.hosts, (std::vector<RedisHost>{{"a", 26379}, {"b", 7}}));
  EXPECT_EQ(sentinels.master, "my/shop");
  EXPECT_EQ(sentinels.database, 3);
  EXPECT_EQ(sentinels.password, "pw");
  EXPECT_EQ(sentinels.name(), "redis-sentinel://a:26379,b:7/my/shop/3");
  const RedisAddress cluster = parse_redis_address("valkeys-cluster://me:pw@a:1,b?ca=x.pem");
  EXPECT_EQ(cluster.kind, RedisAddress::Kind::cluster);
  EXPECT_EQ(cluster.hosts, (std::vector<RedisHost>{{"a", 1}, {"b", 6379}}));
  EXPECT_TRUE(cluster.tls);
  EXPECT_EQ(cluster.authorities, "x.pem");
  EXPECT_EQ(cluster.name(), "rediss-cluster://a:1,b:6379");
  EXPECT_EQ(cluster.at({"c", 9}).name(), "rediss://c:9/0");
  for (const char* bad :
       {"redis-sentinel://a", "redis-sentinel://a/", "redis-sentinel://:secret@a:x/shop",
        "redis-sentinel://a/shop/x", "redis-sentinel:///shop", "redis-cluster://",
        "redis-cluster://a,", "redis-cluster://a/1", "redis-cluster://:secret@a,:7"}) {
    try {
      open_store(bad);
      ADD_FAILURE() << bad;
    } catch (const UsageError& error) {
      EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace tessera::testing
