#include "serve/connections.h"

#include <limits>

#include "serve/framing.h"
#include "serve/http_message.h"
#include "serve/json.h"
#include "serve/line_report.h"
#include "serve/request_ids.h"

// NOLINTBEGIN(bugprone-unused-return-value): Asio also returns the error that it puts into its
// argument.
namespace tessera {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kReadAhead = 4096;
constexpr std::size_t kLeastPacked = 1024;  // of an answer; less is not worth it
constexpr std::size_t kLongestLinger = std::size_t{4} << 20;
constexpr std::chrono::milliseconds kLinger{1000};

/// The text of lines that are carried out together, and what a body of lines may occupy.
constexpr std::size_t kPiece = std::size_t{64} << 10;
constexpr std::size_t kLinesAtOnce = std::size_t{256} << 10;
constexpr std::size_t kHeldForLines = std::size_t{2} << 20;

/// Beast takes a line end between quotes for a part of a chunk's extension; others may not.
void check_chunk(std::uint64_t, beast::string_view extension, error_code& wrong) {
  if (!is_one_line(view(extension))) wrong = http::error::bad_chunk_extension;
}

/// An error's answer as what it was made of.
Refusal refusal_of(const Response& response) {
  const AnswerJson json = AnswerJson::parse(response.body, nullptr, false);
  const AnswerJson none = AnswerJson::object();
  const AnswerJson& error = json.is_object() && json.contains("error") ? json.at("error") : none;
  return {response.status, error.value("code", "internal"), error.value("message", "it failed")};
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
  Counted(Loop& loop, Wire& wire, ServiceMetrics& metrics)
      : loop_(loop), wire_(wire), metrics_(metrics) {
    loop_.connections.insert(&wire_);
    metrics_.count_connections(1);
  }
  ~Counted() {
    loop_.connections.erase(&wire_);
    metrics_.count_connections(-1);
  }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  Loop& loop_;
  Wire& wire_;
  ServiceMetrics& metrics_;
};

}  // namespace

/// Requests and answers on one connection, one after the other.
class Connections::Conversation {
 public:
  Conversation(Connections& all, Loop& loop, Wire& wire)
      : all_(all), options_(all.options_), loop_(loop), wire_(wire) {}

  asio::awaitable<void> serve();

 private:
  asio::awaitable<std::optional<Response>> read_header(Parser& parser, error_code& error);
  asio::awaitable<std::optional<Response>> read_body(Parser& parser, error_code& error);
  asio::awaitable<void> refuse(const Plan& plan, const Response& response);
  asio::awaitable<bool> answer(const HttpRequest& message, const Plan& plan);
  asio::awaitable<bool> answer_lines(Parser& parser, const Plan& plan);
  asio::awaitable<std::optional<Refusal>> read_lines(LineParser& parser, const Plan& plan,
                                                     LineReport& report, error_code& error);
  asio::awaitable<std::optional<Refusal>> take_lines(const Request& header, std::string& text,
                                                     bool last, const Plan& plan,
                                                     LineReport& report);
  asio::awaitable<void> go_on(const Parser& parser, error_code& error);
  asio::awaitable<void> parse_some(http::basic_parser<true>& parser, error_code& error);
  asio::awaitable<void> write(const Response& response, const Plan& plan, HeadOptions options,
                              error_code& error);
  asio::awaitable<void> linger();
  void begin_request(const http::request_header<>& header);
  void note(const Plan& plan, const Response& response, double seconds) const;
  void record(const Plan& plan, const Request& request, int status, double seconds) const;

  Connections& all_;
  const ServerOptions& options_;
  Loop& loop_;
  Wire& wire_;
  // Of the request under way.
  bool head_only_ = false;
  std::string id_, trace_, traceparent_;
  const Ends ends_ = ends_of(wire_.socket());
  std::string client_ = ends_.client;
  beast::flat_buffer buffer_{options_.max_header + options_.max_body};
  Budget::Share share_{all_.budget_, client_of(ends_.client)};
};

