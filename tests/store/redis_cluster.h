#pragma once
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <memory>

#include "redis_server.h"
#include "serve/make_certificate.h"
#include "testing/temp_directory.h"

namespace tessera::testing {

/// A port of this machine that nobody listens on.
inline int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ::bind(socket, reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(socket);
  return ntohs(address.sin_port);
}

/// What servers that speak TLS to everybody need: a certificate for this machine's address.
class RedisTls {
 public:
  RedisTls() { write_certificate(certificate(), key(), -3600, 3600, "IP:127.0.0.1"); }
  std::string certificate() const { return (directory_.path() / "cert.pem").string(); }
  std::vector<std::string> words(int port) const {
    return {"--tls-port",         std::to_string(port),
            "--tls-cert-file",    certificate(),
            "--tls-key-file",     key(),
            "--tls-ca-cert-file", certificate(),
            "--tls-auth-clients", "no",
            "--tls-replication",  "yes",
            "--tls-cluster",      "yes"};
  }

 private:
  std::string key() const { return (directory_.path() / "key.pem").string(); }
  TempDirectory directory_;
};

/// A process of redis-server on a port of this machine, with a folder of its own, that keeps
/// nothing on disk. `words`: further arguments; a file name may stand in front. `tls`: it is to be
/// spoken to by TLS, on another port, except by `ask`.
class RedisNode {
 public:
  explicit RedisNode(std::vector<std::string> words, const RedisTls* tls = nullptr)
      : port_(free_port()), tls_port_(tls != nullptr ? free_port() : 0) {
    words.insert(words.begin(), redis_program());
    if (tls != nullptr) {
      const std::vector<std::string> more = tls->words(tls_port_);
      words.insert(words.end(), more.begin(), more.end());
    }
    words.insert(words.end(),
                 {"--port", std::to_string(port_), "--dir", directory_.path().string()});
    process_ = std::make_unique<Process>(words);
    if (!eventually([&] { return ask({"PING"}) == "PONG"; })) {
      throw std::runtime_error("redis-server does not start");
    }
  }

  int port() const { return tls_port_ != 0 ? tls_port_ : port_; }
  std::string host() const { return "127.0.0.1:" + std::to_string(port()); }
  void kill() { process_.reset(); }
  bool runs() const { return process_ != nullptr; }

  /// The answer as text, the elements of a list with blanks between; "" where there is none.
  std::string ask(const std::vector<std::string>& command) const {
    redisContext* const connection = redisConnectWithTimeout("127.0.0.1", port_, {5, 0});
    std::string text;
    if (connection != nullptr && connection->err == 0) {
      std::vector<const char*> words;
      std::vector<std::size_t> sizes;
      for (const std::string& word : command) {
        words.push_back(word.data());
        sizes.push_back(word.size());
      }
      auto* const reply = static_cast<redisReply*>(
          redisCommandArgv(connection, static_cast<int>(words.size()), words.data(), sizes.data()));
      if (reply != nullptr) text = text_of(*reply);
      freeReplyObject(reply);
    }
    redisFree(connection);
    return text;
  }

 private:
  static std::string text_of(const redisReply& reply) {
    if (reply.type == REDIS_REPLY_INTEGER) return std::to_string(reply.integer);
    if (reply.type != REDIS_REPLY_ARRAY) return std::string(reply.str, reply.len);
    std::string all;
    for (std::size_t i = 0; i < reply.elements; ++i) {
      all += (i > 0 ? " " : "") + text_of(*reply.element[i]);
    }
    return all;
  }

  TempDirectory directory_;
  int port_, tls_port_;
  std::unique_ptr<Process> process_;
};

/// A cluster of three masters, of which each has a third of the slots.
class RedisCluster {
 public:
  static constexpr int kMasters = 3;

  explicit RedisCluster(const RedisTls* tls = nullptr) : tls_(tls) {
    for (int i = 0; i < kMasters; ++i) add();
    for (int i = 0; i < kMasters; ++i) {
      nodes[i]->ask({"CLUSTER", "ADDSLOTSRANGE", std::to_string(16384 * i / kMasters),
                     std::to_string(16384 * (i + 1) / kMasters - 1)});
    }
    wait_until_whole();
  }

