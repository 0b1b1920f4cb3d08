// The only translation unit that includes Beast: it takes half a minute to compile.
#include "serve/server.h"

#ifdef __clang__  // Asio 1.74 does not know that clang has coroutines by now
#define BOOST_ASIO_HAS_CO_AWAIT 1
#define BOOST_ASIO_HAS_STD_COROUTINE 1
#endif

#include <utility>  // before Asio, which forgets it

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <thread>
#include <unordered_set>

#include "base/error.h"
#include "base/parallel.h"
#include "serve/framing.h"
#include "serve/service.h"

// NOLINTBEGIN(bugprone-unused-return-value): Asio also returns the error that it puts into its
// argument.
namespace tessera {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using PlainStream = beast::tcp_stream;
using TlsStream = beast::ssl_stream<beast::tcp_stream>;
using Clock = std::chrono::steady_clock;
using Milliseconds = ServerOptions::Milliseconds;

constexpr std::size_t kReadAhead = 4096;
constexpr std::size_t kLongestLinger = std::size_t{4} << 20;
constexpr Milliseconds kLinger{1000};
constexpr Milliseconds kWithoutDescriptors{100};

asio::redirect_error_t<asio::use_awaitable_t<>> into(error_code& error) {
  return asio::redirect_error(asio::use_awaitable, error);
}

Scratch& scratch_of_this_thread() {
  thread_local Scratch scratch;
  return scratch;
}

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

std::string_view view(const beast::flat_buffer& buffer) {
  return {static_cast<const char*>(buffer.data().data()), buffer.size()};
}

using Parser = http::request_parser<http::string_body>;

std::size_t field_count(const Parser& parser) {
  return static_cast<std::size_t>(std::distance(parser.get().begin(), parser.get().end()));
}

/// Who is at the two ends of a connection, as addresses.
struct Ends {
  std::string client, own;
};

std::string name_of(const tcp::endpoint& endpoint) {
  const asio::ip::address address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  }
  return address.to_string();
}

Ends ends_of(const tcp::socket& socket) {
  error_code error;
  Ends ends;
  const tcp::endpoint client = socket.remote_endpoint(error);
  if (!error) ends.client = name_of(client);
  const tcp::endpoint own = socket.local_endpoint(error);
  if (!error) ends.own = name_of(own);
  return ends;
}

Request request_of(const http::request<http::string_body>& message, const Ends& ends) {
  return {.method = view(message.method_string()),
          .target = view(message.target()),
          .body = message.body(),
          .authorization = view(message[http::field::authorization]),
          .idempotency_key = view(message["Idempotency-Key"]),
          .host = view(message[http::field::host]),
          .origin = view(message[http::field::origin]),
          .own_address = ends.own};
}

void close(PlainStream& stream) {
  error_code ignored;
  stream.socket().shutdown(tcp::socket::shutdown_both, ignored);
  stream.close();
}

/// The answer to a request that cannot be read; nothing for a connection that just ended.
std::optional<Response> answer_to(const error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return error_response(431, "header_too_large", "the header is too large");
  }
  if (error == http::error::body_limit) {
    return error_response(413, "body_too_large", "the body is too large");
  }
  if (error == http::error::end_of_stream || error == http::error::partial_message) {
    return std::nullopt;
  }
  if (error.category() == make_error_code(http::error::bad_method).category()) {
    return error_response(400, "malformed_request", "this is not HTTP/1.1");
  }
  return std::nullopt;
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
  void stop();
  void drain(Thread& thread);
  void log_request(const std::string& client, const Plan& plan, const Response& response,
                   double seconds) const;

  asio::awaitable<void> accept(Thread& thread);
  asio::awaitable<void> serve_plain(Thread& thread, tcp::socket socket);
  asio::awaitable<void> serve_tls(Thread& thread, tcp::socket socket);
  template <class Stream>
  asio::awaitable<void> serve(Thread& thread, Stream& stream, Connection& connection);
  template <class Stream>
  asio::awaitable<std::optional<Response>> read_header(Stream& stream, beast::flat_buffer& buffer,
                                                       Parser& parser, error_code& error);
  template <class Stream>
  asio::awaitable<std::optional<Response>> read_body(Stream& stream, beast::flat_buffer& buffer,
                                                     Parser& parser, error_code& error);
  template <class Stream>
  asio::awaitable<void> refuse(Stream& stream, beast::flat_buffer& buffer, const Ends& ends,
                               const Plan& plan, const Response& response);
  template <class Stream>
  asio::awaitable<bool> answer(Thread& thread, Stream& stream,
                               const http::request<http::string_body>& message, const Plan& plan,
                               const Ends& ends);
  template <class Stream>
  asio::awaitable<void> write(Stream& stream, Response response, unsigned version, bool head_only,
                              bool keep_alive, error_code& error);
  template <class Stream>
  asio::awaitable<void> linger(Stream& stream, beast::flat_buffer& buffer);

  ServerOptions options;
  Service& service;
  const Log& access_log;
  std::optional<asio::ssl::context> tls;
  asio::io_context slow_context;  // for what may take long
  asio::io_context control{1};    // signals and the deadline of draining
  std::atomic<std::size_t> connections = 0;
  std::uint16_t port = 0;
  std::vector<std::unique_ptr<Thread>> threads;  // their coroutines use all of the above
};

