#pragma once
#include <nlohmann/json.hpp>

#include "base/half.h"
#include "base/safetensors.h"
#include "data/dataset.h"
#include "model/catalogue.h"

namespace tessera {

/// Its tensors' file.
inline constexpr const char* kWeightsFile = "model.safetensors";
/// How many events of each item training saw, [items] I32; bundles of earlier versions have none.
inline constexpr const char* kPopularityFile = "popularity.npy";

/// A trained model on disk: config.json, model.safetensors, items.jsonl (id, title, codes),
/// training.jsonl and, where a text encoder made the embeddings, text_encoder.safetensors.
struct Bundle {
  nlohmann::json config;  ///< all of config.json
  Recommender model;
  Catalogue catalogue;
  std::vector<CatalogueItem> items;  ///< ids and titles; texts are not kept
};

/// A bundle is written in two steps: model.safetensors with these tensors (write_safetensors, or
/// write_tensors of several ranks), then items.jsonl, whose codes are read from there, and
/// config.json, to which `facts` are added: data fingerprint and directory, metrics at save. What
/// is in half precision there (docs/bundle-format.md) lies in `halves`, which the tensors look
/// into.
std::map<std::string, Tensor> bundle_tensors(Recommender& model, const Catalogue& catalogue,
                                             std::vector<std::vector<Half>>& halves);
void describe_bundle(const fs::path& directory, const Recommender& model,
                     const std::vector<CatalogueItem>& items, const nlohmann::json& facts);

/// Writes config.json as it is given, as the last step of a change to a bundle. Throws Error if it
/// cannot be written.
void write_config(const fs::path& directory, const nlohmann::json& config);

/// The config.json of a bundle, whose settings are settings of ours. Throws Error where there is
/// none, it is damaged, or from a newer format version.
nlohmann::json read_config(const fs::path& directory);

/// The ids and titles of its items, in the order of their numbers. Throws Error naming the file.
std::vector<CatalogueItem> read_bundle_items(const fs::path& directory);

/// A bundle to infer with: its parameters hold no gradients and no moments. Throws Error naming the
/// file, if one is missing or damaged, from a newer format version, or lacks a tensor.
Bundle read_bundle(const fs::path& directory);
/// As read_bundle; throws Error as well if the model was trained on another dataset than `data`.
Bundle read_bundle_of(const fs::path& directory, const Dataset& data);

/// Whether the model was trained on every event, those held out for evaluation too.
bool is_refit(const nlohmann::json& config);
/// Throws Error that says what to measure instead where is_refit.
void check_unseen(const nlohmann::json& config, const fs::path& directory);

/// The dataset that the model of this config.json was trained on, from `directory`, or if that is
/// empty from where it was. Throws Error if it is another one now.
Dataset read_dataset_of(const nlohmann::json& config, const fs::path& directory = {});
inline Dataset read_dataset_of(const Bundle& bundle, const fs::path& directory = {}) {
  return read_dataset_of(bundle.config, directory);
}

/// Parameters and codebooks by name, to write or to read back; `read_model` checks every shape. A
/// model may hold the rows of some items alone: `own` are theirs.
std::map<std::string, Tensor> model_tensors(Recommender& model);
void read_model(const SafeTensors& file, Recommender& model, const RowSelection& own = {});
/// Whether a tensor of a bundle or of a checkpoint has a row for each item.
bool has_item_rows(std::string_view tensor);

}  // namespace tessera
