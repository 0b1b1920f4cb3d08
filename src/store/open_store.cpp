#include <charconv>

#include "base/error.h"
#include "store/memory_store.h"
#include "store/rocks_store.h"
#include "store/store.h"

namespace tessera {

void set_sync(StoreOptions& options, std::string_view policy) {
  if (policy == "always" || policy == "none") {
    options.sync = policy == "always" ? Sync::kAlways : Sync::kNone;
    return;
  }
  int milliseconds = 0;
  const char* const end = policy.data() + policy.size();
  const auto [rest, error] = std::from_chars(policy.data(), end, milliseconds);
  if (error != std::errc{} || std::string_view(rest, end) != "ms" || milliseconds < 1 ||
      milliseconds > 60'000) {
    fail_usage("sync policy '{}': give always, none or an interval from 1ms to 60000ms", policy);
  }
  options.sync = Sync::kInterval;
  options.sync_interval = std::chrono::milliseconds(milliseconds);
}

std::unique_ptr<Store> open_store(const std::string& spec, const StoreOptions& options) {
  if (options.history_limit == 0) fail_usage("the history limit is 0; give 1 or more");
  if (spec.empty()) return open_memory_store(options);
  return open_rocks_store(spec, options);
}

}  // namespace tessera
