#include "serve/routes.h"

#include <algorithm>
#include <cstdint>

#include "base/error.h"
#include "serve/body.h"
#include "serve/handlers.h"

namespace tessera {
namespace {

// JSON schemas; {"$ref": "#/components/schemas/…"} names one of openapi() below.
constexpr const char* kItems =
    R"({"type": "object", "required": ["items"], "properties": {"items": {"type": "array",
        "items": {"$ref": "#/components/schemas/Item"}}}})";
constexpr const char* kScoredItems =
    R"({"type": "object", "required": ["items"], "properties": {"items": {"type": "array",
        "items": {"$ref": "#/components/schemas/ScoredItem"}}}})";
constexpr const char* kItem = R"({"$ref": "#/components/schemas/Item"})";
constexpr const char* kObject = R"({"type": "object"})";
constexpr const char* kExplanation =
    R"({"type": "object", "required": ["item", "score", "tokens", "id_token", "history"],
        "properties": {
        "item": {"$ref": "#/components/schemas/Item"},
        "score": {"type": "number"},
        "tokens": {"type": "array", "description": "semantic tokens' parts of the score; with those of the collaborative tokens and the ID token they add up to it",
          "items": {"type": "object", "properties": {"level": {"type": "integer"},
            "code": {"type": "integer"}, "contribution": {"type": "number"}}}},
        "collaborative": {"type": "object", "description": "of models that have such tokens",
          "properties": {"contribution": {"type": "number", "description": "of all of them"},
            "tokens": {"type": "array", "items": {"type": "object", "properties": {
              "part": {"type": "integer"}, "code": {"type": "integer"},
              "contribution": {"type": "number"}}}}}},
        "id_token": {"type": "object", "properties": {"contribution": {"type": "number"}}},
        "history": {"type": "array", "description": "by how much the score would fall without this event",
          "items": {"type": "object", "properties": {"id": {"type": "string"},
            "title": {"type": "string"}, "contribution": {"type": "number"}}}}}})";
constexpr const char* kAppended =
    R"({"type": "object", "properties": {"appended": {"type": "integer"},
        "repeated": {"type": "boolean", "description": "the key was used before"},
        "unknown": {"$ref": "#/components/schemas/Ids", "description":
          "items that the model does not know, where there are any"}}})";
constexpr const char* kUser =
    R"({"type": "object", "properties": {"user": {"type": "string"},
        "items": {"$ref": "#/components/schemas/Ids"}}})";
constexpr const char* kToken =
    R"({"type": "object", "properties": {
        "level": {"type": "integer", "description": "of a semantic token"},
        "part": {"type": "integer", "description": "of a collaborative token"},
        "code": {"type": "integer"}, "count": {"type": "integer"},
        "items": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}},
        "nearest": {"type": "array", "items": {"type": "object", "properties": {
          "code": {"type": "integer"}, "cosine": {"type": "number"}}}}}})";
constexpr const char* kMap =
    R"({"type": "object", "description": "lists of one length: an item at each place",
        "properties": {"ids": {"$ref": "#/components/schemas/Ids"},
        "x": {"type": "array", "items": {"type": "number"}},
        "y": {"type": "array", "items": {"type": "number"}},
        "codes": {"type": "array", "items": {"type": "integer"}}}})";

using Kind = Field::Kind;

// The schemas that others refer to.
constexpr const char* kSchemas = R"({
  "Id": {"oneOf": [{"type": "string", "minLength": 1, "maxLength": 256}, {"type": "integer"}]},
  "Ids": {"type": "array", "items": {"$ref": "#/components/schemas/Id"}},
  "Item": {"type": "object", "required": ["id", "title", "codes", "live"], "properties": {
    "id": {"type": "string"}, "title": {"type": "string"},
    "codes": {"type": "array", "items": {"type": "integer"}, "description": "semantic, one a level"},
    "collaborative_codes": {"type": "array", "items": {"type": "integer"},
      "description": "of models that have them, where one item is asked for"},
    "live": {"type": "boolean", "description": "put over the API"},
    "attributes": {"type": "object", "description": "by name, where one item is asked for"},
    "place": {"type": "array", "items": {"type": "number"},
      "description": "in the map, where one item is asked for"}}},
  "ScoredItem": {"type": "object", "required": ["id"], "properties": {
    "id": {"type": "string"}, "title": {"type": "string"},
    "score": {"type": "number"}, "cosine": {"type": "number"},
    "attributes": {"type": "object", "description": "those of 'fields'"},
    "codes": {"type": "array", "items": {"type": "integer"}}}},
  "Filter": {"type": "object", "description": "a condition, which has a key, or a group: all of must, one of should, none of must_not",
    "properties": {
      "must": {"type": "array", "items": {"$ref": "#/components/schemas/Filter"}},
      "should": {"type": "array", "items": {"$ref": "#/components/schemas/Filter"}},
      "must_not": {"type": "array", "items": {"$ref": "#/components/schemas/Filter"}},
      "key": {"type": "string", "description": "an attribute"},
      "match": {"description": "its value"}, "any": {"type": "array", "items": {}, "description": "one of these values"},
      "range": {"type": "object", "properties": {"gt": {}, "gte": {}, "lt": {}, "lte": {}}},
      "exists": {"type": "boolean"}}},
  "Error": {"type": "object", "required": ["error"], "properties": {"error": {
    "type": "object", "required": ["code", "message"], "properties": {
    "code": {"type": "string"}, "message": {"type": "string"}}}}}
})";

