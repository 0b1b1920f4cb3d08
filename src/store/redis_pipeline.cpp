#include "store/redis_pipeline.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "store/sockets.h"

namespace tessera {
namespace {

/// Commands under way at a time; each may hold a body.
constexpr std::size_t kMostCommands = 8192;

}  // namespace

RedisPipeline::RedisPipeline(RedisAddress address, std::chrono::milliseconds timeout)
    : address_(std::move(address)),
      name_(address_.name()),
      timeout_(timeout),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ < 0) fail("{}: cannot wait for answers: {}", name_, std::strerror(errno));
  thread_ = std::thread([this] { run(); });
}

void RedisPipeline::close() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(ending_, true)) return;
  }
  wake();
  thread_.join();
  ::close(wake_);
}

RedisPipeline::Answer RedisPipeline::ask(const RedisWords& command, Repeat repeat) {
  return {*this, bytes_of(command), repeat, false};
}

RedisPipeline::Answer RedisPipeline::ask_new_owner(const RedisWords& command, Repeat repeat) {
  return {*this, bytes_of({"ASKING"}) + bytes_of(command), repeat, true};
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
        {std::move(bytes_), repeat_, Clock::now() + pipeline.timeout_, this, task, asking_});
    pipeline.wake();  // with the lock: the pipeline is not closed meanwhile
  }
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
    if (!connection_.context && !unsent_.empty()) connect_for_unsent();
    if (connection_.context) send_unsent();
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
    connection_ = connect_redis(address_, timeout_);
  } catch (const Error& error) {
    finish_all(unsent_, error.what());
  }
}

void RedisPipeline::send_unsent() {
  for (Command& command : unsent_) {
    redisAppendFormattedCommand(connection_.context.get(), command.bytes.data(),
                                command.bytes.size());
    if (command.repeat == Repeat::kUnsafe || command.lost) command.bytes = {};
    command.answer_next = !command.asking;
    sent_.push_back(std::move(command));
  }
  unsent_.clear();
  int done = 1;
  if (redisBufferWrite(connection_.context.get(), &done) != REDIS_OK) lose("");
  flushed_ = done != 0;
}

void RedisPipeline::await_traffic() {
  if (!connection_.context && !unsent_.empty()) return;  // they go by another connection now
  pollfd both[2] = {{wake_, POLLIN, 0}, {-1, POLLIN, 0}};
  if (connection_.context) both[1].fd = connection_.context->fd;
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
  if (redisBufferRead(connection_.context.get()) != REDIS_OK) return lose("");
  for (;;) {
    void* answer = nullptr;
    if (redisGetReplyFromReader(connection_.context.get(), &answer) != REDIS_OK) return lose("");
    RedisReply reply(static_cast<redisReply*>(answer));
    if (!reply) return;
    if (sent_.empty()) return lose("");
    if (!std::exchange(sent_.front().answer_next, true)) continue;
    // A failover made a replica of it: it has done nothing, and Sentinels know the next.
    const bool demoted = address_.kind == RedisAddress::Kind::sentinel;
    if (demoted && is_error(*reply, "READONLY")) {
      return lose(fmt::format("{}: it is not the master any more", name_));
    }
    const Command command = std::move(sent_.front());
    sent_.pop_front();
    finish(command, std::move(reply), "");
  }
}

/// Closes the connection; what may be sent again waits for the next one. `why`: "" as hiredis says.
void RedisPipeline::lose(const std::string& why) {
  const std::string error = why.empty() ? fmt::format("{}: the connection was lost: {}", name_,
                                                      connection_.context->errstr)
                                        : why;
  connection_ = {};
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
