// The only translation unit that includes Beast: it takes half a minute to compile.
#include "serve/connections.h"

#include "serve/framing.h"
#include "serve/http_message.h"

// NOLINTBEGIN(bugprone-unused-return-value): Asio also returns the error that it puts into its
// argument.
namespace tessera {
namespace {

using PlainStream = beast::tcp_stream;
using TlsStream = beast::ssl_stream<beast::tcp_stream>;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kReadAhead = 4096;
constexpr std::size_t kLongestLinger = std::size_t{4} << 20;
constexpr std::chrono::milliseconds kLinger{1000};

void close(PlainStream& stream) {
  error_code ignored;
  stream.socket().shutdown(tcp::socket::shutdown_both, ignored);
  stream.close();
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

/// A connection is counted from here to the end of its coroutine, however that ends.
class Counted {
 public:
  Counted(Loop& loop, PlainStream& stream, ServiceMetrics& metrics)
      : loop_(loop), metrics_(metrics) {
    connection.cancel = [&stream] { stream.cancel(); };
    loop_.connections.insert(&connection);
    metrics_.count_connections(1);
  }
  ~Counted() {
    loop_.connections.erase(&connection);
    metrics_.count_connections(-1);
  }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  Loop::Connection connection;

 private:
  Loop& loop_;
  ServiceMetrics& metrics_;
};

}  // namespace

/// Requests and answers on one connection, one after the other.
template <class Stream>
class Connections::Conversation {
 public:
  Conversation(Connections& all, Loop& loop, Stream& stream, Loop::Connection& connection)
      : all_(all),
        options_(all.options_),
        loop_(loop),
        stream_(stream),
        lowest_(beast::get_lowest_layer(stream)),
        connection_(connection) {}

  asio::awaitable<void> serve();

 private:
  asio::awaitable<std::optional<Response>> read_header(Parser& parser, error_code& error);
  asio::awaitable<std::optional<Response>> read_body(Parser& parser, error_code& error);
  asio::awaitable<void> refuse(const Plan& plan, const Response& response);
  asio::awaitable<bool> answer(const HttpRequest& message, const Plan& plan);
  asio::awaitable<void> write(HttpResponse message, bool head_only, error_code& error);
  asio::awaitable<void> linger();
  void note(const Plan& plan, const Response& response, double seconds) const;