void Server::State::load_certificate() {
  if (options.certificate.empty() != options.key.empty()) {
    fail_usage("TLS needs both a certificate and a key");
  }
  if (options.certificate.empty()) return;
  tls.emplace(asio::ssl::context::tls_server);
  tls->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                   asio::ssl::context::no_tlsv1_1);
  error_code error;
  tls->use_certificate_chain_file(options.certificate.string(), error);
  if (error) {
    fail("{}: cannot use the certificate: {}", options.certificate.string(), error.message());
  }
  tls->use_private_key_file(options.key.string(), asio::ssl::context::pem, error);
  if (error) fail("{}: cannot use the key: {}", options.key.string(), error.message());
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
    asio::co_spawn(
        thread.context,
        tls ? serve_tls(thread, std::move(socket)) : serve_plain(thread, std::move(socket)),
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
  TlsStream stream(std::move(socket), *tls);
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
  for (;;) {
    error_code error;
    if (buffer.size() == 0) {
      if (thread.draining) co_return;
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
    std::optional<Response> refusal = co_await read_header(stream, buffer, parser, error);
    if (!error && !refusal) {
      // Who may not ask is told so before anything is kept for him.
      plan = service.plan(request_of(parser.get(), ends));
      if (!parser.is_done()) {
        refusal = plan.answer;
        if (!refusal) refusal = co_await read_body(stream, buffer, parser, error);
      }
    }
    if (refusal) co_await refuse(stream, buffer, ends, plan, *refusal);
    if (error || refusal) co_return;
    if (!co_await answer(thread, stream, parser.get(), plan, ends)) co_return;
    buffer.shrink_to_fit();
  }
}

/// Reads a header into the parser; the answer where it cannot be read, or an error that ends the
/// connection without one.
template <class Stream>
asio::awaitable<std::optional<Response>> Server::State::read_header(Stream& stream,
                                                                    beast::flat_buffer& buffer,
                                                                    Parser& parser,
                                                                    error_code& error) {
  beast::get_lowest_layer(stream).expires_after(options.header_timeout);
  std::size_t size = 0;
  while ((size = header_size(view(buffer))) == 0 && buffer.size() <= options.max_header) {
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
                                                                  error_code& error) {
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
  co_await write(stream, response, 11, false, false, error);
  if (!error) co_await linger(stream, buffer);
}

template <class Stream>
asio::awaitable<bool> Server::State::answer(Thread& thread, Stream& stream,
                                            const http::request<http::string_body>& http_request,
                                            const Plan& plan, const Ends& ends) {
  const auto begin = Clock::now();
  const Request request = request_of(http_request, ends);
  Response response;
  if (plan.slow(request)) {
    response = co_await asio::co_spawn(
        slow_context,
        [&]() -> asio::awaitable<Response> {
          co_return service.respond(plan, request, scratch_of_this_thread());
        },
        asio::use_awaitable);
  } else {
    response = service.respond(plan, request, scratch_of_this_thread());
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  service.metrics().count_request(plan.method(), plan.route(), response.status, seconds);
  log_request(ends.client, plan, response, seconds);
  const bool keep_alive = http_request.keep_alive() && !thread.draining;
  error_code error;
  co_await write(stream, std::move(response), http_request.version(),
                 http_request.method() == http::verb::head, keep_alive, error);
  co_return !error && keep_alive;
}

template <class Stream>
asio::awaitable<void> Server::State::write(Stream& stream, Response response, unsigned version,
                                           bool head_only, bool keep_alive, error_code& error) {
  http::response<http::string_body> message(static_cast<http::status>(response.status), version);
  message.keep_alive(keep_alive);
  if (response.status != 204) {
    message.set(http::field::content_type, response.content_type);
    message.content_length(response.body.size());
  }
  message.set(http::field::cache_control, "no-store");
  message.set("X-Content-Type-Options", "nosniff");
  message.set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'");
  if (response.status == 401) message.set(http::field::www_authenticate, "Bearer");
  if (!response.allow.empty()) message.set(http::field::allow, response.allow);
  message.body() = std::move(response.body);
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
  error_code ignored;
  thread.acceptor.close(ignored);
  for (Connection* connection : thread.connections) {
    if (connection->waiting) connection->stream->cancel();
  }
}

void Server::State::stop() {
  service.drain();
  for (auto& thread : threads) {
    asio::post(thread->context, [this, &thread = *thread] { drain(thread); });
  }
  asio::post(control, [this] {
    auto deadline = std::make_shared<asio::steady_timer>(control, options.drain_timeout);
    deadline->async_wait([this, deadline](const error_code& error) {
      if (error) return;
      for (auto& thread : threads) thread->context.stop();
    });
  });
}

Server::Server(ServerOptions options, Service& service, const Log& access_log)
    : state_(new State(std::move(options), service, access_log)) {
  state_->load_certificate();
  state_->bind();
}

Server::~Server() = default;

std::uint16_t Server::port() const { return state_->port; }

void Server::stop() { state_->stop(); }

void Server::run(bool on_signals) {
  State& state = *state_;
  asio::signal_set signals(state.control);
  std::function<void()> await_signal = [&] {
    signals.async_wait([&](const error_code& error, int signal) {
      if (error) return;
      if (signal == SIGHUP) {
        state.service.start_reload();
      } else {
        state.stop();
        signals.remove(SIGTERM);  // a second one ends the process
        signals.remove(SIGINT);
      }
      await_signal();
    });
  };
  if (on_signals) {
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) signals.add(signal);
    await_signal();
  }
  auto slow_work = asio::make_work_guard(state.slow_context);
  auto control_work = asio::make_work_guard(state.control);
  std::vector<std::thread> slow;
  for (std::size_t i = 0; i < state.options.slow_threads; ++i) {
    slow.emplace_back([&] {
      work_alone();
      state.slow_context.run();
    });
  }
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
  slow_work.reset();
  for (std::thread& thread : slow) thread.join();
  asio::post(state.control, [&] { state.control.stop(); });
  controlling.join();
}

}  // namespace tessera
// NOLINTEND(bugprone-unused-return-value)
