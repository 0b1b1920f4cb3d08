#pragma once
#include "data/dataset.h"
#include "model/settings.h"
#include "train/windows.h"

namespace tessera {

/// The users with two training events or more, ascending.
std::vector<UserTargets> targets_of_users(const Dataset& data);

/// The settings with each `auto` replaced by what the data ask for:
/// - tokens unified, or ID tokens alone where no item has a text: whether they are better where
///   there are texts, only a finished training can tell (train/token_choice.h).
/// - learning_rate 0.001 and dropout 0.3; of ID tokens alone 0.003 and 0.5, as a table of its own
///   row an item wants more of both than shared tokens do. From 20 events an item on dropout falls
///   with the square root of their number, to 0.05 at the least, since what many events teach needs
///   no such guard, and the rate of shared tokens rises by it, to 0.002 at most.
/// - transformer_start first_stage with collaborative tokens beyond 20 events an item, else random:
///   where events are few, what the first stage's transformer fitted of them costs more than its
///   head start is worth.
/// - levels 3 and id_dims 6, where the catalogue then has at most 15 % of the parameters of a table
///   of 64 dims (token_account), which takes 9,103 items by the recipe. What all items share weighs
///   more where they are fewer: 2 and 6, 1 and 6, or else 1 and 4.
/// - max_length: what nine of ten training histories do not exceed, in tens, from 50 to 200.
/// - epochs 10, collaborative_epochs and, with tokens=id, epochs 30: up to 300,000 targets, where
///   runs of this length were tuned. Beyond, epochs of ID tokens alone fall with the square root of
///   the number of targets, so that n times as many get √n times as many updates, and the others
///   with its cube root.
/// text_events and id_start stay, which the embeddings decide.
Settings settings_by_data(Settings settings, const Dataset& data);

/// The same of what the embeddings in `directory` decide: text_events, as text_events_by_data says,
/// 0 where nothing reads it; and id_start, which is text where a table of ID tokens alone is
/// trained on a dataset that is embedded and text_events is more than 0. Errors as read_embeddings.
Settings settings_by_texts(Settings settings, const Dataset& data, const fs::path& directory);

/// What `auto` stands for in tokens, before training.
Tokens tokens_by_data(const Dataset& data);

/// What `auto` stands for in text_events, by how well texts tell what is chosen together
/// (text_agreement): 10 from 0.65 on, less in proportion below, and 0, which leaves texts out of
/// collaborative codes and of their table's beginning, up to 0.51; 10 where the log is too short to
/// tell. Errors as read_embeddings.
double text_events_by_data(const Dataset& data, const fs::path& directory);

/// What the settings leave out of what the training events could teach.
struct LeftOut {
  std::size_t targets = 0;  ///< training events that have one before them
  std::size_t learned = 0;  ///< of these, those that an epoch learns from
};
LeftOut left_out(const Settings& settings, const Dataset& data);

}  // namespace tessera
