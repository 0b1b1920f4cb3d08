#pragma once
#include <hiredis/hiredis.h>

#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "testing/process.h"

namespace tessera::testing {

/// Where redis-server is, or "" if it is not installed.
inline std::string redis_program() {
  for (const char* directory : {"/usr/bin/", "/usr/local/bin/"}) {
    const std::string program = std::string(directory) + "redis-server";
    if (std::filesystem::exists(program)) return program;
  }
  return "";
}

/// A Redis server of a test's own, on a socket file, which keeps nothing unless told to.
class RedisServer {
 public:
  explicit RedisServer(const std::filesystem::path& directory,
                       std::vector<std::string> options = {})
      : directory_(directory), socket_((directory / "redis.sock").string()) {
    if (options.empty()) options = {"--save", ""};
    options.insert(options.begin(), {redis_program(), "--port", "0", "--unixsocket", socket_,
                                     "--dir", directory.string()});
    command_ = options;
    start();
  }

  void start() {
    std::filesystem::remove(socket_);
    process_.emplace(command_);
    // It listens before it has loaded its data.
    const auto answers = [&] {
      redisContext* const connection = redisConnectUnix(socket_.c_str());
      redisReply* reply = nullptr;
      if (connection != nullptr && connection->err == 0) {
        reply = static_cast<redisReply*>(redisCommand(connection, "PING"));
      }
      const bool ready = reply != nullptr && reply->type == REDIS_REPLY_STATUS;
      freeReplyObject(reply);
      redisFree(connection);
      return ready;
    };
    if (!eventually(answers)) {
      throw std::runtime_error("redis-server does not start");
    }
  }
  void kill() { process_.reset(); }
  void signal(int number) const { process_->signal(number); }

  std::string spec() const { return "unix:" + socket_; }

 private:
  std::filesystem::path directory_;
  std::string socket_;
  std::vector<std::string> command_;
  std::optional<Process> process_;
};

}  // namespace tessera::testing
