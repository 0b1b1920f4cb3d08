#pragma once
#include <atomic>
#include <chrono>

#include "serve/asio.h"
#include "serve/server_options.h"
#include "serve/service.h"
#include "serve/work.h"

namespace tessera {

/// An answer's threads: what is quick is done where the connection is served, and each other kind
/// of work by threads of its own, with a bounded line before them. May be used by several threads
/// at once.
class Answering {
 public:
  Answering(const ServerOptions& options, Service& service);

  /// The answer, or a refusal if too many wait or nobody came to it in time. For coroutines of
  /// `context`, which keep plan and request until then.
  asio::awaitable<Response> answer(asio::io_context& context, const Plan& plan,
                                   const Request& request);
  /// Takes no more, and forgets what is in line. Whether none goes on, at the latest by then.
  bool stop(std::chrono::steady_clock::time_point end);

 private:
  using Clock = std::chrono::steady_clock;
  /// A kind of work's threads, and how what waited for the store gets to them.
  struct Line {
    Line(std::size_t threads, std::size_t longest, bool yields) : pool(threads, longest, yields) {}
    WorkPool pool;
    const Resume resume = [this](std::coroutine_handle<> task) {
      pool.go_on([task] { task.resume(); });
    };
  };

  Line* line_of(Work work);
  asio::awaitable<bool> await_model(asio::io_context& context, Clock::time_point deadline);
  asio::awaitable<Response> answer_in(Line& line, asio::io_context& context, const Plan& plan,
                                      const Request& request, Clock::time_point deadline);

  const ServerOptions& options_;
  Service& service_;
  std::atomic<std::size_t> awaiting_model_ = 0;
  Line compute_, store_, change_, admin_;
};

/// 429 or 503 with Retry-After.
Response overloaded(int status, const char* message);

}  // namespace tessera
