#include "train/validation.h"

#include <algorithm>

#include "base/random.h"
#include "eval/model_scorer.h"
#include "train/shared_catalogue.h"

namespace tessera {
namespace {

struct NumberedPlace {
  std::int32_t user;  // in the whole dataset
  TargetPlace place;
};

}  // namespace

// As evaluation ranks them where every item is at hand.
std::vector<TargetPlace> validation_places(const Recommender& model, const Catalogue& own,
                                           const Dataset& data, const Negatives& negatives,
                                           const Ranks& ranks) {
  if (own.items() < data.items.size()) return rank_by_blocks(model, own, data, negatives, ranks);
  const Scorer scorer = model_scorer(model, own, data);
  return model.settings.selection_protocol == Protocol::sampled
             ? rank_sampled(data, Split::validation, negatives, scorer)
             : rank_full(data, Split::validation, scorer);
}

Metrics validate(const Recommender& model, const Catalogue& own, const Dataset& data,
                 const Negatives& negatives, const TrainingShare& share) {
  const std::vector<TargetPlace> ranked =
      validation_places(model, own, data, negatives, share.ranks);
  const std::vector<std::int32_t> users = evaluated_users(data, Split::validation);
  std::vector<NumberedPlace> here;
  for (std::size_t i = 0; i < ranked.size(); ++i) {
    here.push_back({share.number(users[i]), ranked[i]});
  }
  StepArena arena;
  const auto gathered = all_gather<NumberedPlace>(share.ranks, here, arena).all;
  // In the order of users, whoever ranked them: the mean's bits are those of one process.
  std::vector<NumberedPlace> all(gathered.begin(), gathered.end());
  std::ranges::sort(all, {}, &NumberedPlace::user);
  std::vector<TargetPlace> places;
  for (const NumberedPlace& of : all) places.push_back(of.place);
  return metrics_of(places);
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
