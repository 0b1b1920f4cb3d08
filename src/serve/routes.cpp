#include "serve/routes.h"

#include <algorithm>
#include <cstdint>

#include "base/error.h"
#include "serve/handlers.h"

namespace tessera {
namespace {

using Pace = Route::Pace;

// JSON schemas; {"$ref": "#/components/schemas/…"} names one of openapi() below.
constexpr const char* kItems =
    R"({"type": "object", "required": ["items"], "properties": {"items": {"type": "array",
        "items": {"$ref": "#/components/schemas/Item"}}}})";
constexpr const char* kScoredItems =
    R"({"type": "object", "required": ["items"], "properties": {"items": {"type": "array",
        "items": {"$ref": "#/components/schemas/ScoredItem"}}}})";
constexpr const char* kItem = R"({"$ref": "#/components/schemas/Item"})";
constexpr const char* kObject = R"({"type": "object"})";
constexpr const char* kRecommend =
    R"({"type": "object", "description": "Give either 'user' or 'history'.", "properties": {
        "user": {"type": "string", "description": "a user with stored events"},
        "history": {"$ref": "#/components/schemas/Ids"},
        "skip_unknown": {"type": "boolean", "default": false,
          "description": "pass over items of 'history' that the model does not know"},
        "k": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 10},
        "exclude_seen": {"type": "boolean", "default": true,
          "description": "false: items of the history may be recommended again"},
        "allow": {"$ref": "#/components/schemas/Ids"},
        "deny": {"$ref": "#/components/schemas/Ids"},
        "titles": {"type": "boolean", "default": false, "description": "titles and codes as well"},
        "scores": {"type": "boolean", "default": false}}})";
constexpr const char* kExplain =
    R"({"type": "object", "required": ["item"], "description": "Give either 'user' or 'history'.",
        "properties": {
        "item": {"type": "string"},
        "user": {"type": "string"},
        "history": {"$ref": "#/components/schemas/Ids"},
        "skip_unknown": {"type": "boolean", "default": false}}})";
constexpr const char* kExplanation =
    R"({"type": "object", "required": ["item", "score", "tokens", "id_token", "history"],
        "properties": {
        "item": {"$ref": "#/components/schemas/Item"},
        "score": {"type": "number"},
        "tokens": {"type": "array", "description": "parts of the score; with the ID token's they add up to it",
          "items": {"type": "object", "properties": {"level": {"type": "integer"},
            "code": {"type": "integer"}, "contribution": {"type": "number"}}}},
        "id_token": {"type": "object", "properties": {"contribution": {"type": "number"}}},
        "history": {"type": "array", "description": "by how much the score would fall without this event",
          "items": {"type": "object", "properties": {"id": {"type": "string"},
            "title": {"type": "string"}, "contribution": {"type": "number"}}}}}})";
constexpr const char* kPut =
    R"({"type": "object", "description": "Without 'text' the title is read.", "properties": {
        "title": {"type": "string"}, "text": {"type": "string"}}})";
constexpr const char* kEvents =
    R"({"type": "object", "required": ["items"], "properties": {
        "items": {"$ref": "#/components/schemas/Ids"},
        "idempotency_key": {"type": "string",
          "description": "as the header Idempotency-Key: a batch with a key used before changes nothing"}}})";
constexpr const char* kAppended =
    R"({"type": "object", "properties": {"appended": {"type": "integer"},
        "repeated": {"type": "boolean", "description": "the key was used before"}}})";
constexpr const char* kUser =
    R"({"type": "object", "properties": {"user": {"type": "string"},
        "items": {"$ref": "#/components/schemas/Ids"}}})";
constexpr const char* kToken =
    R"({"type": "object", "properties": {"level": {"type": "integer"}, "code": {"type": "integer"},
        "count": {"type": "integer"},
        "items": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}},
        "nearest": {"type": "array", "items": {"type": "object", "properties": {
          "code": {"type": "integer"}, "cosine": {"type": "number"}}}}}})";
constexpr const char* kMap =
    R"({"type": "object", "description": "lists of one length: an item at each place",
        "properties": {"ids": {"$ref": "#/components/schemas/Ids"},
        "x": {"type": "array", "items": {"type": "number"}},
        "y": {"type": "array", "items": {"type": "number"}},
        "codes": {"type": "array", "items": {"type": "integer"}}}})";

