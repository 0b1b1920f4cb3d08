// The only translation unit that includes Beast: it takes half a minute to compile.
#include "serve/server.h"

#include <atomic>
#include <csignal>
#include <thread>
#include <unordered_set>

#include "base/error.h"
#include "base/parallel.h"
#include "serve/budget.h"
#include "serve/certificate.h"
#include "serve/framing.h"
#include "serve/http_message.h"
#include "serve/service.h"
#include "serve/work.h"

// NOLINTBEGIN(bugprone-unused-return-value): Asio also returns the error that it puts into its
// argument.
namespace tessera {
namespace {

using PlainStream = beast::tcp_stream;
using TlsStream = beast::ssl_stream<beast::tcp_stream>;
using Clock = std::chrono::steady_clock;
using Milliseconds = ServerOptions::Milliseconds;

constexpr std::size_t kReadAhead = 4096;
constexpr std::size_t kLongestLinger = std::size_t{4} << 20;
constexpr Milliseconds kLinger{1000};
constexpr Milliseconds kWithoutDescriptors{100};
constexpr Milliseconds kLook{20};     // for what changes without a sign
constexpr Milliseconds kGrace{1500};  // for work under way when the time for requests is over
constexpr std::size_t kAdminLine = 8;

asio::redirect_error_t<asio::use_awaitable_t<>> into(error_code& error) {
  return asio::redirect_error(asio::use_awaitable, error);
}

Scratch& scratch_of_this_thread() {
  thread_local Scratch scratch;
  return scratch;
}

void close(PlainStream& stream) {
  error_code ignored;
  stream.socket().shutdown(tcp::socket::shutdown_both, ignored);
  stream.close();
}

Response overloaded(int status, const char* message) {
  Response response = error_response(status, "overloaded", message);
  response.retry_after = 1;
  return response;
}

/// Nothing, or the answer where the connection may not hold so many bytes. Little is always held:
/// there are only so many connections.
std::optional<Response> hold(Budget::Share& share, std::size_t bytes) {
  switch (share.hold(bytes > kReadAhead ? bytes : 0)) {
    case Budget::Verdict::client_has_too_much:
      return overloaded(429, "too much of this client's is under way; try again");
    case Budget::Verdict::all_is_taken:
      return overloaded(503, "too much is under way; try again");
    default:
      return std::nullopt;
  }
}

}  // namespace

struct Server::State {
  /// A connection of one thread. `waiting`: it may be closed without loss.
  struct Connection {
    PlainStream* stream = nullptr;
    bool waiting = true;
  };

  struct Thread {
    std::unordered_set<Connection*> connections;  // outlives the coroutines in the context
    bool draining = false;
    asio::io_context context{1};
    tcp::acceptor acceptor{context};
  };

  /// A connection is counted from here to the end of its coroutine, however that ends.
  class Counted {
   public:
    Counted(State& state, Thread& thread, PlainStream& stream) : state_(state), thread_(thread) {
      connection.stream = &stream;
      thread_.connections.insert(&connection);
      ++state_.connections;
      state_.service.metrics().count_connections(1);
    }
    ~Counted() {
      thread_.connections.erase(&connection);
      --state_.connections;
      state_.service.metrics().count_connections(-1);
    }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    Connection connection;

   private:
    State& state_;
    Thread& thread_;
  };

  State(ServerOptions server_options, Service& of, const Log& log)
      : options(std::move(server_options)), service(of), access_log(log) {}

  void bind();
  void load_certificate();
  std::shared_ptr<asio::ssl::context> tls_in_use() const;
  void drain(Thread& thread);
  asio::awaitable<void> end();
  asio::awaitable<void> await_signals();
  void reread();
  WorkPool* pool_of(Work work);
  void log_request(const std::string& client, const Plan& plan, const Response& response,
                   double seconds) const;

