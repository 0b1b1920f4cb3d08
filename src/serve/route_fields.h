// What bodies and queries of the routes may hold: the table in routes.cpp is made of these.
#pragma once
#include <cstdint>

#include "serve/routes.h"

namespace tessera::fields {

inline constexpr std::int64_t kMaxItems = 1000;    // in an answer
inline constexpr std::int64_t kMaxHistory = 1000;  // events of a given history, or appended at once
inline constexpr std::int64_t kMaxList = 10'000;   // items of an allow or deny list
inline constexpr std::int64_t kMaxTitle = 4 << 10;     // bytes
inline constexpr std::int64_t kMaxText = 64 << 10;     // bytes
inline constexpr std::int64_t kMaxFilter = 64 << 10;   // bytes
inline constexpr std::int64_t kMaxMany = 100;          // lists in an answer
inline constexpr std::int64_t kMaxNames = 100;         // of attributes
inline constexpr std::int64_t kMaxEvents = 100'000;    // of a page
inline constexpr std::int64_t kMaxUsers = 10'000'000;  // that are compared
inline constexpr std::int64_t kMaxPoints = 50'000;     // of the map

// A stored history is its user's: naming one needs the right to read it, whatever the answer is
// made of, for recommendations with an allow list tell it event by event.
inline constexpr Field kUserField = {.name = "user",
                                     .kind = Field::Kind::id,
                                     .description = "a user with stored events",
                                     .access = Access::write,
                                     .work = Work::store,
                                     .choice = true};
inline constexpr Field kHistoryField = {.name = "history",
                                        .kind = Field::Kind::ids,
                                        .most = kMaxHistory,
                                        .description = "events, oldest first",
                                        .choice = true};
inline constexpr Field kSkipUnknownField = {
    .name = "skip_unknown",
    .kind = Field::Kind::flag,
    .description = "pass over items of 'history' that the model does not know"};

inline constexpr std::string_view kFallbacks[] = {"trending", "popular", "newest", "mixed", "none"};

inline constexpr Field kKField = {
    .name = "k", .kind = Field::Kind::number, .most = kMaxItems, .standard = 10};
inline constexpr Field kFilterField = {
    .name = "filter",
    .kind = Field::Kind::filter,
    .most = kMaxFilter,
    .description = "only items whose attributes pass, as JSON or in words: \"price < 20\""};
inline constexpr Field kRulesField = {
    .name = "rules",
    .kind = Field::Kind::object,
    .most = kMaxFilter,
    .description = "what changes the order: boosts, caps, pinned items, diversity and others",
    .work = Work::compute};
inline constexpr Field kFieldsField = {.name = "fields",
                                       .kind = Field::Kind::ids,
                                       .most = kMaxNames,
                                       .description = "attributes to answer with each item"};

inline constexpr std::int64_t kMaxName = 32;        // bytes, of a variant
inline constexpr std::int64_t kMaxRequestId = 128;  // bytes
inline constexpr std::int64_t kMaxShown = 100;      // items of an impression

inline constexpr Field kVariantField = {
    .name = "variant",
    .kind = Field::Kind::line,
    .most = kMaxName,
    .description =
        "the variant that is to answer, to look at it: such lists are not counted. Without "
        "it that of the user, or of the request's id where no user is named"};
inline constexpr Field kVariantQuery = {.name = "variant",
                                        .kind = Field::Kind::line,
                                        .most = kMaxName,
                                        .description = "the variant that is to answer (the first)"};
inline constexpr Field kRequestField = {
    .name = "request_id",
    .kind = Field::Kind::line,
    .most = kMaxRequestId,
    .description = "of the request (header X-Request-Id) whose list led to this"};
inline constexpr Field kOfVariantField = {
    .name = "variant",
    .kind = Field::Kind::line,
    .most = kMaxName,
    .description =
        "of that request (header Tessera-Variant), for lists that are not remembered here: "
        "of another process, or older than the latest 100,000"};

inline constexpr Field kFallbackField = {
    .name = "fallback",
    .kind = Field::Kind::words,
    .description =
        "what a user without a history that the model knows gets, in this order: what was touched "
        "most of late (trending), most in training (popular), put last (newest); or alone: all of "
        "them in turn (mixed), or a refusal (none). Without it: trending, popular",
    .words = kFallbacks};
inline constexpr Field kBlendField = {
    .name = "blend",
    .kind = Field::Kind::object,
    .most = kMaxFilter,
    .description =
        "what is blended into the lists of short histories: \"share\" of the fall-back from 0 to 1 "
        "(0.5), \"events\" of the longest history that gets it (2), \"from\" as 'fallback' "
        "(trending). Without it such lists are the model's alone",
    .work = Work::compute};

inline constexpr Field kRecommendBody[] = {
    kUserField,
    kHistoryField,
    kSkipUnknownField,
    kKField,
    {.name = "offset",
     .kind = Field::Kind::number,
     .most = kMaxItems,
     .description = "leave out so many of the best: the next page",
     .least = 0},
    {.name = "repeats",
     .kind = Field::Kind::flag,
     .description = "items of the history may come again"},
    {.name = "exclude_seen",
     .kind = Field::Kind::flag,
     .description = "the opposite of 'repeats', as it was called once",
     .standard = 1},
    {.name = "allow", .kind = Field::Kind::ids, .most = kMaxList, .description = "only these"},
    {.name = "deny", .kind = Field::Kind::ids, .most = kMaxList, .description = "none of these"},
    kFilterField,
    kRulesField,
    kFallbackField,
    kBlendField,
    {.name = "titles",
     .kind = Field::Kind::flag,
     .description = "titles and semantic codes as well"},
    kFieldsField,
    {.name = "scores", .kind = Field::Kind::flag},
    {.name = "vectors",
     .kind = Field::Kind::flag,
     .description = "each item's vector, and the user's state: their inner product is the score"},
    kVariantField,
};
inline constexpr Field kScoreBody[] = {
    kUserField,
    kHistoryField,
    kSkipUnknownField,
    kVariantField,
    {.name = "items",
     .kind = Field::Kind::ids,
     .most = kMaxList,
     .description = "candidates, in any order; those that the model does not know score null",
     .required = true},
    {.name = "vectors",
     .kind = Field::Kind::flag,
     .description = "each item's vector, and the user's state: their inner product is the score"},
};
inline constexpr Field kExplainBody[] = {
    kUserField,
    kHistoryField,
    kSkipUnknownField,
    {.name = "item",
     .kind = Field::Kind::id,
     .description = "the item to explain",
     .required = true},
    kRulesField,
    kFilterField,
    kKField,
    kVariantField,
};
inline constexpr Field kImpressionBody[] = {
    {.name = "request_id",
     .kind = Field::Kind::line,
     .most = kMaxRequestId,
     .description = "of the request (header X-Request-Id) whose list was shown",
     .required = true},
    {.name = "items",
     .kind = Field::Kind::ids,
     .most = kMaxShown,
     .description = "of the list, those that somebody saw",
     .required = true},
    kOfVariantField,
};
inline constexpr Field kSimilarBody[] = {
    {.name = "liked",
     .kind = Field::Kind::ids,
     .most = kMaxHistory,
     .description = "items to be like"},
    {.name = "disliked",
     .kind = Field::Kind::ids,
     .most = kMaxHistory,
     .description = "and unlike"},
    {.name = "text",
     .kind = Field::Kind::text,
     .most = kMaxText,
     .description = "of an item that nobody knows, to be like"},
    kKField,
    kFilterField,
    kFieldsField,
    kVariantQuery,
};
inline constexpr Field kSimilarUsersBody[] = {
    kUserField,
    kHistoryField,
    kSkipUnknownField,
    kKField,
    {.name = "users",
     .kind = Field::Kind::number,
     .most = kMaxUsers,
     .description = "stored users to compare with at most, in the store's order",
     .standard = 100'000},
    kVariantField,
};
inline constexpr Field kPatchBody[] = {
    {.name = "attributes",
     .kind = Field::Kind::object,
     .most = kMaxText,
     .description = "those to change: a number, true, false, a string or list of strings, null",
     .required = true},
};
inline constexpr Field kPutBody[] = {
    {.name = "attributes",
     .kind = Field::Kind::object,
     .most = kMaxText,
     .description = "as of PATCH; those not named stay as they were"},
    {.name = "title", .kind = Field::Kind::line, .most = kMaxTitle},
    {.name = "text",
     .kind = Field::Kind::text,
     .most = kMaxText,
     .description = "what the model reads; without it the title"},
};
inline constexpr Field kEventsBody[] = {
    {.name = "items",
     .kind = Field::Kind::ids,
     .most = kMaxHistory,
     .description = "ids in time order",
     .choice = true},
    {.name = "events",
     .kind = Field::Kind::events,
     .most = kMaxHistory,
     .description = "the same with what is known of each: its kind, what it weighs, and its time "
                    "(by its sender's clock; without one the service's)",
     .choice = true},
    {.name = "skip_unknown",
     .kind = Field::Kind::flag,
     .description =
         "leave out items that the model does not know, which refuse the batch otherwise"},
    {.name = "keep_unknown",
     .kind = Field::Kind::flag,
     .description = "store them as well: they count as soon as the model knows them"},
    {.name = "idempotency_key",
     .kind = Field::Kind::id,
     .description =
         "as the header Idempotency-Key: a batch with a key used before changes nothing"},
    kRequestField,
    kOfVariantField,
};
inline constexpr Field kBulkItemsBody[] = {
    {.name = "id", .kind = Field::Kind::id, .description = "of the item", .required = true},
    {.name = "title",
     .kind = Field::Kind::line,
     .most = kMaxTitle,
     .description = "it is put, as by PUT"},
    {.name = "text",
     .kind = Field::Kind::text,
     .most = kMaxText,
     .description = "it is put, as by PUT"},
    {.name = "attributes",
     .kind = Field::Kind::object,
     .most = kMaxText,
     .description = "as of PATCH"},
    {.name = "erase", .kind = Field::Kind::flag, .description = "it is taken out, as by DELETE"},
};
inline constexpr Field kBulkEventsBody[] = {
    {.name = "user",
     .kind = Field::Kind::id,
     .description = "whose events they are",
     .required = true},
    kEventsBody[0],
    kEventsBody[1],
    kEventsBody[2],
    kEventsBody[3],
    kRequestField,
    kOfVariantField,
    {.name = "idempotency_key",
     .kind = Field::Kind::id,
     .description = "without it, if the request has the header Idempotency-Key: that, a colon and "
                    "the number of the line"},
};
inline constexpr Field kManyBody[] = {
    {.name = "users",
     .kind = Field::Kind::ids,
     .most = kMaxMany,
     .description = "users with stored events",
     .access = Access::write,
     .choice = true},
    {.name = "histories",
     .kind = Field::Kind::lists,
     .most = kMaxMany,
     .description = "events of each, oldest first",
     .choice = true},
    kSkipUnknownField,
    kKField,
    {.name = "repeats",
     .kind = Field::Kind::flag,
     .description = "items of a history may come again"},
    kRecommendBody[7],
    kRecommendBody[8],
    kFilterField,
    kRulesField,
    kFallbackField,
    kBlendField,
    {.name = "titles",
     .kind = Field::Kind::flag,
     .description = "titles and semantic codes as well"},
    kFieldsField,
    {.name = "scores", .kind = Field::Kind::flag},
    kVariantField,
};
inline constexpr Field kModelQuery[] = {kVariantQuery};
inline constexpr Field kSimilarQuery[] = {
    {.name = "k", .kind = Field::Kind::number, .most = kMaxItems, .standard = 10},
    {.name = "filter",
     .kind = Field::Kind::filter,
     .most = 1024,
     .description = "only items whose attributes pass, as JSON or in words"},
    kVariantQuery};
inline constexpr Field kLimitQuery[] = {
    {.name = "limit", .kind = Field::Kind::number, .most = kMaxItems, .standard = 20}};
inline constexpr Field kEventsQuery[] = {
    {.name = "since",
     .kind = Field::Kind::line,
     .most = 64,
     .description = "only events that were received then or later: a time since 1970 or a date"},
    {.name = "cursor",
     .kind = Field::Kind::line,
     .most = 1024,
     .description = "where the page before ended; without it the first page"},
    {.name = "limit",
     .kind = Field::Kind::number,
     .most = kMaxEvents,
     .description = "events after which the page ends, with the user at hand",
     .standard = 10'000}};
inline constexpr Field kMapQuery[] = {
    {.name = "limit", .kind = Field::Kind::number, .most = kMaxPoints, .standard = kMaxPoints}};
inline constexpr Field kItemQuery[] = {
    {.name = "kind",
     .kind = Field::Kind::line,
     .most = 16,
     .description = "'semantic', 'collaborative' or 'id': its tokens of this kind alone, codes or "
                    "the vector of the ID token, under 'tokens'"}};
inline constexpr Field kFindQuery[] = {{.name = "prefix",
                                        .kind = Field::Kind::text,
                                        .most = 1024,
                                        .description = "beginnings of words, or an id",
                                        .required = true},
                                       kLimitQuery[0]};

}  // namespace tessera::fields
