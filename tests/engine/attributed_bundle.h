#pragma once
#include <chrono>

#include "attributes/attribute_table.h"
#include "base/npy.h"
#include "base/random.h"
#include "engine/small_bundle.h"

namespace tessera::testing {

inline constexpr std::size_t kAttributedItems = 500;

/// Since 1970, as the attribute `expires` counts.
inline double seconds_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

/// Writes a bundle of items of which item i costs i % 100 and came i days after 1970, is in stock
/// where i is odd, of the brand i % 7, was met 500 - i times in training, and is rare where i % 250
/// is 7.
inline void write_attributed_bundle(const fs::path& directory, const char* tokens) {
  Recommender trained = small_model(small_settings(tokens), kAttributedItems,
                                    std::string_view(tokens) == "id" ? 0 : kSmallTextDims, 3);
  std::vector<CatalogueItem> items;
  for (std::size_t i = 0; i < kAttributedItems; ++i) {
    items.push_back({std::to_string(i), "item", ""});
  }
  Random random(5, {1});
  Matrix texts(kAttributedItems, kSmallTextDims);
  for (float& x : texts.span()) x = static_cast<float>(random.normal());
  write_bundle(directory, trained, encode_catalogue(trained, texts), items);
  AttributeTable table({{"price", AttributeType::number},
                        {"in_stock", AttributeType::boolean},
                        {"brand", AttributeType::labels},
                        {"kind", AttributeType::labels},
                        {"since", AttributeType::time}});
  std::vector<std::int32_t> events;
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(kAttributedItems); ++i) {
    table.set(0, i, static_cast<double>(i % 100));
    table.set(1, i, i % 2 == 1);
    table.set(2, i, std::vector<std::string>{std::to_string(i % 7)});
    if (i % 250 == 7) table.set(3, i, std::vector<std::string>{"rare"});
    table.set(4, i, 86400.0 * i);
    events.push_back(500 - i);
  }
  table.write(directory / kAttributesFile, kAttributedItems);
  write_npy(directory / kPopularityFile, std::span<const std::int32_t>(events));
}

}  // namespace tessera::testing
