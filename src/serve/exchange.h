#pragma once
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/error.h"

namespace tessera {

/// What became of the lines of a body that comes in parts, of those before as well.
struct LineReport {
  std::size_t lines = 0;     ///< read, without empty ones
  std::size_t done = 0;      ///< of these, carried out
  std::size_t repeated = 0;  ///< carried out before, with the same key
  std::size_t failed = 0;
  std::size_t line = 0;     ///< the number of the last line of the body, from 1, empty ones too
  std::string errors = {};  ///< a line of JSON each
};

/// One HTTP request as the handlers see it. The views are borrowed for the call.
struct Request {
  std::string_view method;                  ///< "GET"
  std::string_view target;                  ///< path and query as sent: "/v1/items?prefix=tea"
  std::string_view body = {};               ///<
  std::string_view authorization = {};      ///< header Authorization
  std::string_view idempotency_key = {};    ///< header Idempotency-Key
  std::string_view host = {}, origin = {};  ///< headers Host and Origin
  std::string_view asked_method = {};       ///< header Access-Control-Request-Method
  std::string_view id = {};                 ///< as header X-Request-Id, or made here
  std::string_view own_address = {};        ///< at which the connection came in
  LineReport* lines = nullptr;  ///< of a body that comes in parts, of which this is one: some lines
};

struct Response {
  int status = 200;
  std::string body = {};
  std::string content_type = "application/json";
  std::string allow = {};    ///< header Allow, with status 405
  int retry_after = 0;       ///< header Retry-After in seconds; 0: none
  std::string model = {};    ///< which one answered: header Tessera-Model; "": none
  std::string variant = {};  ///< and what it is called: header Tessera-Variant
};

/// Thrown by a handler to answer with an error: `what` is the sentence for people, `code` the word
/// for programs.
class Refusal : public std::runtime_error {
 public:
  Refusal(int http_status, std::string_view error_code, const std::string& message)
      : std::runtime_error(message), status(http_status), code(error_code) {}
  int status;
  std::string code;
  int retry_after = 0;  ///< seconds; 0: not told
};

/// What `read` returns; what it throws as wrong usage becomes a Refusal by this status and code.
template <class Read>
auto or_refuse(int status, std::string_view code, const Read& read) {
  try {
    return read();
  } catch (const UsageError& error) {
    throw Refusal(status, code, error.what());
  }
}

}  // namespace tessera