  asio::awaitable<void> accept(Thread& thread);
  asio::awaitable<void> serve_plain(Thread& thread, tcp::socket socket);
  asio::awaitable<void> serve_tls(Thread& thread, tcp::socket socket);
  template <class Stream>
  asio::awaitable<void> serve(Thread& thread, Stream& stream, Connection& connection);
  template <class Stream>
  asio::awaitable<std::optional<Response>> read_header(Stream& stream, beast::flat_buffer& buffer,
                                                       Parser& parser, Budget::Share& share,
                                                       error_code& error);
  template <class Stream>
  asio::awaitable<std::optional<Response>> read_body(Stream& stream, beast::flat_buffer& buffer,
                                                     Parser& parser, Budget::Share& share,
                                                     error_code& error);
  template <class Stream>
  asio::awaitable<void> refuse(Stream& stream, beast::flat_buffer& buffer, const Ends& ends,
                               const Plan& plan, const Response& response);
  asio::awaitable<bool> await_model(Thread& thread, Clock::time_point deadline);
  asio::awaitable<Response> respond(Thread& thread, const Plan& plan, const Request& request);
  asio::awaitable<Response> respond_by(WorkPool& pool, Thread& thread, const Plan& plan,
                                       const Request& request, Clock::time_point deadline);
  template <class Stream>
  asio::awaitable<bool> answer(Thread& thread, Stream& stream, const HttpRequest& message,
                               const Plan& plan, const Ends& ends, Budget::Share& share);
  template <class Stream>
  asio::awaitable<void> write(Stream& stream, HttpResponse message, bool head_only,
                              error_code& error);
  template <class Stream>
  asio::awaitable<void> linger(Stream& stream, beast::flat_buffer& buffer);

  ServerOptions options;
  Service& service;
  const Log& access_log;
  mutable std::mutex tls_mutex;  // guards tls, which SIGHUP replaces
  std::shared_ptr<asio::ssl::context> tls;
  Budget budget{options.max_bytes};
  asio::io_context control{1};  // signals and the end
  asio::signal_set signals{control};
  std::atomic<bool> ending = false;
  std::atomic<std::size_t> connections = 0, awaiting_model = 0;
  std::uint16_t port = 0;
  std::vector<std::unique_ptr<Thread>> threads;  // their coroutines use all of the above
  // Their jobs use the threads' contexts.
  WorkPool compute{options.compute_threads, options.max_line, true};
  WorkPool store{options.store_threads, options.max_line, false};
  WorkPool admin{1, kAdminLine, true};
};

void Server::State::load_certificate() {
  if (options.certificate.empty() != options.key.empty()) {
    fail_usage("TLS needs both a certificate and a key");
  }
  if (options.certificate.empty()) return;
  check_certificate(options.certificate, options.key);
  auto fresh = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  fresh->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                     asio::ssl::context::no_tlsv1_1);
  error_code error;
  fresh->use_certificate_chain_file(options.certificate.string(), error);
  if (error) {
    fail("{}: cannot use the certificate: {}", options.certificate.string(), error.message());
  }
  fresh->use_private_key_file(options.key.string(), asio::ssl::context::pem, error);
  if (error) fail("{}: cannot use the key: {}", options.key.string(), error.message());
  const std::lock_guard lock(tls_mutex);
  tls = std::move(fresh);
}

std::shared_ptr<asio::ssl::context> Server::State::tls_in_use() const {
  const std::lock_guard lock(tls_mutex);
  return tls;
}

void Server::State::bind() {
  error_code error;
  const auto address = asio::ip::make_address(options.address, error);
  if (error) fail_usage("'{}' is not an IP address", options.address);
  tcp::endpoint endpoint(address, options.port);
  const auto check = [&](const char* step) {
    if (!error) return;
    fail("cannot {} {}:{}: {}", step, options.address, endpoint.port(), error.message());
  };
  const auto open = [&](tcp::acceptor& acceptor) {
    acceptor.open(endpoint.protocol(), error);
    check("open a socket for");
    acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  };
  // Sharing the port among the threads would share it with another server, too: see first that
  // there is none.
  {
    tcp::acceptor probe(control);
    open(probe);
    probe.bind(endpoint, error);
    check("bind to");
    endpoint.port(probe.local_endpoint().port());
  }
  for (std::size_t i = 0; i < options.threads; ++i) {
    threads.push_back(std::make_unique<Thread>());
    tcp::acceptor& acceptor = threads.back()->acceptor;
    open(acceptor);
    using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;
    acceptor.set_option(ReusePort(true), error);
    check("share");
    acceptor.bind(endpoint, error);
    check("bind to");
    acceptor.listen(asio::socket_base::max_listen_connections, error);
    check("listen on");
  }
  port = endpoint.port();
}

