#pragma once
#include "base/ranks.h"
#include "base/safetensors.h"
#include "model/collaborative_tokens.h"

namespace tessera {

/// Rank 0 writes the file that write_safetensors would write in a process alone. Tensors that have
/// a row for each item (has_item_rows) lie with the ranks, each its own rows (rank_of_item): they
/// pass by in blocks, and rank 0 never holds more of them.
void write_tensors(const Ranks& ranks, const fs::path& file,
                   const std::map<std::string, Tensor>& own, std::size_t items,
                   const std::map<std::string, std::string>& metadata = {});

/// From rank 0's collaborative tokens of the whole catalogue to every rank's own items'.
void share_out(const Ranks& ranks, CollaborativeTokens& whole, CollaborativeTokens& own,
               std::size_t items);

}  // namespace tessera
