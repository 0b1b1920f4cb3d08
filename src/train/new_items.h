#pragma once
#include "train/state.h"
#include "train/trainer.h"

namespace tessera {

/// What new items may have of the mean ID token of rarely met ones.
inline constexpr double kNewIdShares[] = {0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0};
/// What that is called in config.json.
inline constexpr const char* kNewIdShare = "new_id_share";

/// Gives the items of a finished bundle that training did not see, withheld ones and those put into
/// a running service, an ID token: a share of the mean of the twentieth of the items that fewest
/// events taught. Factors of new items are predicted from their texts, as long as if events had
/// taught them, and the errors of many carry some to the head of every list; what ID tokens of
/// rarely met items say, which is to stand back, holds them back as well.
///
/// The share is the least of kNewIdShares with which the targets of validation that training knows
/// are found as well as by the ID tokens alone of the bundle's first stage, within chance (95 %,
/// paired by user). It is 0 where no item is withheld, since validation then cannot say; a refit
/// takes that of what chose its epochs. The result says which, and what the model then reaches on
/// validation. Nothing happens to a model without a first stage or without ID tokens. `here` is the
/// dataset as the run has it, of the users of this rank, which is the first. Errors as read_bundle.
void place_new_items(const TrainOptions& options, const TrainingState& state, const Dataset& here,
                     TrainResult& result);

}  // namespace tessera
