#include "attributes/json_fields.h"

#include <algorithm>

#include "base/error.h"
#include "base/files.h"

namespace tessera {
namespace {

using Json = nlohmann::json;
constexpr std::size_t kMaxEntries = 100;  // of a list

}  // namespace

JsonFields::JsonFields(const Json& json, std::string what, std::string where)
    : json_(json), what_(std::move(what)), where_(std::move(where)) {
  if (json.is_object()) return;
  fail_usage("{}{}{} must be an object", what_, where_.empty() ? "" : ": ", where_);
}

const Json* JsonFields::find(const char* name) {
  known_.emplace_back(name);
  const auto found = json_.find(name);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

double JsonFields::number(const char* name, double otherwise) {
  const Json* value = find(name);
  if (value == nullptr) return otherwise;
  if (!value->is_number()) fail_usage("{}: {} must be a number", what_, place(name));
  return value->get<double>();
}

std::string JsonFields::text(const char* name) {
  const Json* value = find(name);
  if (value == nullptr || !value->is_string()) {
    fail_usage("{}: {} must be a string", what_, place(name));
  }
  return value->get<std::string>();
}

std::optional<std::vector<std::string>> JsonFields::words(const char* name) {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return std::vector{value->get<std::string>()};
  std::vector<std::string> words;
  for_each(name, [&](const Json& entry, const std::string& where) {
    if (!entry.is_string()) fail_usage("{}: {} must be a string", what_, where);
    words.push_back(entry.get<std::string>());
  });
  return words;
}

std::optional<Filter> JsonFields::filter(const char* name) {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  return filter_from_text(value->is_string() ? value->get<std::string>() : dump_json(*value));
}

void JsonFields::for_each(const char* name,
                          const std::function<void(const Json&, const std::string&)>& visit) {
  const Json* value = find(name);
  if (value == nullptr) return;
  if (!value->is_array()) fail_usage("{}: {} must be a list", what_, place(name));
  if (value->size() > kMaxEntries) {
    fail_usage("{}: {} may hold {} entries at most", what_, place(name), kMaxEntries);
  }
  for (std::size_t i = 0; i < value->size(); ++i) {
    visit((*value)[i], fmt::format("{}[{}]", place(name), i));
  }
}

void JsonFields::finish() const {
  for (const auto& [name, value] : json_.items()) {
    if (std::ranges::find(known_, name) != known_.end()) continue;
    const std::string near = nearest_word(name, known_);
    fail_usage("{}: unknown field '{}'{}", what_, place(name.c_str()),
               near.empty() ? "" : fmt::format(", did you mean '{}'?", near));
  }
}

std::string JsonFields::place(const char* name) const {
  return where_.empty() ? name : where_ + "." + name;
}

}  // namespace tessera
