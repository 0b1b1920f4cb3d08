#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"
#include "serve/access.h"
#include "serve/exchange.h"
#include "serve/fields.h"
#include "serve/json.h"

namespace tessera {

struct Call;

/// What answers a route's requests: a function, or a task where it asks the store, which then needs
/// no thread while the store is far.
class Handler {
 public:
  constexpr Handler(Response (*function)(Call&)) : function_(function) {}
  constexpr Handler(Task<Response> (*task)(Call&)) : task_(task) {}
  Task<Response> operator()(Call& call) const {
    if (task_ == nullptr) co_return function_(call);
    co_return co_await task_(call);
  }
  bool operator==(const Handler&) const = default;

 private:
  Response (*function_)(Call&) = nullptr;
  Task<Response> (*task_)(Call&) = nullptr;
};

/// One operation of the API. Dispatch, access, what may be given, metrics and the OpenAPI document
/// all come from the table of them.
struct Route {
  std::string_view method;
  std::string_view path;  ///< "/v1/users/{user}": braces name a segment
  Access access = Access::read;
  Work work = Work::quick;  ///< what its answer has to wait for, whatever the fields
  Handler handle;
  std::string_view summary;
  std::span<const Field> query = {};  ///< its query's parameters
  std::span<const Field> body = {};   ///< its body's fields; none: it has no body
  std::string_view reply = {};        ///< JSON schema of its answer; "" if that is not JSON
  bool lines = false;  ///< its body is lines of JSON, of any number, each with the fields of `body`
};

std::span<const Route> routes();

/// A request's route with what the path and the query say, percent signs decoded.
struct Match {
  const Route* route = nullptr;
  std::vector<std::string> segments;                            ///< in the order of the braces
  std::string query;                                            ///< as it came
  std::vector<std::pair<std::string, std::string>> parameters;  ///< what read_query found in it
};

/// Throws Refusal 404 where no path fits, 405 where only the method does not (`allowed` then holds
/// the methods that do), and 400 for percent signs in the path that say nothing. What is wrong with
/// a query is told to those alone who may ask: see read_query.
Match match_route(std::string_view method, std::string_view target, std::string& allowed);

/// Finds the parameters. Throws Refusal 400 for percent signs that say nothing and for parameters
/// that are unknown or stand there twice.
void read_query(Match& match);

/// The parts of a path between its slashes, and whether one of a route's names a segment.
std::vector<std::string_view> parts_of_path(std::string_view path);
inline bool names_a_segment(std::string_view part) { return part.starts_with('{'); }

/// The OpenAPI 3 description of the routes; `with_tokens`: of a service that asks for them.
AnswerJson openapi(bool with_tokens);

}  // namespace tessera
