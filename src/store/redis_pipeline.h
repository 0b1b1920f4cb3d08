#pragma once
#include <chrono>
#include <coroutine>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "store/redis_address.h"
#include "store/redis_connection.h"

namespace tessera {

/// Whether a command may be sent again if the connection broke before its answer came.
enum class Repeat { kSafe, kUnsafe };

/// One connection to a server, or to the master that Sentinels name, on which commands follow each
/// other without waiting for answers, and the thread that sends and receives: however far the
/// server is, nobody else waits with a thread. May be used by several threads at once.
class RedisPipeline {
 public:
  /// `timeout`: to connect, and from a command to its answer.
  RedisPipeline(RedisAddress address, std::chrono::milliseconds timeout);
  ~RedisPipeline() { close(); }
  RedisPipeline(const RedisPipeline&) = delete;
  RedisPipeline& operator=(const RedisPipeline&) = delete;

  /// A command's answer, to be awaited by a Task, which goes on in the connection's thread and must
  /// not keep it. It is never null but perhaps of type REDIS_REPLY_ERROR. Throws Error if the
  /// server is not reached or does not answer in time, or if too many commands wait already.
  class Answer {
   public:
    bool await_ready() const { return false; }
    bool await_suspend(std::coroutine_handle<> task);
    RedisReply await_resume();

   private:
    friend class RedisPipeline;
    Answer(RedisPipeline& pipeline, std::string bytes, Repeat repeat, bool asking)
        : pipeline_(pipeline), bytes_(std::move(bytes)), repeat_(repeat), asking_(asking) {}

    RedisPipeline& pipeline_;
    std::string bytes_;
    Repeat repeat_;
    bool asking_;
    RedisReply reply_;
    std::string error_;
  };
  Answer ask(const RedisWords& command, Repeat repeat);
  /// The same with the word ASKING before it, for what a node of a cluster is taking over.
  Answer ask_new_owner(const RedisWords& command, Repeat repeat);
  /// Whoever still waits gets an error, and so does whoever asks from here on.
  void close();

  /// The server's name for messages.
  const std::string& name() const { return name_; }
  const RedisAddress& address() const { return address_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Command {
    std::string bytes;
    Repeat repeat;
    Clock::time_point deadline;
    Answer* answer;  // lives until the task goes on
    std::coroutine_handle<> task;
    bool asking = false;       // ASKING goes before it
    bool answer_next = false;  // the answer to ASKING came, or there is none
    bool lost = false;         // once, with a connection
  };

  void wake() const;
  // In its thread:
  void run();
  bool take_asked();
  void give_up_late();
  void connect_for_unsent();
  void send_unsent();
  void await_traffic();
  void receive();
  void lose(const std::string& why);
  void finish(const Command& command, RedisReply reply, std::string error);
  void finish_all(std::deque<Command>& commands, const std::string& error);
  std::string late() const;

  const RedisAddress address_;
  const std::string name_;
  const std::chrono::milliseconds timeout_;
  int wake_ = -1;  // an eventfd

  std::mutex mutex_;  // guards what follows
  std::deque<Command> asked_;
  std::size_t under_way_ = 0;
  bool ending_ = false;

  // Of its thread:
  RedisConnection connection_;
  bool flushed_ = true;                // nothing is left to write
  std::deque<Command> unsent_, sent_;  // each in the order of deadlines
  std::thread thread_;                 // last: it uses all of the above
};

}  // namespace tessera
