#include "serve/routes.h"

#include <cstdint>

#include "serve/handlers.h"

namespace tessera {
namespace {

// JSON schemas; {"$ref": "#/components/schemas/…"} names one of openapi.cpp.
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
        "rules": {"type": "object", "description": "what the rules do to the item in the list that is asked for",
          "properties": {"score": {"type": "number", "description": "with what they add"},
            "parts": {"type": "array", "items": {"type": "object", "properties": {
              "rule": {"type": "string"}, "adds": {"type": "number"}}}},
            "place": {"type": "integer", "nullable": true, "description": "in the list, from 1"},
            "place_without": {"type": "integer", "nullable": true, "description": "in the list without rules"},
            "pinned": {"type": "boolean"}, "buried": {"type": "boolean"},
            "too_low": {"type": "boolean", "description": "below the least score"},
            "full": {"type": "array", "items": {"type": "string"}, "description": "caps that others have used up"}}},
        "history": {"type": "array", "description": "by how much the score would fall without this event",
          "items": {"type": "object", "properties": {"id": {"type": "string"},
            "title": {"type": "string"}, "contribution": {"type": "number"}}}}}})";
constexpr const char* kScores =
    R"({"type": "object", "required": ["items"], "properties": {
        "state": {"type": "array", "items": {"type": "number"}},
        "items": {"type": "array", "description": "in the order of the request",
          "items": {"type": "object", "required": ["id", "score"], "properties": {
            "id": {"type": "string"}, "score": {"type": ["number", "null"]},
            "vector": {"type": "array", "items": {"type": "number"}}}}}}})";
constexpr const char* kAppended =
    R"({"type": "object", "properties": {"appended": {"type": "integer"},
        "repeated": {"type": "boolean", "description": "the key was used before"},
        "unknown": {"$ref": "#/components/schemas/Ids", "description":
          "items that the model does not know, where there are any"}}})";
constexpr const char* kUser =
    R"({"type": "object", "properties": {"user": {"type": "string"},
        "items": {"$ref": "#/components/schemas/Ids"}}})";
constexpr const char* kLineReport =
    R"({"type": "object", "description": "a line for each line that failed, and at last a line with the numbers",
        "properties": {"line": {"type": "integer"}, "error": {"type": "object", "properties": {
          "code": {"type": "string"}, "message": {"type": "string"}}},
        "lines": {"type": "integer"}, "done": {"type": "integer"},
        "repeated": {"type": "integer"}, "failed": {"type": "integer"}}})";
constexpr const char* kLists =
    R"({"type": "object", "required": ["lists"], "properties": {"lists": {"type": "array",
        "items": {"$ref": "#/components/schemas/Recommendations"}}}})";
constexpr const char* kToken =
    R"({"type": "object", "properties": {
        "level": {"type": "integer", "description": "of a semantic token"},
        "part": {"type": "integer", "description": "of a collaborative token"},
        "code": {"type": "integer"}, "count": {"type": "integer"},
        "items": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}},
        "nearest": {"type": "array", "items": {"type": "object", "properties": {
          "code": {"type": "integer"}, "cosine": {"type": "number"}}}}}})";
constexpr const char* kEventsPage =
    R"({"type": "object", "properties": {
        "events": {"type": "array", "items": {"type": "object", "properties": {
          "user": {"type": "string"}, "item": {"type": "string"}, "kind": {"type": "string"},
          "weight": {"type": "number"},
          "time": {"type": "integer", "description": "milliseconds since 1970"}}}},
        "cursor": {"type": "string", "nullable": true, "description": "of the next page; null at the end"},
        "next_since": {"type": "integer", "description":
          "of the first page: what to ask for next time, which misses nothing"}}})";
constexpr const char* kMap =
    R"({"type": "object", "description": "lists of one length: an item at each place",
        "properties": {"ids": {"$ref": "#/components/schemas/Ids"},
        "x": {"type": "array", "items": {"type": "number"}},
        "y": {"type": "array", "items": {"type": "number"}},
        "codes": {"type": "array", "items": {"type": "integer"}}}})";

using Kind = Field::Kind;

constexpr std::int64_t kMaxItems = 1000;       // in an answer
constexpr std::int64_t kMaxHistory = 1000;     // events of a given history, or appended at once
constexpr std::int64_t kMaxList = 10'000;      // items of an allow or deny list
constexpr std::int64_t kMaxTitle = 4 << 10;    // bytes
constexpr std::int64_t kMaxText = 64 << 10;    // bytes
constexpr std::int64_t kMaxFilter = 64 << 10;  // bytes
constexpr std::int64_t kMaxMany = 100;         // lists in an answer
constexpr std::int64_t kMaxNames = 100;        // of attributes
constexpr std::int64_t kMaxEvents = 100'000;   // of a page
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