const Route kRoutes[] = {
    {"POST", "/v1/recommend", Access::read, Pace::slow_for_user, recommend,
     "The best items for a stored user or a given history", "", kRecommend, kScoredItems},
    {"POST", "/v1/explain", Access::read, Pace::slow, explain,
     "Why an item scores as it does: each token's part, and each event's", "", kExplain,
     kExplanation},
    {"GET", "/v1/items", Access::read, Pace::slow, find_items,
     "Items in whose id or title every given word begins a word", "prefix limit", "", kItems},
    {"GET", "/v1/items/{id}", Access::read, Pace::quick, get_item, "One item", "", "", kItem},
    {"PUT", "/v1/items/{id}", Access::write, Pace::slow, put_item,
     "Adds or replaces an item by its text; it is recommendable at once", "", kPut, kItem},
    {"DELETE", "/v1/items/{id}", Access::write, Pace::slow, delete_item, "Takes an item out"},
    {"GET", "/v1/items/{id}/similar", Access::read, Pace::slow, similar_items,
     "Items by the cosine of their vectors with this one's", "k", "", kScoredItems},
    {"POST", "/v1/users/{user}/events", Access::write, Pace::slow, append_events,
     "Appends events to a user's history", "", kEvents, kAppended},
    {"GET", "/v1/users/{user}", Access::write, Pace::slow, get_user,
     "A user's history, oldest first", "", "", kUser},
    {"DELETE", "/v1/users/{user}", Access::write, Pace::slow, delete_user, "Forgets a user"},
    {"GET", "/v1/tokens/{level}/{code}", Access::read, Pace::slow, get_token,
     "A semantic token (levels from 1): its items and the codes nearest to it", "limit", "",
     kToken},
    {"GET", "/v1/map", Access::read, Pace::slow, get_map,
     "Items in the principal plane of the catalogue, with their first code", "limit", "", kMap},
    {"GET", "/v1/model", Access::read, Pace::quick, describe_model, "The model in use", "", "",
     kObject},
    {"POST", "/v1/admin/reload", Access::admin, Pace::slow, reload_model,
     "Loads the bundle again and swaps it in while requests run", "", "", kObject},
    {"POST", "/v1/admin/backup", Access::admin, Pace::slow, backup_store,
     "Backs the store up to the directory of --backups while it is in use", "", "", kObject},
    {"POST", "/v1/admin/purge", Access::admin, Pace::slow, purge_store,
     "Removes what was erased from the store's files now, not in time", "", "", kObject},
    {"GET", "/healthz", Access::open, Pace::quick, health, "Whether the process answers", "", "",
     kObject},
    {"GET", "/readyz", Access::open, Pace::quick, readiness, "Whether to send requests here", "",
     "", kObject},
    {"GET", "/metrics", Access::read, Pace::slow, metrics, "Counts and latencies, for Prometheus"},
    {"GET", "/openapi.json", Access::open, Pace::slow, describe_api, "This description", "", "",
     kObject},
    {"GET", "/", Access::open, Pace::quick, console_page, "The console, a page for people"},
    {"GET", "/console/{file}", Access::open, Pace::quick, console_file, "A file of the console"},
};

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text, bool plus_is_blank) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        throw Refusal(400, "invalid_request",
                      "a % in the address must stand before two hex digits");
      }
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      decoded += plus_is_blank && text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool names_a_segment(std::string_view part) { return part.starts_with('{'); }

bool fits(std::string_view pattern, std::span<const std::string_view> parts) {
  const std::vector<std::string_view> expected = split(pattern, '/');
  return std::ranges::equal(expected, parts, [](std::string_view want, std::string_view have) {
    return names_a_segment(want) ? !have.empty() : want == have;
  });
}

void read_query(std::string_view query, Match& match) {
  if (query.empty()) return;
  const std::vector<std::string_view> known = split(match.route->query, ' ');
  for (const std::string_view part : split(query, '&')) {
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    std::string name = percent_decoded(part.substr(0, equals), true);
    if (std::ranges::find(known, name) == known.end()) {
      throw Refusal(400, "invalid_request",
                    message_line(fmt::format(
                        "unknown parameter '{}'{}{}", name,
                        match.route->query.empty() ? "" : "; known are: ", match.route->query)));
    }
    match.parameters.emplace_back(
        std::move(name),
        equals == std::string_view::npos ? "" : percent_decoded(part.substr(equals + 1), true));
  }
}

