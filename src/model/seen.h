#pragma once
#include <nlohmann/json_fwd.hpp>

#include "data/dataset.h"

namespace tessera {

/// What training has seen of a dataset beyond what its training split is of every later one, for
/// config.json: {"until": unix seconds}, or {"data": directory, "fingerprint"} of a dataset without
/// times; null where a later dataset holds out nothing that was seen. `earlier` is that of the
/// model which training started from. `digest` is the dataset's fingerprint, before
/// hold_nothing_out.
nlohmann::json seen_by(const Dataset& data, const fs::path& directory, const std::string& digest,
                       const nlohmann::json& earlier);

/// Makes `data` evaluate those users alone whose target no model has seen of which `seen` tells.
/// Throws Error where that cannot be known: the data have no times, or the earlier dataset is gone.
void leave_out_seen(Dataset& data, const nlohmann::json& seen);

}  // namespace tessera