asio::awaitable<void> Connections::serve(Loop& loop, tcp::socket socket,
                                         [[maybe_unused]] Clients::Place place,
                                         std::shared_ptr<asio::ssl::context> tls) {
  Wire wire(std::move(socket), std::move(tls));
  Counted counted(loop, wire, service_.metrics());
  error_code error;
  wire.expires_after(options_.handshake_timeout);
  co_await wire.handshake(error);
  if (!error) {
    Conversation conversation(*this, loop, wire);
    co_await conversation.serve();
    wire.expires_after(kLinger);
    co_await wire.shut_down(error);
  }
  wire.close();
}

asio::awaitable<void> Connections::Conversation::serve() {
  for (bool first = true;; first = false) {
    error_code error;
    if (buffer_.size() == 0) {
      if (loop_.draining && !first) co_return;
      wire_.expires_after(options_.idle_timeout);
      wire_.waiting = true;
      const std::size_t read = co_await wire_.read_some(buffer_.prepare(kReadAhead), error);
      wire_.waiting = false;
      if (error) co_return;
      buffer_.commit(read);
    }
    Parser parser;
    Plan plan;
    begin_request(http::request_header<>());
    std::optional<Response> refusal = co_await read_header(parser, error);
    if (!error && !refusal) {
      begin_request(parser.get());
      // Who may not ask is told so before anything is kept for him.
      plan = all_.service_.plan(request_of(parser.get(), ends_, id_));
      if (!plan.answer && plan.match.route->lines) {
        if (!co_await answer_lines(parser, plan)) co_return;
        continue;
      }
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
asio::awaitable<std::optional<Response>> Connections::Conversation::read_header(Parser& parser,
                                                                                error_code& error) {
  wire_.expires_after(options_.header_timeout);
  std::size_t size = 0;
  while ((size = header_size(view(buffer_))) == 0 && buffer_.size() <= options_.max_header) {
    if (auto refusal = hold(share_, buffer_.size() + kReadAhead)) co_return refusal;
    buffer_.commit(co_await wire_.read_some(buffer_.prepare(kReadAhead), error));
    if (error) co_return std::nullopt;
  }
  if (size == 0 || size > options_.max_header) co_return answer_to(http::error::header_limit);
  if (const auto fault = check_framing(view(buffer_).substr(0, size))) {
    co_return error_response(400, "malformed_request", fault->message);
  }
  parser.header_limit(options_.max_header);
  parser.body_limit(std::numeric_limits<std::uint64_t>::max());  // a body of lines may have any
                                                                 // size; read_body asks the others
  parser.eager(false);
  buffer_.consume(parser.put(buffer_.data(), error));
  if (!error) co_return std::nullopt;
  std::optional<Response> refusal = answer_to(error);
  if (refusal) error = {};
  co_return refusal;
}

asio::awaitable<std::optional<Response>> Connections::Conversation::read_body(Parser& parser,
                                                                              error_code& error) {
  if (!parser.get()[http::field::content_encoding].empty()) {
    co_return error_response(415, "unknown_coding", "this body must come as it is, unpacked");
  }
  if (parser.content_length().value_or(0) > options_.max_body) {
    co_return answer_to(http::error::body_limit);
  }
  parser.body_limit(options_.max_body);
  const std::size_t length = parser.content_length().value_or(options_.max_body);
  if (auto refusal = hold(share_, buffer_.capacity() + length)) co_return refusal;
  wire_.expires_after(options_.body_timeout);
  co_await go_on(parser, error);
  if (error) co_return std::nullopt;
  const std::size_t fields = field_count(parser);
  auto check_extension = check_chunk;
  parser.on_chunk_header(check_extension);
  while (!error && !parser.is_done()) co_await parse_some(parser, error);
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

/// Parses what came of a body, or else the next of it to come.
asio::awaitable<void> Connections::Conversation::parse_some(http::basic_parser<true>& parser,
                                                            error_code& error) {
  parser.eager(true);
  for (;;) {
    if (buffer_.size() > 0) {
      error = {};
      buffer_.consume(parser.put(buffer_.data(), error));
      if (error != http::error::need_more) co_return;
    }
    const std::size_t room = beast::read_size(buffer_, kPiece);  // mostly what is held already
    error = {};
    if (room == 0) error = http::error::buffer_overflow;
    if (error) co_return;
    buffer_.commit(co_await wire_.read_some(buffer_.prepare(room), error));
    if (error) co_return;
  }
}

/// Tells a client that waits for it to send the body.
asio::awaitable<void> Connections::Conversation::go_on(const Parser& parser, error_code& error) {
  if (!beast::iequals(parser.get()[http::field::expect], "100-continue")) co_return;
  co_await wire_.write("HTTP/1.1 100 Continue\r\n\r\n", "", error);
}

/// Carries out a body of lines while it comes, some at a time: memory does not grow with it. False
/// if the connection is to end.
asio::awaitable<bool> Connections::Conversation::answer_lines(Parser& parser, const Plan& plan) {
  const auto begin = Clock::now();
  error_code error;
  if (auto refusal = hold(share_, kHeldForLines)) {
    co_await refuse(plan, *refusal);
    co_return false;
  }
  wire_.expires_after(options_.body_timeout);
  co_await go_on(parser, error);
  if (error) co_return false;
  LineReport report;
  LineParser lines(std::move(parser));
  lines.body_limit(std::numeric_limits<std::uint64_t>::max());
  const std::optional<Refusal> stopped = co_await read_lines(lines, plan, report, error);
  if (error) co_return false;
  Response response =
      lines_response(report, stopped ? stopped->status : 200, stopped ? &*stopped : nullptr);
  if (stopped && stopped->status == 503) response.retry_after = 1;
  note(plan, response, std::chrono::duration<double>(Clock::now() - begin).count());
  const bool keep_alive = !stopped && lines.keep_alive() && !loop_.draining;
  const unsigned version = lines.get().version();
  co_await write(response, plan, {.version = version, .keep_alive = keep_alive}, error);
  if (stopped && !error) co_await linger();
  buffer_.shrink_to_fit();
  co_return !error && keep_alive && !hold(share_, buffer_.capacity());
}

/// Reads to the end of the body, or until it can go no further and says why.
asio::awaitable<std::optional<Refusal>> Connections::Conversation::read_lines(LineParser& parser,
                                                                              const Plan& plan,
                                                                              LineReport& report,
                                                                              error_code& error) {
  std::optional<Refusal> stopped;
  try {
    const Request header = request_of(parser.get(), "", ends_, id_);
    Unpacker unpacker(coding_of(parser.get()));
    const std::size_t fields = field_count(parser);
    auto check_extension = check_chunk;
    parser.on_chunk_header(check_extension);
    std::vector<char> piece(kPiece);
    std::string text;
    while (!parser.is_done()) {
      parser.get().body() = {piece.data(), piece.size(), true};
      wire_.expires_after(options_.body_timeout);
      co_await parse_some(parser, error);
      if (error == http::error::need_buffer) error = {};
      if (error) {
        if (const auto answer = answer_to(error)) {
          error = {};
          throw Refusal(400, "malformed_request", "the body is not as its header says");
        }
        co_return std::nullopt;
      }
      std::string_view packed(piece.data(), piece.size() - parser.get().body().size);
      for (bool more = true; more;) {
        const std::size_t left = packed.size(), had = text.size();
        unpacker.expand(packed, kPiece, text);
        more = packed.size() < left || text.size() > had;
        if (text.size() < kLinesAtOnce) continue;
        stopped = co_await take_lines(header, text, false, plan, report);
        if (stopped) co_return stopped;
        if (loop_.draining) throw Refusal(503, "draining", "the service ends; go on elsewhere");
      }
    }
    if (field_count(parser) != fields) {
      throw Refusal(400, "malformed_request", "fields after a chunked body are not read");
    }
    if (!unpacker.whole()) throw Refusal(400, "damaged_body", "the packed body is cut short");
    stopped = co_await take_lines(header, text, true, plan, report);
  } catch (const Refusal& refusal) {
    stopped = refusal;
  } catch (const Error& damage) {
    stopped = Refusal(400, "damaged_body", damage.what());
  }
  co_return stopped;
}

/// Carries out the whole lines of the text, and takes them away; of the `last` text all.
asio::awaitable<std::optional<Refusal>> Connections::Conversation::take_lines(
    const Request& header, std::string& text, bool last, const Plan& plan, LineReport& report) {
  const std::size_t end = last ? text.size() : text.rfind('\n') + 1;  // 0 where there is none
  if (end == 0) {
    if (text.size() <= options_.max_body) co_return std::nullopt;
    co_return Refusal(413, "line_too_large", fmt::format("line {} is too large", report.line + 1));
  }
  Request lines = header;
  lines.body = std::string_view(text).substr(0, end);
  lines.lines = &report;
  const Response response = co_await all_.answering_.answer(loop_.context, plan, lines);
  if (response.status != 200) co_return refusal_of(response);
  text.erase(0, end);
  co_return std::nullopt;
}

/// The last answer on a connection whose rest is not read as a request.
asio::awaitable<void> Connections::Conversation::refuse(const Plan& plan,
                                                        const Response& response) {
  note(plan, response, 0.0);
  error_code error;
  co_await write(response, plan, HeadOptions(), error);
  if (!error) co_await linger();
}

asio::awaitable<bool> Connections::Conversation::answer(const HttpRequest& message,
                                                        const Plan& plan) {
  const auto begin = Clock::now();
  const Request request = request_of(message, ends_, id_);
  Response response = co_await all_.answering_.answer(loop_.context, plan, request);
  if (auto refusal = hold(share_, message.body().size() + response.body.size())) {
    response = std::move(*refusal);
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  note(plan, response, seconds);
  record(plan, request, response.status, seconds);
  const bool keep_alive = message.keep_alive() && !loop_.draining;
  error_code error;
  const bool packs = response.body.size() >= kLeastPacked && takes_gzip(message);
  if (packs) response.body = gzipped(response.body);
  HeadOptions options = {.version = message.version(), .keep_alive = keep_alive, .packed = packs};
  co_await write(response, plan, options, error);
  co_return !error && keep_alive;
}

asio::awaitable<void> Connections::Conversation::write(const Response& response, const Plan& plan,
                                                       HeadOptions options, error_code& error) {
  options.id = id_;
  if (!trace_.empty()) options.traceparent = traceparent_;
  options.readable_by = plan.readable_by;
  const std::string head = head_of(response, options);
  wire_.expires_after(options_.write_timeout);
  co_await wire_.write(head, head_only_ ? std::string_view() : response.body, error);
}

/// Reads what the client is still sending: a connection closed before that is reset, and the client
/// may lose the answer.
asio::awaitable<void> Connections::Conversation::linger() {
  error_code error;
  wire_.end_writing();
  wire_.expires_after(kLinger);
  for (std::size_t total = 0; total < kLongestLinger;) {
    buffer_.clear();
    total += co_await wire_.read_some(buffer_.prepare(kReadAhead), error);
    if (error) co_return;
  }
}

/// How the request is called, and whom it is from.
void Connections::Conversation::begin_request(const http::request_header<>& header) {
  head_only_ = header.method() == http::verb::head;
  id_ = request_id(view(header["X-Request-Id"]));
  traceparent_ = view(header["traceparent"]);
  trace_ = trace_of(traceparent_);
  client_ = forwarded_client(header, ends_.client, options_.unbounded);
}

void Connections::Conversation::note(const Plan& plan, const Response& response,
                                     double seconds) const {
  all_.service_.metrics().count_request(plan.method(), plan.route(), response.status, seconds);
  if (all_.access_log_.discards()) return;
  // Routes, not addresses: those hold the names of users, who may ask to be forgotten.
  all_.access_log_.write_line(fmt::format(
      R"({{"time":"{}","id":"{}","client":"{}","method":"{}","route":"{}","status":{},"bytes":{},"ms":{:.3f}{}{}}})",
      utc_now(), id_, client_, plan.method(), plan.route(), response.status, response.body.size(),
      seconds * 1e3,
      response.variant.empty() ? "" : fmt::format(R"(,"variant":"{}")", response.variant),
      trace_.empty() ? "" : fmt::format(R"(,"trace":"{}")", trace_)));
}

/// For bench/replay: what was asked, without the token that allowed it. Bodies of lines and what
/// an operator orders are left out.
void Connections::Conversation::record(const Plan& plan, const Request& request, int status,
                                       double seconds) const {
  if (options_.request_log == nullptr || !plan.route().starts_with("/v1/") ||
      plan.route().starts_with("/v1/admin/")) {
    return;
  }
  const nlohmann::json line = {{"time", utc_now()},        {"id", id_},
                               {"method", request.method}, {"target", request.target},
                               {"body", request.body},     {"status", status},
                               {"ms", 1e3 * seconds}};
  options_.request_log->write_line(
      line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace tessera
// NOLINTEND(bugprone-unused-return-value)
