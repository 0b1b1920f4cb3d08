#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"

namespace tessera {

/// Tells bundles apart by what is in their files, in 16 bytes. Throws Error naming the file.
std::string bundle_fingerprint(const fs::path& bundle);
/// Tells whether a bundle's files were replaced or written to, at the cost of a look at them.
std::string bundle_version(const fs::path& bundle);

/// What an item's text became under a bundle, as the store keeps it beside the item: a start then
/// need not encode it again.
std::string keep_codes(std::string_view fingerprint, std::string_view text,
                       std::span<const std::int32_t> codes);
/// The codes; nothing if `kept` is of another bundle or another text.
std::optional<std::vector<std::int32_t>> kept_codes(std::string_view kept,
                                                    std::string_view fingerprint,
                                                    std::string_view text);

}  // namespace tessera