constexpr std::string_view kFallbacks[] = {"trending", "popular", "newest", "mixed", "none"};

constexpr Field kKField = {.name = "k", .kind = Kind::number, .most = kMaxItems, .standard = 10};
constexpr Field kFilterField = {
    .name = "filter",
    .kind = Kind::filter,
    .most = kMaxFilter,
    .description = "only items whose attributes pass, as JSON or in words: \"price < 20\""};
constexpr Field kRulesField = {
    .name = "rules",
    .kind = Kind::object,
    .most = kMaxFilter,
    .description = "what changes the order: boosts, caps, pinned items, diversity and others",
    .work = Work::compute};
constexpr Field kFieldsField = {.name = "fields",
                                .kind = Kind::ids,
                                .most = kMaxNames,
                                .description = "attributes to answer with each item"};

constexpr Field kFallbackField = {
    .name = "fallback",
    .kind = Kind::words,
    .description =
        "what a user without a history that the model knows gets, in this order: what was touched "
        "most of late (trending), most in training (popular), put last (newest); or alone: all of "
        "them in turn (mixed), or a refusal (none). Without it: trending, popular",
    .words = kFallbacks};

constexpr Field kRecommendBody[] = {
    kUserField,
    kHistoryField,
    kSkipUnknownField,
    kKField,
    {.name = "offset",
     .kind = Kind::number,
     .most = kMaxItems,
     .description = "leave out so many of the best: the next page",
     .least = 0},
    {.name = "repeats", .kind = Kind::flag, .description = "items of the history may come again"},
    {.name = "exclude_seen",
     .kind = Kind::flag,
     .description = "the opposite of 'repeats', as it was called once",
     .standard = 1},
    {.name = "allow", .kind = Kind::ids, .most = kMaxList, .description = "only these"},
    {.name = "deny", .kind = Kind::ids, .most = kMaxList, .description = "none of these"},
    kFilterField,
    kRulesField,
    kFallbackField,
    {.name = "titles", .kind = Kind::flag, .description = "titles and semantic codes as well"},
    kFieldsField,
    {.name = "scores", .kind = Kind::flag},
    {.name = "vectors",
     .kind = Kind::flag,
     .description = "each item's vector, and the user's state: their inner product is the score"},
};
constexpr Field kScoreBody[] = {
    kUserField,
    kHistoryField,
    kSkipUnknownField,
    {.name = "items",
     .kind = Kind::ids,
     .most = kMaxList,
     .description = "candidates, in any order; those that the model does not know score null",
     .required = true},
    {.name = "vectors",
     .kind = Kind::flag,
     .description = "each item's vector, and the user's state: their inner product is the score"},
};
constexpr Field kExplainBody[] = {
    kUserField,
    kHistoryField,
    kSkipUnknownField,
    {.name = "item", .kind = Kind::id, .description = "the item to explain", .required = true},
    kRulesField,
    kFilterField,
    kKField,
};
constexpr Field kSimilarBody[] = {
    {.name = "liked", .kind = Kind::ids, .most = kMaxHistory, .description = "items to be like"},
    {.name = "disliked", .kind = Kind::ids, .most = kMaxHistory, .description = "and unlike"},
    {.name = "text",
     .kind = Kind::text,
     .most = kMaxText,
     .description = "of an item that nobody knows, to be like"},
    kKField,
    kFilterField,
    kFieldsField,
};
constexpr Field kPatchBody[] = {
    {.name = "attributes",
     .kind = Kind::object,
     .most = kMaxText,
     .description = "those to change: a number, true, false, a string or list of strings, null",
     .required = true},
};
constexpr Field kPutBody[] = {
    {.name = "attributes",
     .kind = Kind::object,
     .most = kMaxText,
     .description = "as of PATCH; those not named stay as they were"},
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
     .choice = true},
    {.name = "events",
     .kind = Kind::events,
     .most = kMaxHistory,
     .description = "the same with what is known of each: its kind, what it weighs, and its time "
                    "(by its sender's clock; without one the service's)",
     .choice = true},
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
constexpr Field kBulkItemsBody[] = {
    {.name = "id", .kind = Kind::id, .description = "of the item", .required = true},
    {.name = "title", .kind = Kind::line, .most = kMaxTitle, .description = "it is put, as by PUT"},
    {.name = "text", .kind = Kind::text, .most = kMaxText, .description = "it is put, as by PUT"},
    {.name = "attributes", .kind = Kind::object, .most = kMaxText, .description = "as of PATCH"},
    {.name = "erase", .kind = Kind::flag, .description = "it is taken out, as by DELETE"},
};
constexpr Field kBulkEventsBody[] = {
    {.name = "user", .kind = Kind::id, .description = "whose events they are", .required = true},
    kEventsBody[0],
    kEventsBody[1],
    kEventsBody[2],
    kEventsBody[3],
    {.name = "idempotency_key",
     .kind = Kind::id,
     .description = "without it, if the request has the header Idempotency-Key: that, a colon and "
                    "the number of the line"},
};
constexpr Field kManyBody[] = {
    {.name = "users",
     .kind = Kind::ids,
     .most = kMaxMany,
     .description = "users with stored events",
     .access = Access::write,
     .choice = true},
    {.name = "histories",
     .kind = Kind::lists,
     .most = kMaxMany,
     .description = "events of each, oldest first",
     .choice = true},
    kSkipUnknownField,
    kKField,
    {.name = "repeats", .kind = Kind::flag, .description = "items of a history may come again"},
    kRecommendBody[7],
    kRecommendBody[8],
    kFilterField,
    kRulesField,
    kFallbackField,
    {.name = "titles", .kind = Kind::flag, .description = "titles and semantic codes as well"},
    kFieldsField,
    {.name = "scores", .kind = Kind::flag},
};
constexpr Field kSimilarQuery[] = {
    {.name = "k", .kind = Kind::number, .most = kMaxItems, .standard = 10},
    {.name = "filter",
     .kind = Kind::filter,
     .most = 1024,
     .description = "only items whose attributes pass, as JSON or in words"}};
