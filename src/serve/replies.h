#pragma once

/// What routes answer, as JSON schemas; {"$ref": "#/components/schemas/…"} names one of
/// openapi.cpp.
namespace tessera::replies {

inline constexpr const char* kItems =
    R"({"type": "object", "required": ["items"], "properties": {"items": {"type": "array",
        "items": {"$ref": "#/components/schemas/Item"}}}})";
inline constexpr const char* kScoredItems =
    R"({"type": "object", "required": ["items"], "properties": {"items": {"type": "array",
        "items": {"$ref": "#/components/schemas/ScoredItem"}}}})";
inline constexpr const char* kItem = R"({"$ref": "#/components/schemas/Item"})";
inline constexpr const char* kObject = R"({"type": "object"})";
inline constexpr const char* kExplanation =
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
inline constexpr const char* kScores =
    R"({"type": "object", "required": ["items"], "properties": {
        "state": {"type": "array", "items": {"type": "number"}},
        "items": {"type": "array", "description": "in the order of the request",
          "items": {"type": "object", "required": ["id", "score"], "properties": {
            "id": {"type": "string"}, "score": {"type": ["number", "null"]},
            "vector": {"type": "array", "items": {"type": "number"}}}}}}})";
inline constexpr const char* kAppended =
    R"({"type": "object", "properties": {"appended": {"type": "integer"},
        "repeated": {"type": "boolean", "description": "the key was used before"},
        "unknown": {"$ref": "#/components/schemas/Ids", "description":
          "items that the model does not know, where there are any"},
        "variant": {"type": "string", "nullable": true, "description":
          "that answered 'request_id'; null where it is not known, and nothing is counted"}}})";
inline constexpr const char* kSimilarUsers =
    R"({"type": "object", "required": ["users", "compared", "all"], "properties": {
        "users": {"type": "array", "items": {"type": "object", "properties": {
          "user": {"type": "string"}, "cosine": {"type": "number"}}}},
        "compared": {"type": "integer"},
        "all": {"type": "boolean", "description": "whether no stored user was left out"}}})";
inline constexpr const char* kImpression =
    R"({"type": "object", "required": ["request_id", "variant"], "properties": {
        "request_id": {"type": "string"},
        "variant": {"type": "string", "description": "that answered the request"}}})";
inline constexpr const char* kVariants =
    R"({"type": "object", "required": ["variants"], "properties": {"variants": {"type": "array",
        "items": {"type": "object", "properties": {
          "name": {"type": "string"}, "share": {"type": "number", "description": "of users"},
          "model": {"type": "string"}, "generation": {"type": "integer"},
          "items": {"type": "integer"}, "live_items": {"type": "integer"},
          "requests": {"type": "integer", "description": "for a list, since the process started"},
          "latency_ms": {"type": "object", "properties": {"p50": {"type": "number"}, "p99": {"type": "number"}}},
          "lists": {"type": "integer"}, "empty_lists": {"type": "integer"}, "fallbacks": {"type": "integer"},
          "new_items": {"type": "number", "nullable": true, "description": "share of places that hold items put since training"},
          "coverage": {"type": "number", "nullable": true, "description": "share of items that were in a list since the model came into use"},
          "shown": {"type": "integer", "description": "lists of which an impression came"},
          "click_through": {"$ref": "#/components/schemas/Share"},
          "conversion": {"$ref": "#/components/schemas/Share"}}}}}})";
inline constexpr const char* kUser =
    R"({"type": "object", "properties": {"user": {"type": "string"},
        "items": {"$ref": "#/components/schemas/Ids"}}})";
inline constexpr const char* kLineReport =
    R"({"type": "object", "description": "a line for each line that failed, and at last a line with the numbers",
        "properties": {"line": {"type": "integer"}, "error": {"type": "object", "properties": {
          "code": {"type": "string"}, "message": {"type": "string"}}},
        "lines": {"type": "integer"}, "done": {"type": "integer"},
        "repeated": {"type": "integer"}, "failed": {"type": "integer"}}})";
inline constexpr const char* kLists =
    R"({"type": "object", "required": ["lists"], "properties": {"lists": {"type": "array",
        "items": {"$ref": "#/components/schemas/Recommendations"}}}})";
inline constexpr const char* kToken =
    R"({"type": "object", "properties": {
        "level": {"type": "integer", "description": "of a semantic token"},
        "part": {"type": "integer", "description": "of a collaborative token"},
        "code": {"type": "integer"}, "count": {"type": "integer"},
        "items": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}},
        "nearest": {"type": "array", "items": {"type": "object", "properties": {
          "code": {"type": "integer"}, "cosine": {"type": "number"}}}}}})";
inline constexpr const char* kEventsPage =
    R"({"type": "object", "properties": {
        "events": {"type": "array", "items": {"type": "object", "properties": {
          "user": {"type": "string"}, "item": {"type": "string"}, "kind": {"type": "string"},
          "weight": {"type": "number"},
          "time": {"type": "integer", "description": "milliseconds since 1970"}}}},
        "cursor": {"type": "string", "nullable": true, "description": "of the next page; null at the end"},
        "next_since": {"type": "integer", "description":
          "of the first page: what to ask for next time, which misses nothing"}}})";
inline constexpr const char* kMap =
    R"({"type": "object", "description": "lists of one length: an item at each place",
        "properties": {"ids": {"$ref": "#/components/schemas/Ids"},
        "x": {"type": "array", "items": {"type": "number"}},
        "y": {"type": "array", "items": {"type": "number"}},
        "codes": {"type": "array", "items": {"type": "integer"}}}})";

}  // namespace tessera::replies
