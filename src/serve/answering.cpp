#include "serve/answering.h"

#include <memory>

// NOLINTBEGIN(bugprone-unused-return-value): Asio also returns the error that it puts into its
// argument.
namespace tessera {
namespace {

constexpr std::chrono::milliseconds kLook{20};  // for what changes without a sign
constexpr std::size_t kAdminLine = 8;

Scratch& scratch_of_this_thread() {
  thread_local Scratch scratch;
  return scratch;
}

/// A request that another thread answers: that takes it or the connection gives it up, whichever
/// comes first.
struct Ticket {
  Ticket(asio::io_context& connection, asio::steady_timer& wait, WorkPool& pool_of_work)
      : context(connection), timer(wait), pool(pool_of_work) {}

  /// The answer is there: tells the connection, which waits for it.
  static void done(const std::shared_ptr<Ticket>& ticket, Response answer) {
    ticket->response = std::move(answer);
    asio::post(ticket->context, [ticket] {
      ticket->answered = true;
      ticket->timer.cancel();
    });
    ticket->hold.reset();
  }

  asio::io_context& context;
  asio::steady_timer& timer;  // of the connection's coroutine and thread
  WorkPool& pool;
  std::atomic<bool> taken = false;
  std::optional<WorkPool::Hold> hold;
  Scratch scratch;
  Response response;
  bool answered = false;  // of the connection's thread
};

}  // namespace

Response overloaded(int status, const char* message) {
  Response response = error_response(status, "overloaded", message);
  response.retry_after = 1;
  return response;
}

Answering::Answering(const ServerOptions& options, Service& service)
    : options_(options),
      service_(service),
      compute_(options.compute_threads, options.max_line, true),
      store_(options.store_threads, options.max_line, false),
      change_(1, options.max_line, false),
      admin_(1, kAdminLine, true) {}

bool Answering::stop(Clock::time_point end) {
  bool ended = true;
  for (Line* line : {&compute_, &store_, &change_, &admin_}) {
    line->pool.stop();
    ended = line->pool.idle_by(end) && ended;
  }
  return ended;
}

Answering::Line* Answering::line_of(Work work) {
  switch (work) {
    case Work::compute:
      return &compute_;
    case Work::store:
      return &store_;
    case Work::change:
      return &change_;
    case Work::admin:
      return &admin_;
    default:
      return nullptr;
  }
}

/// Waits for the first model; false if it takes too long, or too many wait already.
asio::awaitable<bool> Answering::await_model(asio::io_context& context,
                                             Clock::time_point deadline) {
  if (awaiting_model_ >= options_.max_line) co_return false;
  ++awaiting_model_;
  asio::steady_timer timer(context);
  error_code error;
  while (service_.phase() == Phase::starting && Clock::now() < deadline) {
    timer.expires_after(kLook);
    co_await timer.async_wait(into(error));
  }
  --awaiting_model_;
  co_return service_.phase() != Phase::starting;
}

asio::awaitable<Response> Answering::answer(asio::io_context& context, const Plan& plan,
                                            const Request& request) {
  const Clock::time_point deadline = Clock::now() + options_.work_timeout;
  if (plan.needs_model() && service_.phase() == Phase::starting) {
    co_await await_model(context, deadline);  // if it did not come the service says so
  }
  Line* line = line_of(service_.work_of(plan, request, scratch_of_this_thread()));
  if (line == nullptr) co_return service_.answer(plan, request, scratch_of_this_thread());
  co_return co_await answer_in(*line, context, plan, request, deadline);
}

/// The answer by one of the line's threads, or a refusal if none came to it before the deadline.
asio::awaitable<Response> Answering::answer_in(Line& line, asio::io_context& context,
                                               const Plan& plan, const Request& request,
                                               Clock::time_point deadline) {
  asio::steady_timer timer(context, deadline);
  const auto ticket = std::make_shared<Ticket>(context, timer, line.pool);
  const bool in_line = line.pool.submit([this, ticket, &line, &plan, &request] {
    if (ticket->taken.exchange(true)) return;
    ticket->hold.emplace(line.pool);
    start(service_.respond(plan, request, ticket->scratch, line.resume),
          [ticket](Response response) { Ticket::done(ticket, std::move(response)); });
  });
  if (!in_line) co_return overloaded(503, "too many requests wait for this; try again");
  error_code error;
  co_await timer.async_wait(into(error));
  if (!ticket->answered && !ticket->taken.exchange(true)) {
    co_return overloaded(503, "nobody came to this in time; try again");
  }
  while (!ticket->answered) {  // it is being answered
    timer.expires_at(Clock::time_point::max());
    co_await timer.async_wait(into(error));
  }
  co_return std::move(ticket->response);
}

}  // namespace tessera
// NOLINTEND(bugprone-unused-return-value)
