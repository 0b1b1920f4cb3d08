#pragma once
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace tessera::testing {

/// What looks like a Redis server to the store, on a socket file: it does what a test says with
/// each command that asks for a user, and answers the others as an empty server would.
class FakeRedis {
 public:
  using Command = std::vector<std::string>;
  enum class Act { answer, hold, answer_held, close };
  /// Called with each command that is for a user and how many of them came, this one included.
  using Choose = std::function<Act(const Command&, std::size_t)>;

  FakeRedis(const std::filesystem::path& directory, Choose choose)
      : socket_((directory / "fake.sock").string()),
        choose_(std::move(choose)),
        listener_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket_.c_str(), sizeof(address.sun_path) - 1);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
        ::listen(listener_, 100) != 0) {
      throw std::runtime_error("cannot listen on " + socket_);
    }
    thread_ = std::thread([this] { run(); });
  }
  ~FakeRedis() {
    ending_ = true;
    thread_.join();
    for (const auto& [client, unread] : unread_) ::close(client);
    ::close(listener_);
  }
  FakeRedis(const FakeRedis&) = delete;
  FakeRedis& operator=(const FakeRedis&) = delete;

  std::string spec() const { return "unix:" + socket_; }
  std::size_t asked() const { return asked_; }
  std::size_t connections() const { return connections_; }

 private:
  void run() {
    while (!ending_) {
      std::vector<pollfd> sockets = {{listener_, POLLIN, 0}};
      for (const auto& [client, unread] : unread_) sockets.push_back({client, POLLIN, 0});
      if (::poll(sockets.data(), sockets.size(), 10) <= 0) continue;
      for (std::size_t i = 1; i < sockets.size(); ++i) {
        if (sockets[i].revents != 0) read_from(sockets[i].fd);
      }
      if (sockets[0].revents != 0) {
        unread_[::accept(listener_, nullptr, nullptr)];
        ++connections_;
      }
    }
  }
  void read_from(int client) {
    char part[65536];
    const ssize_t got = ::recv(client, part, sizeof(part), 0);
    if (got <= 0) return close(client);
    unread_[client].append(part, static_cast<std::size_t>(got));
    while (unread_.contains(client)) {
      const Command command = next(unread_[client]);
      if (command.empty()) return;
      obey(client, command);
    }
  }
  void close(int client) {
    ::close(client);
    unread_.erase(client);
  }
  /// The next whole command, taken from `unread`; nothing if it has not come yet.
  static Command next(std::string& unread) {
    std::size_t at = 0;
    const auto number = [&]() -> long {
      const std::size_t end = unread.find("\r\n", at);
      if (end == std::string::npos) return -1;
      const long value = std::stol(unread.substr(at + 1, end - at - 1));
      at = end + 2;
      return value;
    };
    Command command;
    const long words = number();
    for (long i = 0; i < words; ++i) {
      const long length = number();
      if (length < 0 || unread.size() < at + static_cast<std::size_t>(length) + 2) return {};
      command.push_back(unread.substr(at, static_cast<std::size_t>(length)));
      at += static_cast<std::size_t>(length) + 2;
    }
    unread.erase(0, at);
    return command;
  }
  void obey(int client, const Command& command) {
    const std::string& word = command.front();
    if (word == "SET") return send(client, "+OK\r\n");
    if (word == "GET") return send(client, "$1\r\n1\r\n");
    if (word == "SCRIPT") return send(client, "$4\r\nname\r\n");
    if (word == "PING") return send(client, "+PONG\r\n");
    const bool of_no_user = word == "EVALSHA" && command[2] == "1";
    if (of_no_user && held_.empty()) return send(client, ":0\r\n");
    if (word == "XREVRANGE" || word == "XRANGE") {  // one change, no feedback
      const bool changes = command[1].ends_with("changes");
      return send_behind(client, changes ? "*1\r\n*2\r\n$3\r\n1-1\r\n*0\r\n" : "*0\r\n");
    }
    if (word == "HSCAN" || word == "SCAN") return send(client, "*2\r\n$1\r\n0\r\n*0\r\n");
    const std::string answer = word == "LRANGE" ? "*1\r\n$1\r\n1\r\n" : ":0\r\n";
    const Act act = choose_(command, ++asked_);
    if (act == Act::close) return close(client);
    held_.emplace_back(client, answer);
    if (act == Act::hold) return;
    if (act == Act::answer) return send_held(held_.size() - 1);
    send_held(0);
  }
  /// An answer that stands in its place behind those that are held.
  void send_behind(int client, const std::string& answer) {
    held_.emplace_back(client, answer);
    if (held_.size() == 1) send_held(0);
  }
  void send_held(std::size_t first) {
    for (std::size_t i = first; i < held_.size(); ++i) send(held_[i].first, held_[i].second);
    held_.resize(first);
  }
  static void send(int client, const std::string& bytes) {
    [[maybe_unused]] const ssize_t sent = ::send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

  const std::string socket_;
  const Choose choose_;
  const int listener_;
  std::map<int, std::string> unread_;  // by connection
  std::vector<std::pair<int, std::string>> held_;
  std::atomic<std::size_t> asked_ = 0, connections_ = 0;
  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

}  // namespace tessera::testing