constexpr std::int64_t kMaxItems = 1000;       // in an answer
constexpr std::int64_t kMaxHistory = 1000;     // events of a given history, or appended at once
constexpr std::int64_t kMaxList = 10'000;      // items of an allow or deny list
constexpr std::int64_t kMaxTitle = 4 << 10;    // bytes
constexpr std::int64_t kMaxText = 64 << 10;    // bytes
constexpr std::int64_t kMaxFilter = 64 << 10;  // bytes
constexpr std::int64_t kMaxNames = 100;        // of attributes
constexpr std::int64_t kMaxPoints = 50'000;    // of the map

// A stored history is its user's: naming one needs the right to read it, whatever the answer is
// made of, for recommendations with an allow list tell it event by event.
constexpr Field kUserField = {.name = "user",
                              .kind = Kind::id,
                              .description = "a user with stored events",
                              .access = Access::write,
                              .work = Work::store,
                              .choice = true};
constexpr Field kHistoryField = {.name = "history",
                                 .kind = Kind::ids,
                                 .most = kMaxHistory,
                                 .description = "events, oldest first",
                                 .choice = true};
constexpr Field kSkipUnknownField = {
    .name = "skip_unknown",
    .kind = Kind::flag,
    .description = "pass over items of 'history' that the model does not know"};

constexpr Field kRecommendBody[] = {
    kUserField,
    kHistoryField,
    kSkipUnknownField,
    {.name = "k", .kind = Kind::number, .most = kMaxItems, .standard = 10},
    {.name = "repeats", .kind = Kind::flag, .description = "items of the history may come again"},
    {.name = "exclude_seen",
     .kind = Kind::flag,
     .description = "the opposite of 'repeats', as it was called once",
     .standard = 1},
    {.name = "allow", .kind = Kind::ids, .most = kMaxList, .description = "only these"},
    {.name = "deny", .kind = Kind::ids, .most = kMaxList, .description = "none of these"},
    {.name = "filter",
     .kind = Kind::filter,
     .most = kMaxFilter,
     .description = "only items whose attributes pass, as JSON or in words: \"price < 20\""},
    {.name = "titles", .kind = Kind::flag, .description = "titles and semantic codes as well"},
    {.name = "fields",
     .kind = Kind::ids,
     .most = kMaxNames,
     .description = "attributes to answer with each item"},
    {.name = "scores", .kind = Kind::flag},
};
constexpr Field kExplainBody[] = {
    kUserField,
    kHistoryField,
    kSkipUnknownField,
    {.name = "item", .kind = Kind::id, .description = "the item to explain", .required = true},
};
constexpr Field kPutBody[] = {
    {.name = "title", .kind = Kind::line, .most = kMaxTitle},
    {.name = "text",
     .kind = Kind::text,
     .most = kMaxText,
     .description = "what the model reads; without it the title"},
};
constexpr Field kEventsBody[] = {
    {.name = "items",
     .kind = Kind::ids,
     .most = kMaxHistory,
     .description = "ids in time order",
     .required = true},
    {.name = "skip_unknown",
     .kind = Kind::flag,
     .description =
         "leave out items that the model does not know, which refuse the batch otherwise"},
    {.name = "keep_unknown",
     .kind = Kind::flag,
     .description = "store them as well: they count as soon as the model knows them"},
    {.name = "idempotency_key",
     .kind = Kind::id,
     .description =
         "as the header Idempotency-Key: a batch with a key used before changes nothing"},
};
constexpr Field kSimilarQuery[] = {
    {.name = "k", .kind = Kind::number, .most = kMaxItems, .standard = 10},
    {.name = "filter",
     .kind = Kind::filter,
     .most = kMaxFilter,
     .description = "only items whose attributes pass, as JSON or in words"}};
constexpr Field kLimitQuery[] = {
    {.name = "limit", .kind = Kind::number, .most = kMaxItems, .standard = 20}};
constexpr Field kMapQuery[] = {
    {.name = "limit", .kind = Kind::number, .most = kMaxPoints, .standard = kMaxPoints}};
