#pragma once
#include <memory>

#include "store/store.h"

namespace tessera {

/// A store that lives and dies with the process.
std::unique_ptr<Store> open_memory_store(const StoreOptions& options);

}  // namespace tessera
