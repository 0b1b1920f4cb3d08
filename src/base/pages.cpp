#include "base/pages.h"

#include <sys/mman.h>

#include <cstdint>

namespace tessera {

void prefer_huge_pages(void* memory, std::size_t bytes) {
  // Of less there is little to gain, and the half-used last page would weigh.
  constexpr std::size_t kLeast = std::size_t{4} << 20;
  constexpr std::uintptr_t kPage = 4096;
  if (bytes < kLeast) return;
  const auto begin = (reinterpret_cast<std::uintptr_t>(memory) + kPage - 1) / kPage * kPage;
  const auto end = (reinterpret_cast<std::uintptr_t>(memory) + bytes) / kPage * kPage;
  ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);  // NOLINT: an address
}

}  // namespace tessera