constexpr Field kLimitQuery[] = {
    {.name = "limit", .kind = Kind::number, .most = kMaxItems, .standard = 20}};
constexpr Field kEventsQuery[] = {
    {.name = "since",
     .kind = Kind::line,
     .most = 64,
     .description = "only events that were received then or later: a time since 1970 or a date"},
    {.name = "cursor",
     .kind = Kind::line,
     .most = 1024,
     .description = "where the page before ended; without it the first page"},
    {.name = "limit",
     .kind = Kind::number,
     .most = kMaxEvents,
     .description = "events after which the page ends, with the user at hand",
     .standard = 10'000}};
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
     R"({"$ref": "#/components/schemas/Recommendations"})"},
    {"POST",
     "/v1/score",
     Access::read,
     Work::compute,
     score_items,
     "What given items score after a history, for whoever picks candidates or ranks again "
     "elsewhere",
     {},
     kScoreBody,
     kScores},
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
     Work::change,
     put_item,
     "Puts an item by its text, new or in place of another; it is recommendable at once",
     {},
     kPutBody,
     kItem},
    {"PATCH",
     "/v1/items/{id}",
     Access::write,
     Work::change,
     patch_item,
     "Changes attributes of an item; the next list sees it",
     {},
     kPatchBody,
     R"({"type": "object", "properties": {"id": {"type": "string"}, "attributes": {"type": "object"}}})"},
    {"DELETE", "/v1/items/{id}", Access::write, Work::change, delete_item, "Erases an item"},
    {"POST",
     "/v1/items/{id}/restore",
     Access::write,
     Work::change,
     restore_item,
     "Takes an erased item of the catalogue in again, as the model knows it",
     {},
     {},
     kItem},
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
     "/v1/similar",
     Access::read,
     Work::compute,
     similar_to,
     "Items like some that are liked, unlike some that are not, and like a text",
     {},
     kSimilarBody,
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
    {.method = "POST",
     .path = "/v1/recommend:bulk",
     .access = Access::read,
     .work = Work::store,
     .handle = recommend_many,
     .summary = "Lists for many users or histories, each as of /v1/recommend",
     .body = kManyBody,
     .reply = kLists},
    {.method = "POST",
     .path = "/v1/items:bulk",
     .access = Access::write,
     .work = Work::change,
     .handle = bulk_items,
     .summary = "Puts, changes and erases items: a line of JSON each, of any number",
     .body = kBulkItemsBody,
     .reply = kLineReport,
     .lines = true},
    {.method = "POST",
     .path = "/v1/events:bulk",
     .access = Access::write,
     .work = Work::store,
     .handle = bulk_events,
     .summary = "Appends events to histories: a line of JSON for each batch of a user",
     .body = kBulkEventsBody,
     .reply = kLineReport,
     .lines = true},
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
    {"GET",
     "/v1/admin/events",
     Access::admin,
     Work::admin,
     list_events,
     "Stored events, user by user, a page at a time",
     kEventsQuery,
     {},
     kEventsPage},
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

}  // namespace

std::span<const Route> routes() { return kRoutes; }

}  // namespace tessera