  Connections& all_;
  const ServerOptions& options_;
  Loop& loop_;
  Stream& stream_;
  PlainStream& lowest_;
  Loop::Connection& connection_;
  const Ends ends_ = ends_of(lowest_.socket());
  beast::flat_buffer buffer_{options_.max_header + options_.max_body};
  Budget::Share share_{all_.budget_, client_of(ends_.client)};
};

asio::awaitable<void> Connections::serve(Loop& loop, tcp::socket socket,
                                         [[maybe_unused]] Clients::Place place,
                                         std::shared_ptr<asio::ssl::context> tls) {
  if (!tls) {
    PlainStream stream(std::move(socket));
    Counted counted(loop, stream, service_.metrics());
    Conversation<PlainStream> conversation(*this, loop, stream, counted.connection);
    co_await conversation.serve();
    close(stream);
    co_return;
  }
  TlsStream stream(std::move(socket), *tls);
  PlainStream& lowest = beast::get_lowest_layer(stream);
  Counted counted(loop, lowest, service_.metrics());
  error_code error;
  lowest.expires_after(options_.handshake_timeout);
  co_await stream.async_handshake(asio::ssl::stream_base::server, into(error));
  if (!error) {
    Conversation<TlsStream> conversation(*this, loop, stream, counted.connection);
    co_await conversation.serve();
    lowest.expires_after(kLinger);
    co_await stream.async_shutdown(into(error));
  }
  close(lowest);
}

template <class Stream>
asio::awaitable<void> Connections::Conversation<Stream>::serve() {
  for (bool first = true;; first = false) {
    error_code error;
    if (buffer_.size() == 0) {
      if (loop_.draining && !first) co_return;
      lowest_.expires_after(options_.idle_timeout);
      connection_.waiting = true;
      const std::size_t read =
          co_await stream_.async_read_some(buffer_.prepare(kReadAhead), into(error));
      connection_.waiting = false;
      if (error) co_return;
      buffer_.commit(read);
    }
    Parser parser;
    Plan plan;
    std::optional<Response> refusal = co_await read_header(parser, error);
    if (!error && !refusal) {
      // Who may not ask is told so before anything is kept for him.
      plan = all_.service_.plan(request_of(parser.get(), ends_));
      if (!parser.is_done()) {
        refusal = plan.answer;
        if (!refusal) refusal = co_await read_body(parser, error);
      }
    }
    if (refusal) co_await refuse(plan, *refusal);
    if (error || refusal) co_return;
    if (!co_await answer(parser.get(), plan)) co_return;
    buffer_.shrink_to_fit();
    if (hold(share_, buffer_.capacity())) co_return;
  }
}

/// Reads a header into the parser; the answer where it cannot be read, or an error that ends_ the
/// connection without one.
template <class Stream>
asio::awaitable<std::optional<Response>> Connections::Conversation<Stream>::read_header(
    Parser& parser, error_code& error) {
  lowest_.expires_after(options_.header_timeout);
  std::size_t size = 0;
  while ((size = header_size(view(buffer_))) == 0 && buffer_.size() <= options_.max_header) {
    if (auto refusal = hold(share_, buffer_.size() + kReadAhead)) co_return refusal;
    buffer_.commit(co_await stream_.async_read_some(buffer_.prepare(kReadAhead), into(error)));
    if (error) co_return std::nullopt;
  }
  if (size == 0 || size > options_.max_header) co_return answer_to(http::error::header_limit);
  if (const auto fault = check_framing(view(buffer_).substr(0, size))) {
    co_return error_response(400, "malformed_request", fault->message);
  }
  parser.header_limit(options_.max_header);
  parser.body_limit(options_.max_body);
  co_await http::async_read_header(stream_, buffer_, parser, into(error));
  if (!error) co_return std::nullopt;
  std::optional<Response> refusal = answer_to(error);
  if (refusal) error = {};
  co_return refusal;
}

template <class Stream>
asio::awaitable<std::optional<Response>> Connections::Conversation<Stream>::read_body(
    Parser& parser, error_code& error) {
  const std::size_t length = parser.content_length().value_or(options_.max_body);
  if (auto refusal = hold(share_, buffer_.capacity() + length)) co_return refusal;
  lowest_.expires_after(options_.body_timeout);
  if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    http::response<http::empty_body> go_on(http::status::continue_, parser.get().version());
    co_await http::async_write(stream_, go_on, into(error));
    if (error) co_return std::nullopt;
  }
  const std::size_t fields = field_count(parser);
  // Beast takes a line end between quotes for a part of the extension; others may not.
  auto check_extension = [](std::uint64_t, beast::string_view extension, error_code& wrong) {
    if (!is_one_line(view(extension))) wrong = http::error::bad_chunk_extension;
  };
  parser.on_chunk_header(check_extension);
  co_await http::async_read(stream_, buffer_, parser, into(error));
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
asio::awaitable<void> Connections::Conversation<Stream>::refuse(const Plan& plan,
                                                                const Response& response) {
  note(plan, response, 0.0);
  error_code error;
  co_await write(message_of(response, 11, false), false, error);
  if (!error) co_await linger();
}

template <class Stream>
asio::awaitable<bool> Connections::Conversation<Stream>::answer(const HttpRequest& message,
                                                                const Plan& plan) {
  const auto begin = Clock::now();
  const Request request = request_of(message, ends_);
  Response response = co_await all_.answering_.answer(loop_.context, plan, request);
  if (auto refusal = hold(share_, message.body().size() + response.body.size())) {
    response = std::move(*refusal);
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  note(plan, response, seconds);
  const bool keep_alive = message.keep_alive() && !loop_.draining;
  error_code error;
  co_await write(message_of(std::move(response), message.version(), keep_alive),
                 message.method() == http::verb::head, error);
  co_return !error && keep_alive;
}

template <class Stream>
asio::awaitable<void> Connections::Conversation<Stream>::write(HttpResponse message, bool head_only,
                                                               error_code& error) {
  lowest_.expires_after(options_.write_timeout);
  if (head_only) {
    http::response_serializer<http::string_body> serializer(message);
    co_await http::async_write_header(stream_, serializer, into(error));
  } else {
    co_await http::async_write(stream_, message, into(error));
  }
}

/// Reads what the client is still sending: a connection closed before that is reset, and the client
/// may lose the answer.
template <class Stream>
asio::awaitable<void> Connections::Conversation<Stream>::linger() {
  error_code error;
  lowest_.socket().shutdown(tcp::socket::shutdown_send, error);
  lowest_.expires_after(kLinger);
  for (std::size_t total = 0; total < kLongestLinger;) {
    buffer_.clear();
    total += co_await stream_.async_read_some(buffer_.prepare(kReadAhead), into(error));
    if (error) co_return;
  }
}

template <class Stream>
void Connections::Conversation<Stream>::note(const Plan& plan, const Response& response,
                                             double seconds) const {
  all_.service_.metrics().count_request(plan.method(), plan.route(), response.status, seconds);
  if (all_.access_log_.discards()) return;
  // Routes, not addresses: those hold the names of users, who may ask to be forgotten.
  all_.access_log_.write_line(fmt::format(
      R"({{"time":"{}","client":"{}","method":"{}","route":"{}","status":{},"bytes":{},"ms":{:.3f}}})",
      utc_now(), ends_.client, plan.method(), plan.route(), response.status, response.body.size(),
      seconds * 1e3));
}

}  // namespace tessera
// NOLINTEND(bugprone-unused-return-value)
