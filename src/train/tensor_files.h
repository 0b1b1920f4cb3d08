#pragma once
#include "base/safetensors.h"
#include "ranks/ranks.h"

namespace tessera {

/// Rank 0 writes the tensors of all ranks as one file, atomically. Those that have a row for each
/// item (has_item_rows) lie with the ranks, each its own rows (ranks/placement.h): they pass by in
/// blocks, and rank 0 never holds more of them.
void write_tensors(const Ranks& ranks, const fs::path& file,
                   const std::map<std::string, Tensor>& own, std::size_t items,
                   const std::map<std::string, std::string>& metadata = {});

}  // namespace tessera
