#pragma once
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/progress.h"
#include "refresh/refresh_settings.h"
#include "train/trainer.h"

namespace tessera {

/// The gate's answer: nothing failed, but the current model is better and stays.
struct GateRefused : Error {
  using Error::Error;
};

/// What a refresh tells while it works.
struct RefreshListener {
  std::function<void(const std::string& line)> say = [](const std::string&) {};
  std::function<bool()> interrupted = [] { return false; };
  ProgressFunction exporting, reading, factorising, embedding, ranking;
  std::function<void(const StepReport&)> on_step;
  std::function<void(const EpochReport&)> on_epoch;
};

/// From the newest events to a model in service: runs `before`, exports the service's state,
/// prepares and embeds the data, trains from the current bundle (from nothing where there is none,
/// or by `fresh_every`), compares both on held-out events that neither has seen, puts the new one
/// in place, removes the oldest and runs `after`. Everything happens in the next numbered bundle
/// and the dataset beside it, NUMBER.data; `current` changes in one step. A refresh that was
/// interrupted is gone on with by the next call. Returns what refresh.jsonl in the folder of models
/// gets as a line. Throws GateRefused where the current model stays, Error where something failed:
/// `current` is as before either way.
nlohmann::json refresh(const RefreshSettings& settings, const RefreshListener& listener);

/// Puts the bundle before the current one back in place and runs `after`. Returns what
/// refresh.jsonl gets. Throws Error if there is none, or no current one.
nlohmann::json rollback(const RefreshSettings& settings);

}  // namespace tessera
