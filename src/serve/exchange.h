#pragma once
#include <stdexcept>
#include <string>
#include <string_view>

namespace tessera {

/// One HTTP request as the handlers see it. The views are borrowed for the call.
struct Request {
  std::string_view method;                  ///< "GET"
  std::string_view target;                  ///< path and query as sent: "/v1/items?prefix=tea"
  std::string_view body = {};               ///<
  std::string_view authorization = {};      ///< header Authorization
  std::string_view idempotency_key = {};    ///< header Idempotency-Key
  std::string_view host = {}, origin = {};  ///< headers Host and Origin
  std::string_view own_address = {};        ///< at which the connection came in
};

struct Response {
  int status = 200;
  std::string body = {};
  std::string content_type = "application/json";
  std::string allow = {};  ///< header Allow, with status 405
  int retry_after = 0;     ///< header Retry-After in seconds; 0: none
};

/// Thrown by a handler to answer with an error: `what` is the sentence for people, `code` the word
/// for programs.
class Refusal : public std::runtime_error {
 public:
  Refusal(int http_status, std::string_view error_code, const std::string& message)
      : std::runtime_error(message), status(http_status), code(error_code) {}
  int status;
  std::string code;
};

}  // namespace tessera
