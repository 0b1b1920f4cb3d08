#include "train/validation.h"

#include "base/random.h"
#include "eval/model_scorer.h"

namespace tessera {

Metrics validate(const Recommender& model, const Catalogue& catalogue, const Dataset& data,
                 const Negatives& negatives) {
  const Scorer scorer = model_scorer(model, catalogue, data);
  const bool sampled = model.settings.selection_protocol == Protocol::sampled;
  return metrics_of(sampled ? rank_sampled(data, Split::validation, negatives, scorer)
                            : rank_full(data, Split::validation, scorer));
}

Negatives validation_negatives(const Settings& settings, const Dataset& data,
                               const fs::path& file) {
  if (settings.selection_protocol != Protocol::sampled) return {};
  constexpr std::uint64_t kValidation = 5;  // a purpose beside those of a step
  return file.empty()
             ? draw_negatives(data, mix_bits(settings.seed ^ kValidation), drawable_negatives(data))
             : read_negatives(file, data);
}

}  // namespace tessera