asio::awaitable<void> Server::State::accept(Thread& thread) {
  for (;;) {
    error_code error;
    tcp::socket socket = co_await thread.acceptor.async_accept(into(error));
    if (!thread.acceptor.is_open()) co_return;
    if (error) {
      // Mostly because there are no descriptors left: some may be free soon.
      asio::steady_timer timer(thread.context, kWithoutDescriptors);
      co_await timer.async_wait(into(error));
      continue;
    }
    if (connections >= options.max_connections) {
      service.metrics().count_refused_connection();
      continue;  // closes it
    }
    socket.set_option(tcp::no_delay(true), error);
    asio::co_spawn(thread.context,
                   tls_in_use() ? serve_tls(thread, std::move(socket))
                                : serve_plain(thread, std::move(socket)),
                   asio::detached);
  }
}

asio::awaitable<void> Server::State::serve_plain(Thread& thread, tcp::socket socket) {
  PlainStream stream(std::move(socket));
  Counted counted(*this, thread, stream);
  co_await serve(thread, stream, counted.connection);
  close(stream);
}

asio::awaitable<void> Server::State::serve_tls(Thread& thread, tcp::socket socket) {
  const std::shared_ptr<asio::ssl::context> context = tls_in_use();
  TlsStream stream(std::move(socket), *context);
  PlainStream& lowest = beast::get_lowest_layer(stream);
  Counted counted(*this, thread, lowest);
  error_code error;
  lowest.expires_after(options.handshake_timeout);
  co_await stream.async_handshake(asio::ssl::stream_base::server, into(error));
  if (!error) {
    co_await serve(thread, stream, counted.connection);
    lowest.expires_after(kLinger);
    co_await stream.async_shutdown(into(error));
  }
  close(lowest);
}

template <class Stream>
asio::awaitable<void> Server::State::serve(Thread& thread, Stream& stream, Connection& connection) {
  PlainStream& lowest = beast::get_lowest_layer(stream);
  const Ends ends = ends_of(lowest.socket());
  beast::flat_buffer buffer(options.max_header + options.max_body);
  Budget::Share share(budget, ends.client);
  for (bool first = true;; first = false) {
    error_code error;
    if (buffer.size() == 0) {
      if (thread.draining && !first) co_return;
      lowest.expires_after(options.idle_timeout);
      connection.waiting = true;
      const std::size_t read =
          co_await stream.async_read_some(buffer.prepare(kReadAhead), into(error));
      connection.waiting = false;
      if (error) co_return;
      buffer.commit(read);
    }
    Parser parser;
    Plan plan;
    std::optional<Response> refusal = co_await read_header(stream, buffer, parser, share, error);
    if (!error && !refusal) {
      // Who may not ask is told so before anything is kept for him.
      plan = service.plan(request_of(parser.get(), ends));
      if (!parser.is_done()) {
        refusal = plan.answer;
        if (!refusal) refusal = co_await read_body(stream, buffer, parser, share, error);
      }
    }
    if (refusal) co_await refuse(stream, buffer, ends, plan, *refusal);
    if (error || refusal) co_return;
    if (!co_await answer(thread, stream, parser.get(), plan, ends, share)) co_return;
    buffer.shrink_to_fit();
    if (hold(share, buffer.capacity())) co_return;
  }
}

