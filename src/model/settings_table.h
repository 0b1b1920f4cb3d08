#pragma once
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "model/settings.h"

namespace tessera {

/// One setting: a row of the table that JSON, checks, `train --help` and Python's documentation
/// come from.
struct Setting {
  std::string key;
  std::string help;    ///< a sentence
  std::string values;  ///< those it takes: "1 to 64", "id, semantic, unified"
  std::function<nlohmann::json(const Settings&)> get;
  /// Throws UsageError for a value of the wrong kind or outside what it takes.
  std::function<void(Settings&, const nlohmann::json&)> set;
  std::vector<std::string> words = {};  ///< of one that takes words: all of them
};
const std::vector<Setting>& settings_table();

/// A named set of settings: what it changes in those of `paper`.
struct Recipe {
  std::string name;
  std::string help;
  std::vector<std::string> changes;  ///< key=value
};
std::span<const Recipe> recipes();

}  // namespace tessera
