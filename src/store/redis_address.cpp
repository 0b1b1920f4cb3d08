#include "store/redis_connections.h"

#include <poll.h>
#include <pthread.h>
#include <sys/time.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <optional>

#include "base/error.h"

namespace tessera {
namespace {

constexpr std::string_view kRedis = "redis://", kValkey = "valkey://", kUnix = "unix:";

/// The whole text as a number from `least` to `most`.
std::optional<int> number_in(const std::string& text, int least, int most) {
  int value = 0;
  const char* const last = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), last, value);
  if (error != std::errc{} || rest != last || value < least || value > most) return std::nullopt;
  return value;
}

/// "p%40ss" is "p@ss": a password may hold what separates an address.
std::string decoded(std::string_view text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    unsigned value = 0;
    const char* const digits = text.data() + at + 1;
    const bool escape = text[at] == '%' && at + 2 < text.size();
    if (escape && std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
      plain += static_cast<char>(value);
      at += 2;
    } else {
      plain += text[at];
    }
  }
  return plain;
}

/// hiredis writes to sockets without MSG_NOSIGNAL: a closed one would end the process. Holds
/// SIGPIPE back in this thread and takes what came of it.
class WithoutSigpipe {
 public:
  WithoutSigpipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~WithoutSigpipe() {
    const int error = errno;
    const timespec now{};
    if (!was_pending_) sigtimedwait(&pipe_, nullptr, &now);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = error;
  }
  WithoutSigpipe(const WithoutSigpipe&) = delete;
  WithoutSigpipe& operator=(const WithoutSigpipe&) = delete;

 private:
  sigset_t pipe_, before_;
  bool was_pending_ = false;
};

RedisReply send(redisContext& connection, const std::vector<std::string_view>& command) {
  std::vector<const char*> words;
  std::vector<std::size_t> lengths;
  for (const std::string_view word : command) {
    words.push_back(word.data());
    lengths.push_back(word.size());
  }
  const WithoutSigpipe held;
  return RedisReply(static_cast<redisReply*>(
      redisCommandArgv(&connection, static_cast<int>(words.size()), words.data(), lengths.data())));
}

/// Whether nothing happened on the connection since its last answer: anything to read now can only
/// be that the server closed it.
bool is_open(const redisContext& connection) {
  pollfd socket{connection.fd, POLLIN, 0};
  return ::poll(&socket, 1, 0) == 0;
}

}  // namespace

std::string RedisAddress::name() const {
  if (!socket.empty()) return std::string(kUnix) + socket;
  return fmt::format("{}{}:{}/{}", kRedis, host, port, database);
}

RedisAddress parse_redis_address(std::string_view spec) {
  RedisAddress address;
  if (spec.starts_with(kUnix)) {
    address.socket = spec.substr(kUnix.size());
    if (address.socket.empty()) fail_usage("unix:PATH names no socket file");
    return address;
  }
  std::string_view rest = spec;
  const std::string_view scheme = rest.starts_with(kValkey) ? kValkey : kRedis;
  if (!rest.starts_with(scheme)) fail_usage("'{}' is no redis:// address", spec);
  rest.remove_prefix(scheme.size());
  if (const auto at = rest.rfind('@'); at != rest.npos) {
    const std::string_view secret = rest.substr(0, at);
    const auto colon = secret.find(':');
    if (colon == secret.npos) fail_usage("redis:// before @: give [user]:password");
    address.user = decoded(secret.substr(0, colon));
    address.password = decoded(secret.substr(colon + 1));
    rest.remove_prefix(at + 1);
  }
  const std::string_view place = rest;
  if (const auto slash = rest.find('/'); slash != rest.npos) {
    const auto database = number_in(std::string(rest.substr(slash + 1)), 0, 1'000'000);
    if (!database) fail_usage("redis://{}: give the number of a database after /", place);
    address.database = *database;
    rest = rest.substr(0, slash);
  }
  if (const auto colon = rest.rfind(':'); colon != rest.npos) {
    const auto port = number_in(std::string(rest.substr(colon + 1)), 1, 65'535);
    if (!port) fail_usage("redis://{}: give a port from 1 to 65535 after :", place);
    address.port = *port;
    rest = rest.substr(0, colon);
  }
  if (rest.empty()) fail_usage("redis://{}: names no host", place);
  address.host = rest;
  return address;
}

RedisConnections::RedisConnections(RedisAddress address, std::chrono::milliseconds timeout)
    : address_(std::move(address)), name_(address_.name()), timeout_(timeout) {}

RedisConnections::~RedisConnections() = default;

RedisReply RedisConnections::ask(const std::vector<std::string_view>& command, Repeat repeat) {
  for (int attempts = repeat == Repeat::kSafe ? 2 : 1;; --attempts) {
    Connection connection = take();
    RedisReply reply = send(*connection, command);
    if (reply) {
      const std::lock_guard lock(mutex_);
      idle_.push_back(std::move(connection));
      return reply;
    }
    const bool late = connection->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (late) {
      fail("{}: no answer within {} ms; look after the server", name_, timeout_.count());
    }
    if (attempts == 1) fail("{}: the connection was lost: {}", name_, connection->errstr);
  }
}

RedisConnections::Connection RedisConnections::take() {
  {
    const std::lock_guard lock(mutex_);
    while (!idle_.empty()) {
      Connection connection = std::move(idle_.back());
      idle_.pop_back();
      if (is_open(*connection)) return connection;
    }
  }
  return connect();
}

RedisConnections::Connection RedisConnections::connect() const {
  const timeval timeout{.tv_sec = timeout_.count() / 1000,
                        .tv_usec = timeout_.count() % 1000 * 1000};
  Connection connection(address_.socket.empty()
                            ? redisConnectWithTimeout(address_.host.c_str(), address_.port, timeout)
                            : redisConnectUnixWithTimeout(address_.socket.c_str(), timeout));
  if (!connection) throw std::bad_alloc();
  if (connection->err != 0) {
    fail("{}: cannot connect: {}; start the server or correct the address", name_,
         connection->errstr);
  }
  redisSetTimeout(connection.get(), timeout);
  const auto must = [&](const std::vector<std::string_view>& command) {
    const RedisReply reply = send(*connection, command);
    if (!reply) fail("{}: the connection was lost: {}", name_, connection->errstr);
    if (reply->type == REDIS_REPLY_ERROR) fail("{}: {}", name_, reply->str);
  };
  if (!address_.user.empty()) {
    must({"AUTH", address_.user, address_.password});
  } else if (!address_.password.empty()) {
    must({"AUTH", address_.password});
  }
  if (address_.database != 0) must({"SELECT", std::to_string(address_.database)});
  return connection;
}

}  // namespace tessera
