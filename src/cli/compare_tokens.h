#pragma once
#include <filesystem>

namespace tessera {

/// `tokens --compare`: what became of items' codes from an earlier bundle to a later one. `all`:
/// every collaborative part, and more of the items.
void compare_tokens(const std::filesystem::path& earlier, const std::filesystem::path& later,
                    bool json, bool all);

}  // namespace tessera