Json operation_of(const Route& route) {
  Json operation = {{"summary", route.summary}};
  Json parameters = Json::array();
  for (const std::string_view part : split(route.path, '/')) {
    if (!names_a_segment(part)) continue;
    parameters.push_back({{"name", part.substr(1, part.size() - 2)},
                          {"in", "path"},
                          {"required", true},
                          {"schema", {{"type", "string"}}}});
  }
  if (!route.query.empty()) {
    for (const std::string_view name : split(route.query, ' ')) {
      parameters.push_back({{"name", name},
                            {"in", "query"},
                            {"required", name == "prefix"},
                            {"schema", {{"type", name == "prefix" ? "string" : "integer"}}}});
    }
  }
  if (!parameters.empty()) operation["parameters"] = parameters;
  const auto json_content = [](std::string_view schema) {
    return Json{{"application/json", {{"schema", Json::parse(schema)}}}};
  };
  if (!route.body.empty()) {
    operation["requestBody"] = {{"required", true}, {"content", json_content(route.body)}};
  }
  Json answer = {{"description", route.method == "DELETE" ? "Done" : "The answer"}};
  if (!route.reply.empty()) answer["content"] = json_content(route.reply);
  const char* status = route.method == "DELETE"       ? "204"
                       : route.handle == reload_model ? "202"
                                                      : "200";
  operation["responses"] = {
      {status, answer},
      {"default",
       {{"description", "Refused"},
        {"content", json_content(R"({"$ref": "#/components/schemas/Error"})")}}}};
  if (route.access != Access::open) operation["security"] = {{{"bearer", Json::array()}}};
  const char* needs[] = {"nothing", "a 'read' token, where there are such", "a 'write' token",
                         "an 'admin' token"};
  operation["description"] =
      fmt::format("Needs {}.", needs[static_cast<std::size_t>(route.access)]);
  return operation;
}

}  // namespace

std::span<const Route> routes() { return kRoutes; }

Match match_route(std::string_view method, std::string_view target, std::string& allowed) {
  const std::size_t question = target.find('?');
  const std::string_view path = target.substr(0, question);
  const std::vector<std::string_view> parts = split(path, '/');
  Match match;
  for (const Route& route : kRoutes) {
    if (!fits(route.path, parts)) continue;
    if (route.method == method) {
      match.route = &route;
      break;
    }
    allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
  }
  if (match.route == nullptr) {
    if (allowed.empty()) throw Refusal(404, "unknown_path", "there is nothing at this address");
    throw Refusal(405, "method_not_allowed", fmt::format("this address answers to {}", allowed));
  }
  const std::vector<std::string_view> pattern = split(match.route->path, '/');
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (names_a_segment(pattern[i])) match.segments.push_back(percent_decoded(parts[i], false));
  }
  if (question != std::string_view::npos) read_query(target.substr(question + 1), match);
  return match;
}

Json openapi() {
  Json paths = Json::object();
  for (const Route& route : kRoutes) {
    std::string method(route.method);
    std::ranges::transform(method, method.begin(),
                           [](char c) { return static_cast<char>(c | 0x20); });
    paths[std::string(route.path)][method] = operation_of(route);
  }
  return {{"openapi", "3.0.3"},
          {"info",
           {{"title", "Tessera"},
            {"version", "1"},
            {"description", "Recommendations by unified semantic and ID tokens."}}},
          {"paths", paths},
          {"components",
           {{"securitySchemes", {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}}}},
            {"schemas", Json::parse(R"({
              "Ids": {"type": "array", "items": {"oneOf": [{"type": "string", "minLength": 1,
                "maxLength": 256}, {"type": "integer"}]}},
              "Item": {"type": "object", "required": ["id", "title", "codes", "live"],
                "properties": {"id": {"type": "string"}, "title": {"type": "string"},
                "codes": {"type": "array", "items": {"type": "integer"}},
                "live": {"type": "boolean", "description": "put over the API"},
                "place": {"type": "array", "items": {"type": "number"},
                  "description": "in the map, where one item is asked for"}}},
              "ScoredItem": {"type": "object", "required": ["id"], "properties": {
                "id": {"type": "string"}, "title": {"type": "string"},
                "score": {"type": "number"}, "cosine": {"type": "number"},
                "codes": {"type": "array", "items": {"type": "integer"}}}},
              "Error": {"type": "object", "required": ["error"], "properties": {"error": {
                "type": "object", "required": ["code", "message"], "properties": {
                "code": {"type": "string"}, "message": {"type": "string"}}}}}
            })")}}}};
}

}  // namespace tessera
