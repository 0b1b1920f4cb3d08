#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

namespace tessera::testing {

/// One HTTP answer as it came.
struct Answer {
  int status = 0;  ///< 0: the connection ended before a whole answer
  std::string header, body;
};

/// A plain client that sends any bytes.
class Connection {
 public:
  /// `from`: the address it comes from, in place of 127.0.0.1.
  explicit Connection(std::uint16_t port, const char* from = nullptr)
      : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    if (from != nullptr) {
      ::inet_pton(AF_INET, from, &address.sin_addr);
      ::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    }
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      ::close(socket_);
      throw std::runtime_error(std::string("cannot connect: ") + std::strerror(errno));
    }
  }
  ~Connection() { ::close(socket_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int socket() const { return socket_; }

  /// False if the other side has closed.
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  /// The next answer; `head`: it has no body whatever its header says.
  Answer receive(bool head = false) {
    Answer answer;
    std::size_t end = 0;
    while ((end = read_.find("\r\n\r\n")) == std::string::npos) {
      if (!read_more()) return {};
    }
    answer.header = read_.substr(0, end + 4);
    read_.erase(0, end + 4);
    const std::size_t length = head ? 0 : content_length(answer.header);
    while (read_.size() < length) {
      if (!read_more()) return {};
    }
    answer.body = read_.substr(0, length);
    read_.erase(0, length);
    answer.status = std::stoi(answer.header.substr(answer.header.find(' ') + 1, 3));
    return answer;
  }
  Answer request(std::string_view method, std::string_view target, std::string_view body = "",
                 std::string_view headers = "") {
    send(text(method, target, body, headers));
    return receive(method == "HEAD");
  }
  static std::string text(std::string_view method, std::string_view target,
                          std::string_view body = "", std::string_view headers = "") {
    std::string all =
        std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n";
    if (!body.empty()) all += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return all + std::string(headers) + "\r\n" + std::string(body);
  }
  /// Whether the other side has ended the connection (waits for that).
  bool closed() {
    while (read_more()) {
    }
    return true;
  }

 private:
  static std::size_t content_length(const std::string& header) {
    const std::size_t at = header.find("Content-Length: ");
    return at == std::string::npos ? 0 : std::stoul(header.substr(at + 16));
  }
  bool read_more() {
    char buffer[4096];
    const ssize_t got = ::recv(socket_, buffer, sizeof(buffer), 0);
    if (got <= 0) return false;
    read_.append(buffer, static_cast<std::size_t>(got));
    return true;
  }

  int socket_;
  std::string read_;
};

}  // namespace tessera::testing
