#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/settings.h"

namespace tessera {

/// A row of figures that others have published; a figure that is not given is NaN. Rows with
/// `tokens` are models of the study, which ours are held against; the others are peers.
struct PublishedRow {
  const char* dataset;
  const char* protocol;  ///< sampled | full
  const char* name;
  const char* source;
  const char* tokens;  ///< id | semantic | unified; empty: a peer
  const char* distance;
  std::size_t codebook_size;
  double hr1, hr5, hr10, ndcg5, ndcg10, mrr;
};

/// What the study says of the codes by one distance at all levels. All are fractions.
struct PublishedCodes {
  const char* dataset;
  const char* distance;
  std::vector<double> activation;  ///< of the first levels, as far as given
  double unique_share;
};

inline constexpr const char* kPaper = "Lin et al. 2025 (arXiv 2502.16474) and its authors' logs";

/// Which of the study's datasets has so many users and items: "Beauty", "Sports", or "" if none,
/// which has no published figures.
std::string published_dataset(std::size_t users, std::size_t items);

/// Rows for a dataset and a protocol, the study's first.
std::vector<PublishedRow> published_rows(std::string_view dataset, std::string_view protocol);

/// The study's figure for a model of the `paper` recipe with these settings, by the names that
/// figure_of takes ("sampled HR@10", "activation 1", "unique_share"); none where the study does not
/// give it or the settings are of no model of the study. Training lengths and seeds do not matter.
std::optional<double> paper_figure(std::string_view dataset, const Settings& settings,
                                   std::string_view figure);

}  // namespace tessera
