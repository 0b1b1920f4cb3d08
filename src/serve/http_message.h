#pragma once
// Between Beast's messages and the handlers' Request and Response. Only connections.cpp includes
// this, for Beast takes half a minute to compile.

#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <ctime>
#include <optional>
#include <string>

#include "serve/ends.h"
#include "serve/exchange.h"
#include "serve/service.h"

namespace tessera {

namespace beast = boost::beast;
namespace http = beast::http;
using Parser = http::request_parser<http::string_body>;
using HttpRequest = http::request<http::string_body>;
using HttpResponse = http::response<http::string_body>;

inline std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

inline std::string_view view(const beast::flat_buffer& buffer) {
  return {static_cast<const char*>(buffer.data().data()), buffer.size()};
}

inline std::size_t field_count(const Parser& parser) {
  return static_cast<std::size_t>(std::distance(parser.get().begin(), parser.get().end()));
}

inline Request request_of(const HttpRequest& message, const Ends& ends) {
  return {.method = view(message.method_string()),
          .target = view(message.target()),
          .body = message.body(),
          .authorization = view(message[http::field::authorization]),
          .idempotency_key = view(message["Idempotency-Key"]),
          .host = view(message[http::field::host]),
          .origin = view(message[http::field::origin]),
          .own_address = ends.own};
}

/// The time now as HTTP writes it: "Sun, 06 Nov 1994 08:49:37 GMT".
inline std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];  // days and months by the C locale, which no part of the program changes
  return {text, std::strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

inline HttpResponse message_of(Response response, unsigned version, bool keep_alive) {
  HttpResponse message(static_cast<http::status>(response.status), version);
  message.keep_alive(keep_alive);
  message.set(http::field::date, http_date());
  if (response.status != 204) {
    message.set(http::field::content_type, response.content_type);
    message.content_length(response.body.size());
  }
  message.set(http::field::cache_control, "no-store");
  message.set("X-Content-Type-Options", "nosniff");
  message.set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'");
  if (response.status == 401) message.set(http::field::www_authenticate, "Bearer");
  if (!response.allow.empty()) message.set(http::field::allow, response.allow);
  if (response.retry_after > 0) {
    message.set(http::field::retry_after, std::to_string(response.retry_after));
  }
  message.body() = std::move(response.body);
  return message;
}

/// The answer to a request that cannot be read; nothing for a connection that just ended.
inline std::optional<Response> answer_to(const error_code& error) {
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

}  // namespace tessera
