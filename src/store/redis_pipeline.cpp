#include "store/redis_pipeline.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "store/sockets.h"

namespace tessera {
namespace {

/// Commands under way at a time; each may hold a body.
constexpr std::size_t kMostCommands = 8192;

std::string formatted(const std::vector<std::string_view>& command) {
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

}  // namespace

RedisPipeline::RedisPipeline(RedisAddress address, std::chrono::milliseconds timeout)
    : address_(std::move(address)),
      name_(address_.name()),
      timeout_(timeout),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ < 0) fail("{}: cannot wait for answers: {}", name_, std::strerror(errno));
  thread_ = std::thread([this] { run(); });
}

RedisPipeline::~RedisPipeline() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake();
  thread_.join();
  ::close(wake_);
}

RedisPipeline::Answer RedisPipeline::ask(const std::vector<std::string_view>& command,
                                         Repeat repeat) {
  return {*this, formatted(command), repeat};
}

bool RedisPipeline::Answer::await_suspend(std::coroutine_handle<> task) {
  RedisPipeline& pipeline = pipeline_;  // this may be gone as soon as the command is there
  {
    const std::lock_guard lock(pipeline.mutex_);
    if (pipeline.ending_ || pipeline.under_way_ >= kMostCommands) {
      error_ = fmt::format("{}: too many requests wait for the server", pipeline.name_);
      return false;
    }
    ++pipeline.under_way_;
    pipeline.asked_.push_back(
        {std::move(bytes_), repeat_, Clock::now() + pipeline.timeout_, this, task});
  }
  pipeline.wake();
  return true;
}

RedisReply RedisPipeline::Answer::await_resume() {
  if (!reply_) fail("{}", error_);
  return std::move(reply_);
}

void RedisPipeline::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_, &one, sizeof(one));
}

void RedisPipeline::run() {
  hold_back_sigpipe();
  while (take_asked()) {
    give_up_late();
    if (!connection_ && !unsent_.empty()) connect_for_unsent();
    if (connection_) send_unsent();
    await_traffic();
  }
  const std::string ended = fmt::format("{}: the store is closed", name_);
  finish_all(sent_, ended);
  finish_all(unsent_, ended);
}

/// False at the end.
bool RedisPipeline::take_asked() {
  const std::lock_guard lock(mutex_);
  std::ranges::move(asked_, std::back_inserter(unsent_));
  asked_.clear();
  return !ending_;
}

void RedisPipeline::give_up_late() {
  const Clock::time_point now = Clock::now();
  if (!sent_.empty() && sent_.front().deadline <= now) lose(late());
  while (!unsent_.empty() && unsent_.front().deadline <= now) {
    const Command command = std::move(unsent_.front());
    unsent_.pop_front();
    finish(command, nullptr, late());
  }
}

std::string RedisPipeline::late() const {
  return fmt::format("{}: no answer within {} ms; look after the server", name_, timeout_.count());
}

void RedisPipeline::connect_for_unsent() {
  try {
    connection_ = connect();
  } catch (const Error& error) {
    finish_all(unsent_, error.what());
  }
}

RedisPipeline::Connection RedisPipeline::open_plain() const {
  const timeval timeout = as_timeval(timeout_);
  Connection connection(address_.socket.empty()
                            ? redisConnectWithTimeout(address_.host.c_str(), address_.port, timeout)
                            : redisConnectUnixWithTimeout(address_.socket.c_str(), timeout));
  if (!connection) throw std::bad_alloc();
  if (connection->err != 0) {
    fail("{}: cannot connect: {}; start the server or correct the address", name_,
         connection->errstr);
  }
  if (address_.socket.empty()) redisEnableKeepAlive(connection.get());
  return connection;
}

RedisPipeline::Connection RedisPipeline::through_tls(Connection plain) {
  const int socket = redisFreeKeepFd(plain.release());
  try {
    tunnel_ = std::make_unique<TlsTunnel>(socket, address_.host, address_.authorities, timeout_);
  } catch (const Error& error) {
    fail("{}: cannot connect: {}", name_, error.what());
  }
  Connection connection(redisConnectFd(tunnel_->take_local_end()));
  if (!connection) throw std::bad_alloc();
  return connection;
}

