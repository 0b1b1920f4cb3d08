#pragma once
#include "model/bundle.h"

namespace tessera {

/// Which item of an earlier catalogue each item is that is held here: its number there, by id, or
/// -1 for a new one.
struct MatchedItems {
  std::vector<std::int32_t> earlier;  ///< [items held]
  std::size_t known = 0;              ///< items of the whole catalogue that the earlier one had
  std::size_t added = 0;              ///< … and had not
  std::size_t gone = 0;               ///< items of the earlier one alone
};
MatchedItems match_items(const std::vector<CatalogueItem>& earlier,
                         const std::vector<CatalogueItem>& items, const RowSelection& held = {});

/// Throws Error that names the setting unless both make a model of the same parts.
void check_same_parts(const Settings& settings, const Settings& earlier, const fs::path& bundle);
/// Throws Error that says what to do if a dataset's embeddings were made by another encoder than
/// those that the bundle's model was trained on, as far as their files tell.
void check_same_encoder(const fs::path& data_directory, const fs::path& bundle);

/// Gives `model`, made and initialised with the catalogue of newer data, what an earlier one has
/// learned: all that items share, and what each item that is matched has of its own. A new item
/// starts as a live one does, with the ID token of new items and the codes that its text embedding
/// foretells (`text` [items held, text dims]); without semantic tokens it stays as it was
/// initialised. Both must be of the same parts. Throws Error if the embeddings have another width.
void carry_over(const Bundle& from, const MatchedItems& matched, MatrixView<const float> text,
                Recommender& model);

/// A bundle with the catalogue of other data than its own, to rank that; `directory` is theirs.
Bundle carried_over(Bundle from, const fs::path& bundle, const Dataset& data,
                    const fs::path& directory);

}  // namespace tessera
