#pragma once
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "attributes/attribute_table.h"
#include "base/files.h"
#include "base/matrix.h"

namespace tessera {

/// One entry of the catalogue. `id` is what the user of Tessera calls the item.
struct CatalogueItem {
  std::string id;
  std::string title;
  std::string text;  ///< what the text encoder reads; may be empty
  /// Held back from training, as a new item would be: no event, no negative, no text to fit to.
  bool withheld = false;
};

/// How a dataset is split. By time: training sees the events before `validation_from` alone;
/// validation predicts each user's first event from then on and before `test_from`, test the first
/// one from `test_from` on, both from all events before. A split that was given (Dataset::cuts) is
/// one whose cuts are each user's own. Otherwise leave-one-out: test is a user's
/// last event, validation the one before, training all others.
struct SplitRule {
  bool by_time = false;
  std::int64_t validation_from = 0;  ///< unix seconds
  std::int64_t test_from = 0;        ///< unix seconds, not before validation_from
};

/// Users' histories as jagged sequences of item numbers, and the catalogue the numbers index.
/// Item numbers are a seeded permutation of the order of appearance, so that a number says nothing
/// about its item (method: "the item number carries the answer").
struct Dataset {
  std::string name;
  bool simulated = false;
  std::vector<CatalogueItem> items;
  std::vector<std::string> user_ids;
  std::vector<std::int64_t> offsets{0};  ///< [users + 1] into `events`
  std::vector<std::int32_t> events;      ///< item numbers, each history in time order
  std::vector<std::int64_t> times;       ///< unix seconds beside `events`, -1 unknown; or empty
  /// What each of `events` counts, from 0, as the log or its kind said; or empty: all alike.
  std::vector<float> weights;
  SplitRule split;
  /// [users · 2] Where validation and test begin in each history, of a split that was given event
  /// by event; or empty: by the rule.
  std::vector<std::int64_t> cuts;
  AttributeTable attributes;  ///< of items
  bool refit = false;         ///< nothing is held out: see hold_nothing_out
  /// [users] events from the start of each history that a model to be judged was trained on: a
  /// target among them is not evaluated. Or empty.
  std::vector<std::int64_t> seen;
  /// The events that training sees where withheld items make gaps in them: see hide_withheld.
  std::vector<std::int64_t> train_offsets;
  std::vector<std::int32_t> train_events;
  std::vector<float> train_weights;  ///< beside train_events; or empty

  std::size_t users() const { return user_ids.size(); }
  /// The whole history of a user, oldest first.
  std::span<const std::int32_t> history(std::size_t user) const {
    return std::span(events).subspan(static_cast<std::size_t>(offsets[user]),
                                     static_cast<std::size_t>(offsets[user + 1] - offsets[user]));
  }
};

/// Training sees the targets of neither validation nor test, nor what follows them; see SplitRule.
enum class Split { train, validation, test };

/// By leave-one-out, users with fewer events than this belong to training as a whole and are not
/// evaluated.
inline constexpr std::size_t kMinEvaluatedEvents = 3;

/// Whether any item has a text.
bool has_texts(const Dataset& data);

/// The events that training may see; none of a withheld item.
std::span<const std::int32_t> train_history(const Dataset& data, std::size_t user);
/// What they count, or empty where all count alike.
std::span<const float> train_weights(const Dataset& data, std::size_t user);
/// The events before the target of `split` (validation or test), those of withheld items included.
/// `split` must evaluate the user; std::logic_error otherwise, as for the train split.
std::span<const std::int32_t> history_before(const Dataset& data, std::size_t user, Split split);
/// The target of `split` (validation or test), under the same conditions.
std::int32_t target_of(const Dataset& data, std::size_t user, Split split);
/// What that target counts; 1 where all events count alike.
float target_weight(const Dataset& data, std::size_t user, Split split);
/// Whether that target stands in the history before it already.
bool target_repeats(const Dataset& data, std::size_t user, Split split);
/// Users that `split` (validation or test) evaluates, ascending: those with a target and an event
/// before it.
std::vector<std::int32_t> evaluated_users(const Dataset& data, Split split);

/// Fills train_offsets, train_events and train_weights if an item is withheld. To be called when
/// items, events, weights or the split have changed; read_dataset does.
void hide_withheld(Dataset& data);
/// Makes the dataset what a refit trains on: training sees every event of every item, and no split
/// evaluates anybody. A view for whoever holds it, which fingerprint() and files do not tell of:
/// the digest is to be taken before, since withheld items belong to it.
void hold_nothing_out(Dataset& data);
/// Items that are not withheld: those training may see, as events or as negatives.
std::size_t count_trainable(const Dataset& data);

/// External id → number. Built on demand: the ids stay owned by `items`.
using ItemNumbers = std::unordered_map<std::string_view, std::int32_t>;
ItemNumbers number_by_id(const std::vector<CatalogueItem>& items);
/// The number of an item; throws Error that names the id if the catalogue does not have it.
std::int32_t item_number(const ItemNumbers& numbers, std::string_view id);

/// A digest of the catalogue ids, the events, their weights and the split (its times and withheld
/// items included):
/// two datasets with equal digests train and evaluate on the same data.
std::string fingerprint(const Dataset& data);

/// A dataset directory: dataset.json, items.jsonl, users.txt, offsets.npy, events.npy and, where
/// there are such, times.npy, weights.npy, cuts.npy and attributes.safetensors. Both throw Error
/// naming the file and what is wrong. Writing over a dataset replaces it whole, at the end, and
/// removes its embeddings; where it fails, nothing is left. A folder with anything else is refused
/// (check_folder), and so is a second writer. `summary` becomes summary.json unless it is empty.
void write_dataset(const fs::path& directory, const Dataset& data, const std::string& summary = "");
Dataset read_dataset(const fs::path& directory);

/// Item embeddings in a dataset directory.
inline constexpr const char* kEmbeddingsFile = "embeddings.npy";

/// embeddings.npy of a dataset directory, [items, dims] by item number; of it the rows selected.
/// Throws Error that says how to make it if missing; also when rows do not match the catalogue or a
/// value is not finite.
Matrix read_embeddings(const fs::path& directory, std::size_t items, const RowSelection& rows = {});

/// A digest of embeddings' shape and values.
std::string fingerprint(MatrixView<const float> embeddings);
/// The same of a dataset directory's, which are not held in memory. Errors as read_embeddings.
std::string embeddings_fingerprint(const fs::path& directory, std::size_t items);

}  // namespace tessera
