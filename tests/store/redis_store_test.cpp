// What only the store on a Redis server has to cope with: a server that comes and goes.
#include <gtest/gtest.h>

#include <csignal>

#include "base/error.h"
#include "redis_cluster.h"
#include "redis_server.h"
#include "serve/make_certificate.h"
#include "store/redis_pipeline.h"
#include "store/store.h"
#include "testing/errors.h"

namespace tessera::testing {
namespace {

using Ids = std::vector<std::string>;

class RedisServers : public ::testing::Test {
 protected:
  void SetUp() override {
    if (redis_program().empty()) GTEST_SKIP() << "redis-server is not installed";
  }
  const std::filesystem::path& directory() const { return directory_.path(); }

  static RedisReply ask(const RedisServer& server, const std::vector<std::string_view>& command) {
    RedisPipeline redis(parse_redis_address(server.spec()), std::chrono::seconds(5));
    return wait(answer_of(redis, command));
  }
  static Task<RedisReply> answer_of(RedisPipeline& redis,
                                    const std::vector<std::string_view>& command) {
    co_return co_await redis.ask(command, Repeat::kSafe);
  }

 private:
  TempDirectory directory_;
};

TEST_F(RedisServers, FindsTheServerAgain) {
  RedisServer server(directory(), {"--appendonly", "yes", "--appendfsync", "always"});
  const auto store = open_store(server.spec());
  EXPECT_EQ(store->append_events("anna", plain_events(Ids{"1"}), ""), Append::kDone);
  server.kill();
  expect_error([&] { store->append_events("anna", plain_events(Ids{"2"}), ""); },
               {"unix:", "cannot connect"});
  expect_error([&] { store->history("anna"); }, {"unix:", "cannot connect"});
  expect_error([&] { store->check(); }, {"unix:", "cannot connect"});
  server.start();
  EXPECT_EQ(store->append_events("anna", plain_events(Ids{"3"}), ""), Append::kDone)
      << "the script is learnt again";
  EXPECT_EQ(store->history("anna"), (Ids{"1", "3"}));
}

TEST_F(RedisServers, DoesNotWaitForever) {
  const RedisServer server(directory());
  const auto store = open_store(server.spec(), {.redis_timeout = std::chrono::milliseconds(50)});
  store->append_events("anna", plain_events(Ids{"1"}), "");
  server.signal(SIGSTOP);
  expect_error([&] { store->history("anna"); }, {"unix:", "no answer within 50 ms"});
  server.signal(SIGCONT);
  EXPECT_TRUE(eventually([&] {
    try {
      return store->history("anna") == Ids{"1"};
    } catch (const Error&) {
      return false;
    }
  }));
}

TEST_F(RedisServers, IsSharedByReplicasAndByOthers) {
  const RedisServer server(directory());
  const auto one = open_store(server.spec()), two = open_store(server.spec());
  const auto other = open_store(server.spec(), {.redis_prefix = "other:"});
  EXPECT_EQ(one->append_events("anna", plain_events(Ids{"1"}), "a"), Append::kDone);
  EXPECT_EQ(two->append_events("anna", plain_events(Ids{"1"}), "a"), Append::kRepeated);
  EXPECT_EQ(other->append_events("anna", plain_events(Ids{"2"}), "a"), Append::kDone);
  EXPECT_EQ(two->history("anna"), Ids{"1"});
  EXPECT_EQ(other->history("anna"), Ids{"2"});
  two->erase_history("anna");
  EXPECT_EQ(one->history("anna"), std::nullopt);
  expect_error([&] { one->backup(directory() / "backup"); }, {"unix:", "BGSAVE"});
}

TEST_F(RedisServers, AppendsAllOrNothing) {
  const RedisServer server(directory());
  const auto store = open_store(server.spec());
  store->append_events("anna", plain_events(Ids{"1"}), "a");
  ask(server, {"CONFIG", "SET", "maxmemory", "1"});
  expect_error([&] { store->append_events("anna", plain_events(Ids{"2"}), "b"); },
               {"unix:", "OOM"});
  EXPECT_EQ(store->history("anna"), Ids{"1"});
  ask(server, {"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_EQ(store->append_events("anna", plain_events(Ids{"2"}), "b"), Append::kDone);
  EXPECT_EQ(store->history("anna"), (Ids{"1", "2"}));
}

TEST_F(RedisServers, RemembersNoKeyOfABatchThatFailed) {
  const RedisServer server(directory());
  const auto store = open_store(server.spec());
  // Whichever of the user's keys is in the way, nothing is done, and the retry does all of it.
  for (const char* broken : {"tessera:h:anna", "tessera:k:anna", "tessera:d:anna"}) {
    ask(server, {"SET", broken, "x"});
    expect_error([&] { store->append_events("anna", plain_events(Ids{"1", "2"}), "a"); },
                 {"WRONGTYPE"});
    ask(server, {"DEL", broken});
    EXPECT_EQ(store->history("anna"), std::nullopt) << broken;
    EXPECT_EQ(store->append_events("anna", plain_events(Ids{"1", "2"}), "a"), Append::kDone)
        << broken;
    EXPECT_EQ(store->history("anna"), (Ids{"1", "2"})) << broken;
    EXPECT_TRUE(store->erase_history("anna"));
  }
}

TEST_F(RedisServers, LeavesNothingOfAnErasedUser) {
  const RedisServer server(directory());
  const auto store = open_store(server.spec());
  for (int i = 0; i < 100; ++i)
    store->append_events("anna", plain_events(Ids{"1"}), std::to_string(i));
  EXPECT_EQ(ask(server, {"HLEN", "tessera:d:anna"})->integer, std::ssize(Ids(kIdempotencyKeys)));
  store->erase_history("anna");
  EXPECT_EQ(ask(server, {"KEYS", "*anna*"})->elements, 0U);
}

TEST_F(RedisServers, KnowsTheKeysOfBatchesBeforeThereWereDigests) {
  const RedisServer server(directory());
  const auto store = open_store(server.spec());
  ask(server, {"RPUSH", "tessera:h:anna", "1"});
  ask(server, {"RPUSH", "tessera:k:anna", "a"});
  EXPECT_EQ(store->append_events("anna", plain_events(Ids{"1"}), "a"), Append::kRepeated);
  EXPECT_EQ(store->append_events("anna", plain_events(Ids{"2"}), "b"), Append::kDone);
}

TEST_F(RedisServers, RefusesWhatItDoesNotKnow) {
  const RedisServer server(directory());
  expect_error([&] { open_state(server.spec()); }, {"unix:", "holds no state"});
  ask(server, {"SET", "tessera:schema", "3"});
  expect_error([&] { open_store(server.spec()); }, {"unix:", "schema version '3'", "newer"});
  ask(server, {"SET", "tessera:schema", "1"});
  const auto store = open_store(server.spec());
  ask(server, {"SET", "tessera:h:anna", "x"});
  ask(server, {"HSET", "tessera:items", "9", "?"});
  expect_error([&] { store->history("anna"); }, {"unix:", "WRONGTYPE"});
  expect_error([&] { store->append_events("anna", plain_events(Ids{"1"}), "a"); },
               {"unix:", "WRONGTYPE"});
  expect_error([&] { store->for_each_item([](const auto&) {}, [](auto) {}); }, {"item '9'"});
}

TEST_F(RedisServers, KeepsWhatAnOlderProgramAppendsAndErases) {
  const RedisServer server(directory());
  ask(server, {"SET", "tessera:schema", "1"});
  ask(server, {"RPUSH", "tessera:h:anna", "7", "8"});
  ask(server, {"RPUSH", "tessera:k:anna", "key"});
  const auto store = open_store(server.spec(), {.clock = [] { return 5000; }});
  expect_error([&] { open_state("unix:" + std::string("/nowhere")); }, {"/nowhere"});
  EXPECT_EQ(store->append_events("anna", plain_events(Ids{"9"}), "key"), Append::kRepeated);
  EXPECT_EQ(store->append_events("anna", plain_events(Ids{"9"}), ""), Append::kDone);
  ask(server, {"RPUSH", "tessera:h:anna", "10"});  // by the older program, which still runs
  EXPECT_EQ(store->history("anna"), (Ids{"7", "8", "9", "10"}));
  std::vector<StoredEvent> told;
  open_state(server.spec())
      ->for_each_history("", [&](std::string_view, std::span<const StoredEvent> events) {
        told.assign(events.begin(), events.end());
        return true;
      });
  EXPECT_EQ(told, (std::vector<StoredEvent>{{"7"}, {"8"}, {"9", "", {}, 5000, 5000}, {"10"}}));
  ask(server, {"DEL", "tessera:h:anna", "tessera:k:anna", "tessera:d:anna"});  // by it, too
  EXPECT_EQ(store->history("anna"), std::nullopt);
}

TEST_F(RedisServers, ScansManyItemsOnce) {
  const RedisServer server(directory());
  const auto store = open_store(server.spec());
  for (int i = 0; i < 3000; ++i) store->put_item({std::to_string(i), "title", "text"});
  std::size_t items = 0;
  store->for_each_item([&](const StoredItem&) { ++items; }, [](std::string_view) {});
  EXPECT_EQ(items, 3000U);
}

TEST(RedisAddresses, AreParsed) {
  const RedisAddress plain = parse_redis_address("redis://cache");
  EXPECT_EQ(plain.name(), "redis://cache:6379/0");
  const RedisAddress full = parse_redis_address("redis://me:p@ss:w@10.0.0.7:7000/3");
  EXPECT_EQ(full.name(), "redis://10.0.0.7:7000/3");
  EXPECT_EQ(full.user, "me");
  EXPECT_EQ(full.password, "p@ss:w");
  const RedisAddress encoded = parse_redis_address("valkey://a%3Ab:p%40s%25@h:7");
  EXPECT_EQ(encoded.user, "a:b");
  EXPECT_EQ(encoded.password, "p@s%");
  EXPECT_EQ(encoded.host, "h");
  EXPECT_EQ(encoded.port, 7);
  EXPECT_EQ(parse_redis_address("redis://:p%zz%@h").password, "p%zz%");
  EXPECT_EQ(parse_redis_address("redis://:pw@h").password, "pw");
  EXPECT_EQ(parse_redis_address("unix:/run/redis.sock").name(), "unix:/run/redis.sock");
  for (const char* bad : {"redis://", "redis:///1", "redis://h:0", "redis://h:x", "redis://h:65536",
                          "redis://h/x", "redis://h/-1", "redis://h:", "redis://h/",
                          "unix:", "redis://secret@h", "redis://:secret@h:x",
                          "rediss://:secret@h:x", "postgres://secret@h/db", "file:///tmp/state"}) {
    try {
      open_store(bad);
      ADD_FAILURE() << bad;
    } catch (const UsageError& error) {
      EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos) << error.what();
    }
  }
}

/// A server that speaks TLS alone on a port, with a certificate for localhost.
class RedisByTls : public ::testing::Test {
 protected:
  void SetUp() override {
    if (redis_program().empty()) GTEST_SKIP() << "redis-server is not installed";
    write_certificate(path("cert.pem"), path("key.pem"));
    port_ = free_port();
    server_.emplace(directory_.path(),
                    std::vector<std::string>{"--save", "", "--tls-port", std::to_string(port_),
                                             "--tls-cert-file", path("cert.pem"), "--tls-key-file",
                                             path("key.pem"), "--tls-ca-cert-file",
                                             path("cert.pem"), "--tls-auth-clients", "no"});
  }
  std::string path(const char* name) const { return (directory_.path() / name).string(); }
  std::string spec(const char* host, const std::string& more) const {
    return fmt::format("rediss://{}:{}{}", host, port_, more);
  }

  TempDirectory directory_;
  int port_ = 0;
  std::optional<RedisServer> server_;
};

TEST_F(RedisByTls, KeepsWhatIsWrittenHoweverLarge) {
  const auto store = open_store(spec("localhost", "/1?ca=" + path("cert.pem")));
  const Ids many(1000, std::string(2000, 'x'));  // more than sockets hold
  EXPECT_EQ(store->append_events("anna", plain_events(many), "key"), Append::kDone);
  EXPECT_EQ(store->append_events("anna", plain_events(many), "key"), Append::kRepeated);
  EXPECT_EQ(store->history("anna"), many);
  server_->kill();
  expect_error([&] { store->history("anna"); }, {"rediss://localhost"});
  server_->start();
  EXPECT_EQ(store->history("anna"), std::nullopt);  // this server keeps nothing
}

TEST_F(RedisByTls, TrustsNobodyElse) {
  expect_error([&] { open_store(spec("localhost", "")); }, {"certificate is refused", "self"});
  expect_error([&] { open_store(spec("127.0.0.1", "?ca=" + path("cert.pem"))); },
               {"certificate is refused", "IP address mismatch"});
  expect_error([&] { open_store(spec("localhost", "?ca=" + path("none.pem"))); }, {"none.pem"});
  expect_error([&] { open_store(fmt::format("redis://localhost:{}", port_)); }, {"redis://"});
}

TEST(RedisAddresses, WithoutAServerAreAnError) {
  expect_error([] { open_store("redis://127.0.0.1:1"); },
               {"redis://127.0.0.1:1/0", "cannot connect"});
  expect_error([] { open_store("unix:/nowhere/redis.sock"); }, {"unix:/nowhere/redis.sock"});
}

}  // namespace
}  // namespace tessera::testing
