#pragma once
#include <memory>

#include "store/store.h"

namespace tessera {

/// A store embedded in the process: RocksDB in this directory, made if need be.
std::unique_ptr<Store> open_rocks_store(const fs::path& directory, const StoreOptions& options);

}  // namespace tessera
