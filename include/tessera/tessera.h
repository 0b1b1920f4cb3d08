#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tessera/error.h"
#include "tessera/model.h"

/// Tessera as a library: the whole way from interaction files to a model, which model.h then asks
/// for recommendations. Everything that is written are the same directories that the command line
/// reads and writes. All functions throw tessera::Error with one line that names the file and says
/// what to do.
namespace tessera {

/// Threads that all functions use from now on; 0: every CPU allowed.
void use_threads(int threads);

/// `tessera simulate`: a simulated shop as a dataset directory.
void simulate_dataset(const std::filesystem::path& dataset, std::size_t users, std::size_t items,
                      std::uint64_t seed = 1);

/// `tessera prepare --format sequences`: lines `user item item …`, and optionally (empty paths
/// otherwise) one JSON object item id → text, and the same lines with unix seconds.
void prepare_dataset(const std::filesystem::path& dataset,
                     const std::filesystem::path& interactions,
                     const std::filesystem::path& item_text = {},
                     const std::filesystem::path& timestamps = {}, std::uint64_t seed = 1);

/// `tessera embed --from`: item embeddings by the text encoder of an earlier bundle or dataset.
void embed_dataset_as(const std::filesystem::path& dataset, const std::filesystem::path& from);

/// `tessera embed`: item embeddings of `dims` dimensions by the built-in text encoder.
void embed_dataset(const std::filesystem::path& dataset, std::size_t dims = 768);

/// Metric name ("HR@10", "NDCG@10", "MRR", …) → mean over users.
using MetricValues = std::map<std::string, double>;

struct Training {
  std::filesystem::path dataset;
  std::filesystem::path bundle;       ///< the model directory to write
  std::string recipe = "default";     ///< a named set of settings: default or paper
  std::vector<std::string> settings;  ///< changes to it, "key=value" each, as after --set
  std::filesystem::path negatives;    ///< of the sampled protocol; empty: drawn by seed
  bool resume = false;                ///< go on from the bundle's checkpoint
  /// An earlier bundle to go on from, whose settings stay (recipe is not read): items are matched
  /// by id, and a fifth of the epochs is trained. Empty: from nothing.
  std::filesystem::path from;
  bool keep_tokens = false;  ///< with `from`: the codes of items it knows stay as they are
  /// Then train on every event, for as many epochs as were best: the model to put into service.
  bool refit = false;
  std::filesystem::path chosen_by;  ///< refit with an earlier bundle's settings and epochs at once
  /// Called after each epoch (from 1) with its validation metrics; false ends the training early.
  /// A refit's epochs have none, and are not told of.
  std::function<bool(std::size_t epoch, const MetricValues& validation)> on_epoch;
};

/// `tessera train`: returns the validation metrics of the best epoch, which the bundle holds, or
/// which says how long its refit was trained.
MetricValues train_model(const Training& training);

/// `tessera evaluate` on the full protocol; `split` is "test" or "validation". A refit model has
/// seen both, and is refused unless `seen` says that this is known.
MetricValues evaluate_model(const std::filesystem::path& bundle,
                            const std::filesystem::path& dataset, const std::string& split = "test",
                            bool seen = false);

}  // namespace tessera