RedisPipeline::Connection RedisPipeline::connect() {
  Connection connection = open_plain();
  if (address_.tls) connection = through_tls(std::move(connection));
  redisSetTimeout(connection.get(), as_timeval(timeout_));
  const auto must = [&](const std::vector<std::string_view>& command) {
    const std::string bytes = formatted(command);
    void* answer = nullptr;
    redisAppendFormattedCommand(connection.get(), bytes.data(), bytes.size());
    redisGetReply(connection.get(), &answer);
    const RedisReply reply(static_cast<redisReply*>(answer));
    if (!reply) fail("{}: the connection was lost: {}", name_, connection->errstr);
    if (reply->type == REDIS_REPLY_ERROR) fail("{}: {}", name_, reply->str);
  };
  if (!address_.user.empty()) {
    must({"AUTH", address_.user, address_.password});
  } else if (!address_.password.empty()) {
    must({"AUTH", address_.password});
  }
  if (address_.database != 0) must({"SELECT", std::to_string(address_.database)});
  // From here on nothing waits in a read or a write.
  connection->flags &= ~REDIS_BLOCK;
  ::fcntl(connection->fd, F_SETFL, ::fcntl(connection->fd, F_GETFL) | O_NONBLOCK);
  return connection;
}

void RedisPipeline::send_unsent() {
  for (Command& command : unsent_) {
    redisAppendFormattedCommand(connection_.get(), command.bytes.data(), command.bytes.size());
    if (command.repeat == Repeat::kUnsafe || command.lost) command.bytes = {};
    sent_.push_back(std::move(command));
  }
  unsent_.clear();
  int done = 1;
  if (redisBufferWrite(connection_.get(), &done) != REDIS_OK) lose("");
  flushed_ = done != 0;
}

void RedisPipeline::await_traffic() {
  if (!connection_ && !unsent_.empty()) return;  // they go by another connection now
  pollfd both[2] = {{wake_, POLLIN, 0}, {-1, POLLIN, 0}};
  if (connection_) both[1].fd = connection_->fd;
  if (!flushed_) both[1].events |= POLLOUT;
  int milliseconds = -1;
  for (const std::deque<Command>* commands : {&sent_, &unsent_}) {
    if (commands->empty()) continue;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(commands->front().deadline - Clock::now());
    const int until = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
    milliseconds = milliseconds < 0 ? until : std::min(milliseconds, until);
  }
  if (::poll(both, 2, milliseconds) <= 0) return;
  std::uint64_t woken = 0;
  [[maybe_unused]] const ssize_t taken = ::read(wake_, &woken, sizeof(woken));
  if (both[1].revents != 0 && both[1].revents != POLLOUT) receive();
}

void RedisPipeline::receive() {
  if (redisBufferRead(connection_.get()) != REDIS_OK) return lose("");
  for (;;) {
    void* answer = nullptr;
    if (redisGetReplyFromReader(connection_.get(), &answer) != REDIS_OK) return lose("");
    RedisReply reply(static_cast<redisReply*>(answer));
    if (!reply) return;
    if (sent_.empty()) return lose("");
    const Command command = std::move(sent_.front());
    sent_.pop_front();
    finish(command, std::move(reply), "");
  }
}

/// Closes the connection; what may be sent again waits for the next one. `why`: "" as hiredis says.
void RedisPipeline::lose(const std::string& why) {
  const std::string error =
      why.empty() ? fmt::format("{}: the connection was lost: {}", name_, connection_->errstr)
                  : why;
  connection_.reset();
  tunnel_.reset();
  flushed_ = true;
  std::deque<Command> again, failed;
  const Clock::time_point now = Clock::now();
  for (Command& command : sent_) {
    const bool repeat = command.repeat == Repeat::kSafe && !command.lost && command.deadline > now;
    command.lost = true;
    (repeat ? again : failed).push_back(std::move(command));
  }
  sent_.clear();
  std::ranges::move(unsent_, std::back_inserter(again));
  unsent_ = std::move(again);
  finish_all(failed, error);
}

/// The task goes on, here.
void RedisPipeline::finish(const Command& command, RedisReply reply, std::string error) {
  {
    const std::lock_guard lock(mutex_);
    --under_way_;
  }
  command.answer->reply_ = std::move(reply);
  command.answer->error_ = std::move(error);
  command.task.resume();
}

void RedisPipeline::finish_all(std::deque<Command>& commands, const std::string& error) {
  for (const Command& command : std::exchange(commands, {})) finish(command, nullptr, error);
}

}  // namespace tessera
