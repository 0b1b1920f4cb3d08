#pragma once
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "data/prepare_request.h"

namespace tessera {

/// What `refresh` is to do, as one small file says it.
struct RefreshSettings {
  fs::path models;         ///< the folder of bundles
  PrepareRequest prepare;  ///< interactions, items and every other option of `prepare`
  std::string state;       ///< of the service: a directory or redis://…; empty: not read
  std::string before;      ///< a command that brings the events: run first
  std::string after;       ///< a command that tells the service: run when another model is in place
  std::string recipe;
  std::vector<std::string> set;  ///< settings of a training from nothing
  bool refit = true;
  bool keep_tokens = false;
  std::size_t fresh_every = 0;  ///< of so many bundles one is trained from nothing; 0: the first
  std::string metric;           ///< what the gate compares
  double worse_by = 0.02;       ///< of the current model's value: more, and it stays
  std::size_t keep = 7;         ///< bundles for a rollback, the current one included

  /// What a dataset and a training come of, as text: another one means that a refresh which was
  /// interrupted is not gone on with.
  std::string made_of;

  RefreshSettings();
};

/// One entry of the file: a row of the table that the reader and the help come from.
struct RefreshSetting {
  const char* key;
  const char* help;
  std::function<void(RefreshSettings&, const nlohmann::json&)> take;
};
const std::vector<RefreshSetting>& refresh_settings_table();

/// Reads a file of settings, a JSON object. Paths that are relative are so to its folder. Throws
/// Error that names the file and the key that is unknown, of the wrong kind or missing.
RefreshSettings read_refresh_settings(const fs::path& file);

/// Every key with its sentence, and an example.
std::string refresh_settings_help();

}  // namespace tessera
