// The OpenAPI document of the table of routes.
#include <algorithm>

#include "base/error.h"
#include "serve/body.h"
#include "serve/examples.h"
#include "serve/handlers.h"
#include "serve/routes.h"

namespace tessera {
namespace {

using Kind = Field::Kind;

// The schemas that others refer to.
constexpr const char* kSchemas = R"({
  "Id": {"oneOf": [{"type": "string", "minLength": 1, "maxLength": 256}, {"type": "integer"}]},
  "Ids": {"type": "array", "items": {"$ref": "#/components/schemas/Id"}},
  "Item": {"type": "object", "required": ["id", "title", "live"], "properties": {
    "id": {"type": "string"}, "title": {"type": "string"},
    "codes": {"type": "array", "items": {"type": "integer"}, "description": "semantic, one a level"},
    "collaborative_codes": {"type": "array", "items": {"type": "integer"},
      "description": "of models that have them, where one item is asked for"},
    "kind": {"type": "string", "description": "of 'tokens', where it is asked for"},
    "tokens": {"type": "array", "items": {"type": "number"}},
    "live": {"type": "boolean", "description": "put over the API"},
    "attributes": {"type": "object", "description": "by name, where one item is asked for"},
    "place": {"type": "array", "items": {"type": "number"},
      "description": "in the map, where one item is asked for"}}},
  "Recommendations": {"type": "object", "required": ["items"], "properties": {
    "state": {"type": "array", "items": {"type": "number"}, "description": "with 'vectors': of the user"},
    "items": {"type": "array", "items": {"$ref": "#/components/schemas/ScoredItem"}},
    "from": {"type": "string", "enum": ["trending", "popular", "newest", "blend"],
      "description": "what the first of them is, where the model was not asked; or blend"},
    "user": {"type": "string", "description": "of one of many users"},
    "variant": {"type": "string", "description": "that answered one of many, where there are several"},
    "error": {"type": "object", "description": "why one of many has no list", "properties": {
      "code": {"type": "string"}, "message": {"type": "string"}}}}},
  "ScoredItem": {"type": "object", "required": ["id"], "properties": {
    "id": {"type": "string"}, "title": {"type": "string"},
    "score": {"type": "number"}, "cosine": {"type": "number"},
    "vector": {"type": "array", "items": {"type": "number"}},
    "attributes": {"type": "object", "description": "those of 'fields'"},
    "from": {"type": "string", "enum": ["trending", "popular", "newest"],
      "description": "where the model was not asked"},
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
  "Event": {"type": "object", "required": ["item"], "additionalProperties": false, "properties": {
    "item": {"$ref": "#/components/schemas/Id"},
    "kind": {"type": "string", "nullable": true, "minLength": 1, "maxLength": 64},
    "weight": {"type": "number", "nullable": true, "minimum": 0, "maximum": 1000000},
    "time": {"oneOf": [{"type": "string"}, {"type": "number", "nullable": true}],
      "description": "a date, or seconds or milliseconds since 1970 by its size"}}},
  "Share": {"type": "object", "description": "of the lists that were shown, with a 95 % interval", "properties": {
    "rate": {"type": "number", "nullable": true}, "lists": {"type": "integer"},
    "interval": {"type": "array", "items": {"type": "number"}}}},
  "Error": {"type": "object", "required": ["error"], "properties": {"error": {
    "type": "object", "required": ["code", "message"], "properties": {
    "code": {"type": "string"}, "message": {"type": "string"}}}}}
})";

AnswerJson schema_of(const Field& field) {
  AnswerJson schema;
  switch (field.kind) {
    case Kind::flag:
      schema = {{"type", "boolean"}, {"default", field.standard != 0}};
      break;
    case Kind::number:
      schema = {{"type", "integer"},
                {"minimum", field.least},
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
    case Kind::events:
      schema = {{"type", "array"},
                {"maxItems", field.most},
                {"items", {{"$ref", "#/components/schemas/Event"}}}};
      break;
    case Kind::lists:
      schema = {{"type", "array"},
                {"maxItems", field.most},
                {"items",
                 {{"type", "array"},
                  {"maxItems", 1000},
                  {"items", {{"$ref", "#/components/schemas/Id"}}}}}};
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
    case Kind::words: {
      const AnswerJson word = {{"type", "string"}, {"enum", field.words}};
      schema = {{"oneOf",
                 {word, {{"type", "array"}, {"items", word}, {"maxItems", field.words.size()}}}}};
      break;
    }
    case Kind::object:
      schema = {{"type", "object"}};
      break;
  }
  if (!field.description.empty()) schema["description"] = field.description;
  return schema;
}

/// A schema that null fits as well: it stands for what is left out.
AnswerJson nullable(AnswerJson schema) {
  AnswerJson& kind = schema.contains("oneOf") ? schema["oneOf"].back() : schema;
  kind["nullable"] = true;
  if (kind.contains("enum")) kind["enum"].push_back(nullptr);
  return schema;
}

AnswerJson body_schema(const Route& route) {
  AnswerJson properties = AnswerJson::object(), required = AnswerJson::array(),
             choices = AnswerJson::array();
  for (const Field& field : route.body) {
    properties[std::string(field.name)] =
        field.required ? schema_of(field) : nullable(schema_of(field));
    if (field.required) required.push_back(field.name);
    if (field.choice) choices.push_back({{"required", {field.name}}});
  }
  AnswerJson schema = {
      {"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = required;
  if (!choices.empty()) schema["oneOf"] = choices;
  return schema;
}

std::string_view example_of_segment(std::string_view part) {
  if (part == "{user}") return "anna";
  if (part == "{file}") return "console.css";
  return part == "{code}" || part == "{level}" ? "1" : "17";
}

AnswerJson parameters_of(const Route& route) {
  AnswerJson parameters = AnswerJson::array();
  for (const std::string_view part : parts_of_path(route.path)) {
    if (!names_a_segment(part)) continue;
    parameters.push_back({{"name", part.substr(1, part.size() - 2)},
                          {"in", "path"},
                          {"required", true},
                          {"example", example_of_segment(part)},
                          {"schema", {{"type", "string"}}}});
  }
  for (const Field& field : route.query) {
    // An address has room for a filter as a text alone.
    const bool text = field.kind == Field::Kind::filter;
    parameters.push_back(
        {{"name", field.name},
         {"in", "query"},
         {"required", field.required},
         {"schema",
          text ? AnswerJson{{"type", "string"}, {"maxLength", field.most}} : schema_of(field)}});
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

AnswerJson operation_of(const Route& route, bool with_tokens) {
  AnswerJson operation = {{"summary", route.summary}};
  const AnswerJson parameters = parameters_of(route);
  if (!parameters.empty()) operation["parameters"] = parameters;
  const auto json_content = [](AnswerJson schema) {
    return AnswerJson{{"application/json", {{"schema", std::move(schema)}}}};
  };
  if (!route.body.empty()) {
    AnswerJson content = json_content(body_schema(route));
    content["application/json"]["example"] = AnswerJson::parse(example_of(route));
    if (route.lines) content = {{"application/x-ndjson", content["application/json"]}};
    // No lines at all are a body as well.
    operation["requestBody"] = {{"required", !route.lines}, {"content", std::move(content)}};
  }
  AnswerJson answer = {{"description", route.method == "DELETE" ? "Done" : "The answer"}};
  if (!route.reply.empty()) {
    AnswerJson content = json_content(AnswerJson::parse(route.reply));
    if (route.lines) content = {{"application/x-ndjson", content["application/json"]}};
    answer["content"] = std::move(content);
  }
  const char* status = route.method == "DELETE"       ? "204"
                       : route.handle == reload_model ? "202"
                                                      : "200";
  operation["responses"] = {
      {status, answer},
      {"default",
       {{"description", "Refused"},
        {"content", json_content({{"$ref", "#/components/schemas/Error"}})}}}};
  if (with_tokens) {
    if (route.access != Access::open) operation["security"] = {{{"bearer", AnswerJson::array()}}};
    operation["description"] = needs_of(route);
  }
  return operation;
}

}  // namespace

AnswerJson openapi(bool with_tokens) {
  AnswerJson paths = AnswerJson::object();
  for (const Route& route : routes()) {
    std::string method(route.method);
    std::ranges::transform(method, method.begin(),
                           [](char c) { return static_cast<char>(c | 0x20); });
    paths[std::string(route.path)][method] = operation_of(route, with_tokens);
  }
  AnswerJson components = {{"schemas", AnswerJson::parse(kSchemas)}};
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
