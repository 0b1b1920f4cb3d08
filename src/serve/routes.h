#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "serve/access.h"
#include "serve/exchange.h"
#include "serve/fields.h"
#include "serve/json.h"

namespace tessera {

struct Call;

/// One operation of the API. Dispatch, access, what may be given, metrics and the OpenAPI document
/// all come from the table of them.
struct Route {
  std::string_view method;
  std::string_view path;  ///< "/v1/users/{user}": braces name a segment
  Access access = Access::read;
  Work work = Work::quick;  ///< what its answer has to wait for, whatever the fields
  Response (*handle)(Call&) = nullptr;
  std::string_view summary;
  std::span<const Field> query = {};  ///< its query's parameters
  std::span<const Field> body = {};   ///< its body's fields; none: it has no body
  std::string_view reply = {};        ///< JSON schema of its answer; "" if that is not JSON
};

std::span<const Route> routes();

/// A request's route with what the path and the query say, percent signs decoded.
struct Match {
  const Route* route = nullptr;
  std::vector<std::string> segments;                            ///< in the order of the braces
  std::vector<std::pair<std::string, std::string>> parameters;  ///< of the query
};

/// Throws Refusal 404 where no path fits, 405 where only the method does not (`allowed` then holds
/// the methods that do), and 400 for percent signs that say nothing and for query parameters that
/// are unknown or stand there twice.
Match match_route(std::string_view method, std::string_view target, std::string& allowed);

/// The OpenAPI 3 description of the routes; `with_tokens`: of a service that asks for them.
Json openapi(bool with_tokens);

}  // namespace tessera