/// Reads a header into the parser; the answer where it cannot be read, or an error that ends the
/// connection without one.
template <class Stream>
asio::awaitable<std::optional<Response>> Server::State::read_header(Stream& stream,
                                                                    beast::flat_buffer& buffer,
                                                                    Parser& parser,
                                                                    Budget::Share& share,
                                                                    error_code& error) {
  beast::get_lowest_layer(stream).expires_after(options.header_timeout);
  std::size_t size = 0;
  while ((size = header_size(view(buffer))) == 0 && buffer.size() <= options.max_header) {
    if (auto refusal = hold(share, buffer.size() + kReadAhead)) co_return refusal;
    buffer.commit(co_await stream.async_read_some(buffer.prepare(kReadAhead), into(error)));
    if (error) co_return std::nullopt;
  }
  if (size == 0 || size > options.max_header) co_return answer_to(http::error::header_limit);
  if (const auto fault = check_framing(view(buffer).substr(0, size))) {
    co_return error_response(400, "malformed_request", fault->message);
  }
  parser.header_limit(options.max_header);
  parser.body_limit(options.max_body);
  co_await http::async_read_header(stream, buffer, parser, into(error));
  if (!error) co_return std::nullopt;
  std::optional<Response> refusal = answer_to(error);
  if (refusal) error = {};
  co_return refusal;
}

template <class Stream>
asio::awaitable<std::optional<Response>> Server::State::read_body(Stream& stream,
                                                                  beast::flat_buffer& buffer,
                                                                  Parser& parser,
                                                                  Budget::Share& share,
                                                                  error_code& error) {
  const std::size_t length = parser.content_length().value_or(options.max_body);
  if (auto refusal = hold(share, buffer.capacity() + length)) co_return refusal;
  beast::get_lowest_layer(stream).expires_after(options.body_timeout);
  if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    http::response<http::empty_body> go_on(http::status::continue_, parser.get().version());
    co_await http::async_write(stream, go_on, into(error));
    if (error) co_return std::nullopt;
  }
  const std::size_t fields = field_count(parser);
  // Beast takes a line end between quotes for a part of the extension; others may not.
  auto check_extension = [](std::uint64_t, beast::string_view extension, error_code& wrong) {
    if (!is_one_line(view(extension))) wrong = http::error::bad_chunk_extension;
  };
  parser.on_chunk_header(check_extension);
  co_await http::async_read(stream, buffer, parser, into(error));
  if (error) {
    std::optional<Response> refusal = answer_to(error);
    if (refusal) error = {};
    co_return refusal;
  }
  if (field_count(parser) != fields) {
    co_return error_response(400, "malformed_request", "fields after a chunked body are not read");
  }
  co_return std::nullopt;
}

/// The last answer on a connection whose rest is not read as a request.
template <class Stream>
asio::awaitable<void> Server::State::refuse(Stream& stream, beast::flat_buffer& buffer,
                                            const Ends& ends, const Plan& plan,
                                            const Response& response) {
  service.metrics().count_request(plan.method(), plan.route(), response.status, 0.0);
  log_request(ends.client, plan, response, 0.0);
  error_code error;
  co_await write(stream, message_of(response, 11, false), false, error);
  if (!error) co_await linger(stream, buffer);
}

/// Waits for the first model; false if it takes too long, or too many wait already.
asio::awaitable<bool> Server::State::await_model(Thread& thread, Clock::time_point deadline) {
  if (awaiting_model >= options.max_line) co_return false;
  ++awaiting_model;
  asio::steady_timer timer(thread.context);
  error_code error;
  while (service.phase() == Phase::starting && Clock::now() < deadline) {
    timer.expires_after(kLook);
    co_await timer.async_wait(into(error));
  }
  --awaiting_model;
  co_return service.phase() != Phase::starting;
}

WorkPool* Server::State::pool_of(Work work) {
  switch (work) {
    case Work::compute:
      return &compute;
    case Work::store:
      return &store;
    case Work::admin:
      return &admin;
    default:
      return nullptr;
  }
}

