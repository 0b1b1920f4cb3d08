#pragma once
#include "testing/bundles.h"
#include "testing/small_model.h"
#include "testing/temp_directory.h"
#include "text/text_encoder.h"

namespace tessera::testing {

/// Titles, which are the texts as well, of a tiny catalogue; item i has the id i + 1.
inline const std::vector<std::string>& small_titles() {
  static const std::vector<std::string> titles = {
      "steel teapot", "steel kettle",  "glass teapot",     "glass kettle",
      "walnut lamp",  "walnut desk",   "oak desk",         "oak lamp",
      "silk scarf",   "wool scarf",    "wool blanket",     "silk pillow",
      "red lipstick", "pink lipstick", "red nail varnish", "pink nail varnish"};
  return titles;
}

inline constexpr std::size_t kSmallTextDims = 8;

/// Writes a bundle with this text encoder.
inline void write_small_bundle(const fs::path& directory, const TextEncoder& encoder,
                               const char* tokens, std::uint64_t seed) {
  const std::vector<std::string>& titles = small_titles();
  const std::vector<std::string_view> texts(titles.begin(), titles.end());
  const bool reads = std::string_view(tokens) != "id";
  Recommender model =
      small_model(small_settings(tokens), titles.size(), reads ? encoder.dims() : 0, seed);
  std::vector<CatalogueItem> items;
  for (std::size_t i = 0; i < titles.size(); ++i) {
    items.push_back({std::to_string(i + 1), titles[i], ""});
  }
  write_bundle(directory, model, encode_catalogue(model, encoder.encode(texts)), items);
  if (reads) encoder.save(directory / kTextEncoderFile);
}

/// Writes a bundle with a text encoder fitted to the titles.
inline void write_small_bundle(const fs::path& directory, const char* tokens = "unified",
                               std::uint64_t seed = 7) {
  const std::vector<std::string>& titles = small_titles();
  const std::vector<std::string_view> texts(titles.begin(), titles.end());
  write_small_bundle(directory, TfidfEncoder::fit(texts, {.dims = kSmallTextDims, .min_df = 1}),
                     tokens, seed);
}

}  // namespace tessera::testing