constexpr Field kFindQuery[] = {{.name = "prefix",
                                 .kind = Kind::text,
                                 .most = 1024,
                                 .description = "beginnings of words, or an id",
                                 .required = true},
                                kLimitQuery[0]};

const Route kRoutes[] = {
    {"POST",
     "/v1/recommend",
     Access::read,
     Work::quick,
     recommend,
     "The best items for a stored user or a given history",
     {},
     kRecommendBody,
     kScoredItems},
    {"POST",
     "/v1/explain",
     Access::read,
     Work::compute,
     explain,
     "Why an item scores as it does: each token's part, and each event's",
     {},
     kExplainBody,
     kExplanation},
    {"GET",
     "/v1/items",
     Access::read,
     Work::compute,
     find_items,
     "Items in whose id or title every given word begins a word",
     kFindQuery,
     {},
     kItems},
    {"GET", "/v1/items/{id}", Access::read, Work::quick, get_item, "One item", {}, {}, kItem},
    {"PUT",
     "/v1/items/{id}",
     Access::write,
     Work::store,
     put_item,
     "Puts an item by its text, new or in place of another; it is recommendable at once",
     {},
     kPutBody,
     kItem},
    {"DELETE", "/v1/items/{id}", Access::write, Work::store, delete_item, "Erases an item"},
    {"GET",
     "/v1/items/{id}/similar",
     Access::read,
     Work::compute,
     similar_items,
     "Items by the cosine of their vectors with this one's",
     kSimilarQuery,
     {},
     kScoredItems},
    {"POST",
     "/v1/users/{user}/events",
     Access::write,
     Work::store,
     append_events,
     "Appends events to a user's history",
     {},
     kEventsBody,
     kAppended},
    {"GET",
     "/v1/users/{user}",
     Access::write,
     Work::store,
     get_user,
     "A user's history, oldest first",
     {},
     {},
     kUser},
    {"DELETE", "/v1/users/{user}", Access::write, Work::store, delete_user, "Forgets a user"},
    {"GET",
     "/v1/tokens/{level}/{code}",
     Access::read,
     Work::compute,
     get_token,
     "A token, by its level (from 1) or its collaborative part (c1, c2 …): its items and the "
     "codes nearest to it",
     kLimitQuery,
     {},
     kToken},
    {"GET",
     "/v1/map",
     Access::read,
     Work::compute,
     get_map,
     "Items in the principal plane of the catalogue, with their first semantic code",
     kMapQuery,
     {},
     kMap},
    {"GET",
     "/v1/model",
     Access::read,
     Work::quick,
     describe_model,
     "The model in use",
     {},
     {},
     kObject},
    {"POST",
     "/v1/admin/reload",
     Access::admin,
     Work::quick,
     reload_model,
     "Loads the bundle again and swaps it in while requests run",
     {},
     {},
     kObject},
    {"POST",
     "/v1/admin/backup",
     Access::admin,
     Work::admin,
     backup_store,
     "Backs the store up to the directory of --backups while it is in use",
     {},
     {},
     kObject},
    {"POST",
     "/v1/admin/purge",
     Access::admin,
     Work::admin,
     purge_store,
     "Removes what was erased from the store's files now, not in time",
     {},
     {},
     kObject},
    {"GET",
     "/healthz",
     Access::open,
     Work::quick,
     health,
     "Whether the process answers",
     {},
     {},
     kObject},
    {"GET",
     "/readyz",
     Access::open,
     Work::store,
     readiness,
     "Whether to send requests here",
     {},
     {},
     kObject},
    {"GET", "/metrics", Access::read, Work::compute, metrics,
     "Counts and latencies, for Prometheus"},
    {"GET",
     "/openapi.json",
     Access::open,
     Work::compute,
     describe_api,
     "This description",
     {},
     {},
     kObject},
    {"GET", "/", Access::open, Work::quick, console_page, "The console, a page for people"},
    {"GET", "/console/{file}", Access::open, Work::quick, console_file, "A file of the console"},
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
  const std::span<const Field> known = match.route->query;
  for (const std::string_view part : split(query, '&')) {
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    std::string name = percent_decoded(part.substr(0, equals), true);
    if (std::ranges::find(known, name, &Field::name) == known.end()) {
      throw Refusal(
          400, "invalid_request",
          message_line(fmt::format("unknown parameter '{}'{}{}", name,
                                   known.empty() ? "" : "; known are: ", names_of(known))));
    }
    for (const auto& [earlier, value] : match.parameters) {
      if (earlier == name) {
        throw Refusal(400, "invalid_request", fmt::format("'{}' stands there twice", name));
      }
    }
    match.parameters.emplace_back(
        std::move(name),
        equals == std::string_view::npos ? "" : percent_decoded(part.substr(equals + 1), true));
  }
}

