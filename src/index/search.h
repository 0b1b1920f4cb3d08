#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/item_set.h"
#include "tessera/items.h"

namespace tessera {

/// Which items a search may return: those in `allowed` (if given), not in `excluded`, and for which
/// `accepts` (if given) is true. All of it is only borrowed for the call.
struct SearchFilter {
  const ItemSet* allowed = nullptr;
  std::span<const std::int32_t> excluded = {};
  std::function<bool(std::int32_t)> accepts = {};
};

}  // namespace tessera
