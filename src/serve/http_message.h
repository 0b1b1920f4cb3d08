#pragma once
// Between Beast's messages and the handlers' Request and Response. Only connections.cpp includes
// this, for Beast takes half a minute to compile.

#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <ctime>
#include <optional>
#include <string>

#include <algorithm>

#include "base/texts.h"
#include "base/unpacker.h"
#include "serve/clients.h"
#include "serve/ends.h"
#include "serve/exchange.h"
#include "serve/service.h"

namespace tessera {

namespace beast = boost::beast;
namespace http = beast::http;
using Parser = http::request_parser<http::string_body>;
/// Of a body that is read in pieces.
using LineParser = http::request_parser<http::buffer_body>;
using HttpRequest = http::request<http::string_body>;
using HttpResponse = http::response<http::string_body>;

inline std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

inline std::string_view view(const beast::flat_buffer& buffer) {
  return {static_cast<const char*>(buffer.data().data()), buffer.size()};
}

template <class AnyParser>
std::size_t field_count(const AnyParser& parser) {
  return static_cast<std::size_t>(std::distance(parser.get().begin(), parser.get().end()));
}

inline Request request_of(const http::request_header<>& message, std::string_view body,
                          const Ends& ends, std::string_view id) {
  return {.method = view(message.method_string()),
          .target = view(message.target()),
          .body = body,
          .authorization = view(message[http::field::authorization]),
          .idempotency_key = view(message["Idempotency-Key"]),
          .host = view(message[http::field::host]),
          .origin = view(message[http::field::origin]),
          .asked_method = view(message["Access-Control-Request-Method"]),
          .id = id,
          .own_address = ends.own};
}

inline Request request_of(const HttpRequest& message, const Ends& ends, std::string_view id) {
  return request_of(message, message.body(), ends, id);
}

/// How a body is packed; throws Refusal 415 for a way that is unknown here.
inline Unpacker::Coding coding_of(const http::request_header<>& message) {
  const beast::string_view coding = message[http::field::content_encoding];
  if (coding.empty() || beast::iequals(coding, "identity")) return Unpacker::Coding::none;
  if (beast::iequals(coding, "gzip")) return Unpacker::Coding::gzip;
  if (beast::iequals(coding, "zstd")) return Unpacker::Coding::zstd;
  throw Refusal(415, "unknown_coding", "Content-Encoding may be gzip, zstd or identity");
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
  if (!response.model.empty()) message.set("Tessera-Model", response.model);
  if (!response.variant.empty()) message.set("Tessera-Variant", response.variant);
  if (response.retry_after > 0) {
    message.set(http::field::retry_after, std::to_string(response.retry_after));
  }
  message.body() = std::move(response.body);
  return message;
}

/// Whether the client takes answers packed by gzip.
inline bool takes_gzip(const http::request_header<>& message) {
  for (const auto& coding : http::ext_list(message[http::field::accept_encoding])) {
    if (!beast::iequals(coding.first, "gzip")) continue;
    for (const auto& parameter : coding.second) {
      if (beast::iequals(parameter.first, "q"))
        return parameter.second.find_first_of("123456789") != parameter.second.npos;
    }
    return true;
  }
  return false;
}

/// What a browser must hear so that a page of that origin may read the answer.
inline void let_read(HttpResponse& message, const std::string& origin) {
  message.set(http::field::access_control_allow_origin, origin);
  message.set(http::field::vary, "Origin");
  message.set(http::field::access_control_expose_headers,
              "X-Request-Id, Tessera-Model, Tessera-Variant, Retry-After");
  if (message.result() != http::status::no_content) return;
  message.set(http::field::access_control_allow_methods, "GET, POST");
  message.set(http::field::access_control_allow_headers,
              "Authorization, Content-Type, X-Request-Id, traceparent");
  message.set(http::field::access_control_max_age, "600");
}

/// The client that a trusted proxy speaks for: the last address of X-Forwarded-For that is no
/// proxy's. `peer`: who is at the other end.
inline std::string forwarded_client(const http::request_header<>& message, const std::string& peer,
                                    const std::vector<std::string>& proxies) {
  const auto trusted = [&](const std::string& address) {
    return std::ranges::find(proxies, client_of(address)) != proxies.end();
  };
  if (!trusted(peer)) return peer;
  const auto named = split(view(message["X-Forwarded-For"]), ",");
  for (auto at = named.rbegin(); at != named.rend(); ++at) {
    const std::string address(trimmed(*at, " \t"));
    if (!is_address(address)) break;
    if (!trusted(address)) return address;
  }
  return peer;
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