asio::awaitable<Response> Server::State::respond(Thread& thread, const Plan& plan,
                                                 const Request& request) {
  const Clock::time_point deadline = Clock::now() + options.work_timeout;
  if (plan.needs_model() && service.phase() == Phase::starting) {
    co_await await_model(thread, deadline);  // if it did not come the service says so
  }
  WorkPool* pool = pool_of(service.work_of(plan, request, scratch_of_this_thread()));
  if (pool == nullptr) co_return service.respond(plan, request, scratch_of_this_thread());
  co_return co_await respond_by(*pool, thread, plan, request, deadline);
}

/// The answer by one of the pool's threads, or a refusal if none came to it before the deadline.
asio::awaitable<Response> Server::State::respond_by(WorkPool& pool, Thread& thread,
                                                    const Plan& plan, const Request& request,
                                                    Clock::time_point deadline) {
  /// Either the thread takes it or the connection gives it up, whichever comes first.
  struct Ticket {
    explicit Ticket(asio::io_context& context) : timer(context) {}
    std::atomic<bool> taken = false;
    bool done = false;  // of the connection's thread
    Response response;
    asio::steady_timer timer;
  };
  const auto ticket = std::make_shared<Ticket>(thread.context);
  const bool in_line = pool.submit([this, ticket, &thread, &plan, &request] {
    if (ticket->taken.exchange(true)) return;
    ticket->response = service.respond(plan, request, scratch_of_this_thread());
    asio::post(thread.context, [ticket] {
      ticket->done = true;
      ticket->timer.cancel();
    });
  });
  if (!in_line) co_return overloaded(503, "too many requests wait for this; try again");
  ticket->timer.expires_at(deadline);
  error_code error;
  co_await ticket->timer.async_wait(into(error));
  if (!ticket->done && !ticket->taken.exchange(true)) {
    co_return overloaded(503, "nobody came to this in time; try again");
  }
  while (!ticket->done) {  // it is being answered
    ticket->timer.expires_at(Clock::time_point::max());
    co_await ticket->timer.async_wait(into(error));
  }
  co_return std::move(ticket->response);
}

