#pragma once
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tessera/filter.h"

namespace tessera {

/// The fields of a JSON object that a person wrote, each read once; what is left at the end is
/// unknown. Null counts as left out. Every function throws UsageError that names the field.
class JsonFields {
 public:
  /// `what` names the whole in messages, `where` the object's place in it; "" is the whole.
  JsonFields(const nlohmann::json& json, std::string what, std::string where = "");

  const nlohmann::json* find(const char* name);
  double number(const char* name, double otherwise);
  std::string text(const char* name);
  /// A string alone, or those of a list; nothing where the field is left out.
  std::optional<std::vector<std::string>> words(const char* name);
  std::optional<Filter> filter(const char* name);
  /// Calls visit(element, its place) for each element of a list of at most 100.
  void for_each(
      const char* name,
      const std::function<void(const nlohmann::json& element, const std::string& where)>& visit);
  /// Throws UsageError for a field that was not asked for.
  void finish() const;

 private:
  std::string place(const char* name) const;

  const nlohmann::json& json_;
  std::string what_, where_;
  std::vector<std::string> known_;
};

}  // namespace tessera
