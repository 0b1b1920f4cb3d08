#include <charconv>

#include "base/error.h"
#include "store/memory_store.h"
#include "store/redis_store.h"
#include "store/rocks_reading.h"
#include "store/rocks_store.h"
#include "store/store.h"

namespace tessera {

void set_sync(StoreOptions& options, std::string_view policy) {
  if (policy == "always" || policy == "none") {
    options.sync = policy == "always" ? Sync::kAlways : Sync::kNone;
    return;
  }
  const char* const first = policy.data();
  const char* const last = first + policy.size();
  int milliseconds = 0;
  const auto [rest, error] = std::from_chars(first, last, milliseconds);
  if (error != std::errc{} || std::string_view(rest, last) != "ms" || milliseconds < 1 ||
      milliseconds > 60'000) {
    fail_usage("sync policy '{}': give always, none or an interval from 1ms to 60000ms", policy);
  }
  options.sync = Sync::kInterval;
  options.sync_interval = std::chrono::milliseconds(milliseconds);
}

namespace {

/// A specification that is none of Redis must be a directory.
void check_directory(const std::string& spec) {
  const std::size_t scheme = spec.find("://");
  if (scheme != std::string::npos) {
    fail_usage(
        "no store answers to {}//…: give a directory, redis://HOST:PORT, rediss://HOST:PORT "
        "(by TLS), redis-sentinel://HOST,HOST/MASTER, redis-cluster://HOST,HOST, "
        "valkey://HOST:PORT "
        "or unix:SOCKET",
        spec.substr(0, scheme + 1));
  }
}

}  // namespace

std::unique_ptr<Store> open_store(const std::string& spec, const StoreOptions& options) {
  if (options.history_limit == 0) fail_usage("the history limit is 0; give 1 or more");
  if (spec.empty()) return open_memory_store(options);
  if (is_redis(spec)) return open_redis_store(spec, options);
  check_directory(spec);
  return open_rocks_store(spec, options);
}

std::unique_ptr<StoredState> open_state(const std::string& spec, const StoreOptions& options) {
  if (spec.empty()) fail_usage("no state is named; give a directory or redis://HOST:PORT");
  if (is_redis(spec)) return open_redis_state(spec, options);
  check_directory(spec);
  return open_rocks_state(spec);
}

}  // namespace tessera
