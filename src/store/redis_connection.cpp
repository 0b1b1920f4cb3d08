#include "store/redis_connection.h"

#include <fcntl.h>

#include <new>

#include "base/error.h"
#include "base/numbers.h"
#include "store/sockets.h"

namespace tessera {
namespace {

using std::chrono::milliseconds;
using Context = std::unique_ptr<redisContext, RedisConnection::Free>;

Context open_plain(const RedisAddress& address, milliseconds timeout) {
  const timeval time = as_timeval(timeout);
  Context context(address.socket.empty()
                      ? redisConnectWithTimeout(address.host.c_str(), address.port, time)
                      : redisConnectUnixWithTimeout(address.socket.c_str(), time));
  if (!context) throw std::bad_alloc();
  if (context->err != 0) {
    fail("{}: cannot connect: {}; start the server or correct the address", address.name(),
         context->errstr);
  }
  if (address.socket.empty()) redisEnableKeepAlive(context.get());
  return context;
}

RedisConnection through_tls(Context plain, const RedisAddress& address, milliseconds timeout) {
  const int socket = redisFreeKeepFd(plain.release());
  RedisConnection connection;
  try {
    connection.tunnel =
        std::make_unique<TlsTunnel>(socket, address.host, address.authorities, timeout);
  } catch (const Error& error) {
    fail("{}: cannot connect: {}", address.name(), error.what());
  }
  connection.context.reset(redisConnectFd(connection.tunnel->take_local_end()));
  if (!connection.context) throw std::bad_alloc();
  return connection;
}

/// The answer, waited for.
RedisReply ask(const RedisConnection& connection, const RedisAddress& address,
               const RedisWords& command) {
  const std::string bytes = bytes_of(command);
  void* answer = nullptr;
  redisAppendFormattedCommand(connection.context.get(), bytes.data(), bytes.size());
  redisGetReply(connection.context.get(), &answer);
  RedisReply reply(static_cast<redisReply*>(answer));
  if (!reply) {
    fail("{}: the connection was lost: {}", address.name(), connection.context->errstr);
  }
  return reply;
}

void must(const RedisConnection& connection, const RedisAddress& address,
          const RedisWords& command) {
  const RedisReply reply = ask(connection, address, command);
  if (is_error(*reply)) fail("{}: {}", address.name(), text_of(*reply));
}

void say_who(const RedisConnection& connection, const RedisAddress& address) {
  if (!address.user.empty()) {
    must(connection, address, {"AUTH", address.user, address.password});
  } else if (!address.password.empty()) {
    must(connection, address, {"AUTH", address.password});
  }
}

RedisConnection open(const RedisAddress& address, milliseconds timeout) {
  Context plain = open_plain(address, timeout);
  RedisConnection connection;
  if (address.tls) {
    connection = through_tls(std::move(plain), address, timeout);
  } else {
    connection.context = std::move(plain);
  }
  redisSetTimeout(connection.context.get(), as_timeval(timeout));
  return connection;
}

RedisConnection open_database(const RedisAddress& address, milliseconds timeout) {
  RedisConnection connection = open(address, timeout);
  say_who(connection, address);
  if (address.database != 0) {
    must(connection, address, {"SELECT", std::to_string(address.database)});
  }
  return connection;
}

/// Where the Sentinel says that the master is. It may ask for no password, or for the same.
RedisHost master_by(const RedisAddress& sentinel, const std::string& master, milliseconds timeout) {
  const RedisConnection connection = open(sentinel, timeout);
  const RedisWords question = {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", master};
  RedisReply reply = ask(connection, sentinel, question);
  if (is_error(*reply, "NOAUTH")) {
    say_who(connection, sentinel);
    reply = ask(connection, sentinel, question);
  }
  if (is_error(*reply)) fail("{}: {}", sentinel.name(), text_of(*reply));
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) {
    fail("{}: this Sentinel knows no master '{}'", sentinel.name(), master);
  }
  const auto port = parse_number<int>(text_of(*reply->element[1]));
  return {std::string(text_of(*reply->element[0])), port.value_or(0)};
}

/// A Sentinel may not have heard yet of a failover: only a server that says itself that it is the
/// master is one.
RedisConnection open_master(const RedisAddress& server, milliseconds timeout) {
  RedisConnection connection = open_database(server, timeout);
  const RedisReply role = ask(connection, server, {"ROLE"});
  if (is_error(*role)) fail("{}: {}", server.name(), text_of(*role));
  const bool is_master = role->type == REDIS_REPLY_ARRAY && role->elements > 0 &&
                         text_of(*role->element[0]) == "master";
  if (!is_master) fail("{}: it is not the master (any more)", server.name());
  return connection;
}

RedisConnection open_by_sentinels(const RedisAddress& address, milliseconds timeout) {
  std::string why;
  for (const RedisHost& one : address.hosts) {
    try {
      return open_master(address.at(master_by(address.at(one), address.master, timeout)), timeout);
    } catch (const Error& error) {
      why += fmt::format("{}{}", why.empty() ? "" : "; ", error.what());
    }
  }
  fail("{}: no Sentinel leads to the master: {}", address.name(), why);
}

}  // namespace

std::string bytes_of(const RedisWords& command) {
  std::vector<const char*> words;
  std::vector<std::size_t> lengths;
  for (const std::string_view word : command) {
    words.push_back(word.data());
    lengths.push_back(word.size());
  }
  char* bytes = nullptr;
  const int size =
      redisFormatCommandArgv(&bytes, static_cast<int>(words.size()), words.data(), lengths.data());
  if (size < 0) throw std::bad_alloc();
  const std::unique_ptr<char, void (*)(char*)> owner(bytes, redisFreeCommand);
  return {bytes, static_cast<std::size_t>(size)};
}

RedisConnection connect_redis(const RedisAddress& address, milliseconds timeout) {
  RedisConnection connection = address.kind == RedisAddress::Kind::sentinel
                                   ? open_by_sentinels(address, timeout)
                                   : open_database(address, timeout);
  redisContext& context = *connection.context;
  context.flags &= ~REDIS_BLOCK;
  ::fcntl(context.fd, F_SETFL, ::fcntl(context.fd, F_GETFL) | O_NONBLOCK);
  return connection;
}

}  // namespace tessera
