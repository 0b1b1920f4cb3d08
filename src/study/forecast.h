#pragma once
#include <span>
#include <string>

namespace tessera {

/// What is known of the time that a model takes.
struct RunTiming {
  std::string kind;          ///< models of one kind take about as long
  double epochs = 0;         ///< done, with the part of the current one
  double most = 1;           ///< epochs at most; early stopping may end it sooner
  double epoch_seconds = 0;  ///< mean of its own epochs; 0: none is complete
  double evaluate_seconds = 0;
  bool finished = false;
};

/// Seconds until all is done, and how far it is.
struct Forecast {
  bool known = false;  ///< false until an epoch has been measured
  double share = 0;    ///< of the work that is done
  double left = 0;     ///< seconds, `jobs` models at a time
};

/// Epochs of a model that stops early, before any has: what the study's models take on its data.
inline constexpr double kTypicalEpochs = 60;

/// From measured epochs: a model that has none yet takes the mean of its kind, or of all. One that
/// may stop early is expected to run as long as the finished ones of its kind (or of all, or
/// kTypicalEpochs), and an epoch more where it has run longer.
Forecast forecast(std::span<const RunTiming> runs, std::size_t jobs);

}  // namespace tessera
