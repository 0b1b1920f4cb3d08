#pragma once
// Between HTTP as it is sent and the handlers' Request and Response. Beast parses; only
// connections.cpp includes this, for Beast takes long to compile.

#include <fmt/format.h>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/read_size.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/string_body.hpp>
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

/// What an answer's head says beside what the handlers answered.
struct HeadOptions {
  unsigned version = 11;  ///< of HTTP, that the client speaks: 10 or 11
  bool keep_alive = false;
  bool packed = false;  ///< the body, by gzip
  std::string_view id = {}, traceparent = {};
  std::string_view readable_by = {};  ///< the origin whose pages may read the answer; "": none
};

/// The head of an answer as it is sent, through its empty line.
inline std::string head_of(const Response& response, const HeadOptions& options) {
  std::string head;
  head.reserve(512);
  const auto field = [&](std::string_view name, std::string_view value) {
    for (const std::string_view part :
         {name, std::string_view(": "), value, std::string_view("\r\n")}) {
      head += part;
    }
  };
  fmt::format_to(std::back_inserter(head), "HTTP/1.{} {} {}\r\n", options.version % 10,
                 response.status,
                 view(http::obsolete_reason(static_cast<http::status>(response.status))));
  if (options.version == 11 && !options.keep_alive) field("Connection", "close");
  if (options.version == 10 && options.keep_alive) field("Connection", "keep-alive");
  field("Date", http_date());
  if (response.status != 204) {
    field("Content-Type", response.content_type);
    field("Content-Length", fmt::format_int(response.body.size()).c_str());
  }
  field("Cache-Control", "no-store");
  field("X-Content-Type-Options", "nosniff");
  field("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'");
  if (response.status == 401) field("WWW-Authenticate", "Bearer");
  if (!response.allow.empty()) field("Allow", response.allow);
  if (!response.model.empty()) field("Tessera-Model", response.model);
  if (!response.variant.empty()) field("Tessera-Variant", response.variant);
  if (response.retry_after > 0) field("Retry-After", std::to_string(response.retry_after));
  field("X-Request-Id", options.id);
  if (!options.traceparent.empty()) field("traceparent", options.traceparent);
  if (options.packed) field("Content-Encoding", "gzip");
  if (options.packed) field("Vary", "Accept-Encoding");
  if (!options.readable_by.empty()) {  // what a browser must hear
    field("Vary", "Origin");
    field("Access-Control-Allow-Origin", options.readable_by);
    field("Access-Control-Expose-Headers",
          "X-Request-Id, Tessera-Model, Tessera-Variant, Retry-After");
    if (response.status == 204) {
      field("Access-Control-Allow-Methods", "GET, POST");
      field("Access-Control-Allow-Headers",
            "Authorization, Content-Type, X-Request-Id, traceparent");
      field("Access-Control-Max-Age", "600");
    }
  }
  head += "\r\n";
  return head;
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
