#pragma once
#include <memory>

#include "store/store.h"

namespace tessera {

/// Whether open_store takes the spec for one of Redis.
bool is_redis(std::string_view spec);

/// A store that replicas share: Redis or Valkey, one server, the master that Sentinels name, or a
/// cluster.
std::unique_ptr<Store> open_redis_store(const std::string& spec, const StoreOptions& options);
/// The same only to be read, if it holds a state.
std::unique_ptr<StoredState> open_redis_state(const std::string& spec, const StoreOptions& options);

}  // namespace tessera