template <class Stream>
asio::awaitable<bool> Server::State::answer(Thread& thread, Stream& stream,
                                            const HttpRequest& message, const Plan& plan,
                                            const Ends& ends, Budget::Share& share) {
  const auto begin = Clock::now();
  Response response = co_await respond(thread, plan, request_of(message, ends));
  if (auto refusal = hold(share, message.body().size() + response.body.size())) {
    response = std::move(*refusal);
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  service.metrics().count_request(plan.method(), plan.route(), response.status, seconds);
  log_request(ends.client, plan, response, seconds);
  const bool keep_alive = message.keep_alive() && !thread.draining;
  error_code error;
  co_await write(stream, message_of(std::move(response), message.version(), keep_alive),
                 message.method() == http::verb::head, error);
  co_return !error && keep_alive;
}

template <class Stream>
asio::awaitable<void> Server::State::write(Stream& stream, HttpResponse message, bool head_only,
                                           error_code& error) {
  beast::get_lowest_layer(stream).expires_after(options.write_timeout);
  if (head_only) {
    http::response_serializer<http::string_body> serializer(message);
    co_await http::async_write_header(stream, serializer, into(error));
  } else {
    co_await http::async_write(stream, message, into(error));
  }
}

/// Reads what the client is still sending: a connection closed before that is reset, and the client
/// may lose the answer.
template <class Stream>
asio::awaitable<void> Server::State::linger(Stream& stream, beast::flat_buffer& buffer) {
  PlainStream& lowest = beast::get_lowest_layer(stream);
  error_code error;
  lowest.socket().shutdown(tcp::socket::shutdown_send, error);
  lowest.expires_after(kLinger);
  for (std::size_t total = 0; total < kLongestLinger;) {
    buffer.clear();
    total += co_await stream.async_read_some(buffer.prepare(kReadAhead), into(error));
    if (error) co_return;
  }
}

void Server::State::log_request(const std::string& client, const Plan& plan,
                                const Response& response, double seconds) const {
  if (access_log.discards()) return;
  // Routes, not addresses: those hold the names of users, who may ask to be forgotten.
  access_log.write_line(fmt::format(
      R"({{"time":"{}","client":"{}","method":"{}","route":"{}","status":{},"bytes":{},"ms":{:.3f}}})",
      utc_now(), client, plan.method(), plan.route(), response.status, response.body.size(),
      seconds * 1e3));
}

void Server::State::drain(Thread& thread) {
  thread.draining = true;
  for (Connection* connection : thread.connections) {
    if (connection->waiting) connection->stream->cancel();
  }
}

/// From the wish to end to the end of the last connection, or of the time for that.
asio::awaitable<void> Server::State::end() {
  const Clock::time_point deadline = Clock::now() + options.drain_timeout;
  const Clock::time_point announced = Clock::now() + service.announcement();
  service.drain();
  for (auto& thread : threads) {
    asio::post(thread->context, [this, &thread = *thread] { drain(thread); });
  }
  error_code error;
  asio::steady_timer timer(control);
  while (Clock::now() < announced && service.announcement().count() > 0) {
    timer.expires_after(kLook);
    co_await timer.async_wait(into(error));
  }
  for (auto& thread : threads) {
    asio::post(thread->context, [this, &thread = *thread] {
      error_code ignored;
      thread.acceptor.close(ignored);
      drain(thread);
    });
  }
  timer.expires_at(deadline);
  co_await timer.async_wait(into(error));
  for (auto& thread : threads) thread->context.stop();
}

asio::awaitable<void> Server::State::await_signals() {
  for (;;) {
    error_code error;
    const int signal = co_await signals.async_wait(into(error));
    if (error) co_return;
    if (signal == SIGHUP) {
      reread();
      continue;
    }
    if (!ending.exchange(true)) asio::co_spawn(control, end(), asio::detached);
    signals.remove(SIGTERM);  // a second one ends the process
    signals.remove(SIGINT);
  }
}

void Server::State::reread() {
  access_log.reopen();
  try {
    load_certificate();
  } catch (const Error& error) {
    service.log().event("certificate_not_reread", error.what());
  }
  service.reread_tokens();
  service.start_reload(true);
}

Server::Server(ServerOptions options, Service& service, const Log& access_log)
    : state_(new State(std::move(options), service, access_log)) {
  state_->load_certificate();
  state_->bind();
  service.metrics().watch(access_log);
}

Server::~Server() = default;

std::uint16_t Server::port() const { return state_->port; }

void Server::stop() {
  if (state_->ending.exchange(true)) return;
  asio::post(state_->control, [state = state_.get()] {
    asio::co_spawn(state->control, state->end(), asio::detached);
  });
}

void Server::reread() { state_->reread(); }

bool Server::run(bool on_signals) {
  State& state = *state_;
  if (on_signals) {
    sigset_t held;  // whatever came since the process started
    sigemptyset(&held);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
      state.signals.add(signal);
      sigaddset(&held, signal);
    }
    asio::co_spawn(state.control, state.await_signals(), asio::detached);
    ::pthread_sigmask(SIG_UNBLOCK, &held, nullptr);
  }
  auto control_work = asio::make_work_guard(state.control);
  std::vector<std::thread> serving;
  for (auto& thread : state.threads) {
    asio::co_spawn(thread->context, state.accept(*thread), asio::detached);
    serving.emplace_back([&context = thread->context] {
      work_alone();
      context.run();
    });
  }
  std::thread controlling([&] { state.control.run(); });
  for (std::thread& thread : serving) thread.join();  // each ends when it has nothing left to do
  asio::post(state.control, [&] { state.control.stop(); });
  controlling.join();
  const Clock::time_point end = Clock::now() + kGrace;
  bool ended = state.service.idle_by(end);
  for (WorkPool* pool : {&state.compute, &state.store, &state.admin}) {
    pool->stop();
    ended = pool->idle_by(end) && ended;
  }
  return ended;
}

}  // namespace tessera
// NOLINTEND(bugprone-unused-return-value)