Json schema_of(const Field& field) {
  Json schema;
  switch (field.kind) {
    case Kind::flag:
      schema = {{"type", "boolean"}, {"default", field.standard != 0}};
      break;
    case Kind::number:
      schema = {{"type", "integer"},
                {"minimum", 1},
                {"maximum", field.most},
                {"default", field.standard}};
      break;
    case Kind::id:
      schema = {{"oneOf",
                 {{{"type", "string"}, {"minLength", 1}, {"maxLength", kLongestId}},
                  {{"type", "integer"}}}}};
      break;
    case Kind::ids:
      schema = {{"type", "array"},
                {"maxItems", field.most},
                {"items", {{"$ref", "#/components/schemas/Id"}}}};
      break;
    case Kind::line:
    case Kind::text:
      schema = {{"type", "string"}, {"maxLength", field.most}};
      break;
    case Kind::filter:
      schema = {{"oneOf",
                 {{{"$ref", "#/components/schemas/Filter"}},
                  {{"type", "string"}, {"maxLength", field.most}}}}};
      break;
    case Kind::object:
      schema = {{"type", "object"}};
      break;
  }
  if (!field.description.empty()) schema["description"] = field.description;
  return schema;
}

Json body_schema(const Route& route) {
  Json properties = Json::object(), required = Json::array(), choices = Json::array();
  for (const Field& field : route.body) {
    properties[std::string(field.name)] = schema_of(field);
    if (field.required) required.push_back(field.name);
    if (field.choice) choices.push_back({{"required", {field.name}}});
  }
  Json schema = {{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = required;
  if (!choices.empty()) schema["oneOf"] = choices;
  return schema;
}

Json parameters_of(const Route& route) {
  Json parameters = Json::array();
  for (const std::string_view part : split(route.path, '/')) {
    if (!names_a_segment(part)) continue;
    parameters.push_back({{"name", part.substr(1, part.size() - 2)},
                          {"in", "path"},
                          {"required", true},
                          {"schema", {{"type", "string"}}}});
  }
  for (const Field& field : route.query) {
    parameters.push_back({{"name", field.name},
                          {"in", "query"},
                          {"required", field.required},
                          {"schema", schema_of(field)}});
  }
  return parameters;
}

/// The rights that a route and its fields need, in a sentence each.
std::string needs_of(const Route& route) {
  const char* needs[] = {"nothing", "a 'read' token, where there are such", "a 'write' token",
                         "an 'admin' token"};
  const auto need = [&](Access access) { return needs[static_cast<std::size_t>(access)]; };
  std::string sentences = fmt::format("Needs {}.", need(route.access));
  for (const Field& field : route.body) {
    if (field.access <= route.access) continue;
    sentences += fmt::format(" '{}' needs {}.", field.name, need(field.access));
  }
  return sentences;
}

Json operation_of(const Route& route, bool with_tokens) {
  Json operation = {{"summary", route.summary}};
  const Json parameters = parameters_of(route);
  if (!parameters.empty()) operation["parameters"] = parameters;
  const auto json_content = [](Json schema) {
    return Json{{"application/json", {{"schema", std::move(schema)}}}};
  };
  if (!route.body.empty()) {
    operation["requestBody"] = {{"required", true}, {"content", json_content(body_schema(route))}};
  }
  Json answer = {{"description", route.method == "DELETE" ? "Done" : "The answer"}};
  if (!route.reply.empty()) answer["content"] = json_content(Json::parse(route.reply));
  const char* status = route.method == "DELETE"       ? "204"
                       : route.handle == reload_model ? "202"
                                                      : "200";
  operation["responses"] = {
      {status, answer},
      {"default",
       {{"description", "Refused"},
        {"content", json_content({{"$ref", "#/components/schemas/Error"}})}}}};
  if (with_tokens) {
    if (route.access != Access::open) operation["security"] = {{{"bearer", Json::array()}}};
    operation["description"] = needs_of(route);
  }
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

Json openapi(bool with_tokens) {
  Json paths = Json::object();
  for (const Route& route : kRoutes) {
    std::string method(route.method);
    std::ranges::transform(method, method.begin(),
                           [](char c) { return static_cast<char>(c | 0x20); });
    paths[std::string(route.path)][method] = operation_of(route, with_tokens);
  }
  Json components = {{"schemas", Json::parse(kSchemas)}};
  if (with_tokens) {
    components["securitySchemes"] = {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}}};
  }
  return {{"openapi", "3.0.3"},
          {"info",
           {{"title", "Tessera"},
            {"version", "1"},
            {"description", "Recommendations by unified semantic and ID tokens."}}},
          {"paths", paths},
          {"components", components}};
}

}  // namespace tessera