  /// Another node, which has no slots yet.
  RedisNode& add() {
    const int bus = free_port();
    const std::vector<std::string> words = {"--save",
                                            "",
                                            "--cluster-enabled",
                                            "yes",
                                            "--cluster-port",
                                            std::to_string(bus),
                                            "--cluster-node-timeout",
                                            "1000",
                                            "--repl-diskless-sync-delay",
                                            "0"};
    nodes.push_back(std::make_unique<RedisNode>(words, tls_));
    if (nodes.size() == 1) {
      first_bus_ = bus;
    } else {
      nodes.back()->ask({"CLUSTER", "MEET", "127.0.0.1", std::to_string(nodes[0]->port()),
                         std::to_string(first_bus_)});
    }
    return *nodes.back();
  }
  /// Until every node that runs knows all the others and who has which slot.
  void wait_until_whole() const {
    const auto whole = [&] {
      for (const auto& node : nodes) {
        if (!node->runs()) continue;
        const std::string info = node->ask({"CLUSTER", "INFO"});
        const auto says = [&](const std::string& line) { return info.find(line) != info.npos; };
        if (!says("cluster_state:ok") || !says("cluster_slots_ok:16384") ||
            !says("cluster_known_nodes:" + std::to_string(nodes.size()))) {
          return false;
        }
      }
      return true;
    };
    if (!eventually(whole)) throw std::runtime_error("the cluster does not come together");
  }
  /// The node that has a key's slot.
  RedisNode& owner(const std::string& key) const {
    for (const auto& node : nodes) {
      if (node->runs() && node->ask({"EXISTS", key}).find("MOVED") == std::string::npos) {
        return *node;
      }
    }
    throw std::runtime_error("nobody has the key");
  }
  std::string spec() const {
    const std::string hosts = nodes[0]->host() + "," + nodes[1]->host();
    return tls_ == nullptr ? "redis-cluster://" + hosts
                           : "rediss-cluster://" + hosts + "?ca=" + tls_->certificate();
  }

  std::vector<std::unique_ptr<RedisNode>> nodes;

 private:
  const RedisTls* tls_;
  int first_bus_ = 0;
};

/// A master, a replica of it, and a Sentinel that may decide alone.
class RedisSentinels {
 public:
  explicit RedisSentinels(const RedisTls* tls = nullptr)
      : servers{std::make_unique<RedisNode>(kPlain, tls), std::make_unique<RedisNode>(kPlain, tls)},
        tls_(tls) {
    servers[1]->ask({"REPLICAOF", "127.0.0.1", std::to_string(servers[0]->port())});
    const std::string file = (directory_.path() / "sentinel.conf").string();
    std::ofstream(file) << "sentinel monitor shop 127.0.0.1 " << servers[0]->port() << " 1\n"
                        << "sentinel down-after-milliseconds shop 500\n"
                        << "sentinel failover-timeout shop 2000\n";
    sentinel = std::make_unique<RedisNode>(std::vector<std::string>{file, "--sentinel"}, tls);
    const auto ready = [&] {
      return servers[1]->ask({"ROLE"}).find("connected") != std::string::npos &&
             sentinel->ask({"SENTINEL", "REPLICAS", "shop"}).find(servers[1]->host()) !=
                 std::string::npos;
    };
    if (!eventually(ready)) throw std::runtime_error("the Sentinel does not find the replica");
  }
  std::string spec() const {
    const std::string hosts = "127.0.0.1:1," + sentinel->host();  // the first is not there
    return tls_ == nullptr ? "redis-sentinel://" + hosts + "/shop"
                           : "rediss-sentinel://" + hosts + "/shop?ca=" + tls_->certificate();
  }
  bool is_master(int server) const { return servers[server]->ask({"ROLE"}).starts_with("master"); }
  /// Whether the replica comes to hold what the master holds.
  bool replica_has_it_all() const {
    return eventually([&] { return servers[1]->ask({"DBSIZE"}) == servers[0]->ask({"DBSIZE"}); });
  }

  std::unique_ptr<RedisNode> servers[2], sentinel;

 private:
  static inline const std::vector<std::string> kPlain = {"--save", "", "--repl-diskless-sync-delay",
                                                         "0"};
  const RedisTls* tls_;
  TempDirectory directory_;
};

}  // namespace tessera::testing
