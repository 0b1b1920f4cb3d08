#pragma once
#include <cstddef>

namespace tessera {

/// Asks the system to keep these bytes in huge pages, where it has such: reading gigabytes in any
/// order then waits less for address translation. For memory that is about to be filled; small
/// blocks are left alone. It is a wish, and nothing depends on whether it is granted.
void prefer_huge_pages(void* memory, std::size_t bytes);

}  // namespace tessera
