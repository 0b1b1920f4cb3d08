#include "train/validation.h"

#include <algorithm>

#include "base/random.h"
#include "eval/model_scorer.h"

namespace tessera {

namespace {

struct UserRank {
  std::int32_t user;
  Rank rank;
};

// The ranks of all processes' users, in the order of users: their mean is that of one process.
std::vector<Rank> gather_ranks(const std::vector<Rank>& own, const Dataset& data,
                               const TrainingShare& share) {
  const std::vector<std::int32_t> users = evaluated_users(data, Split::validation);
  std::vector<UserRank> named;
  for (std::size_t i = 0; i < users.size(); ++i) {
    named.push_back({share.users[static_cast<std::size_t>(users[i])], own[i]});
  }
  StepArena arena;
  const std::span<UserRank> all = gather_all<UserRank>(*share.ranks, named, arena);
  std::ranges::sort(all, {}, &UserRank::user);
  std::vector<Rank> ranks;
  for (const UserRank& of : all) ranks.push_back(of.rank);
  return ranks;
}

}  // namespace

Metrics validate(const Recommender& model, const Catalogue& catalogue, const Dataset& data,
                 const Negatives& negatives, const TrainingShare& share) {
  const Scorer scorer = model_scorer(model, catalogue, data);
  const bool sampled = model.settings.selection_protocol == "sampled";
  const std::vector<Rank> ranks = sampled ? rank_sampled(data, Split::validation, negatives, scorer)
                                          : rank_full(data, Split::validation, scorer);
  return metrics_of(share.several() ? gather_ranks(ranks, data, share) : ranks);
}

Negatives validation_negatives(const Settings& settings, const Dataset& data,
                               const fs::path& file) {
  if (settings.selection_protocol != "sampled") return {};
  constexpr std::uint64_t kValidation = 5;  // a purpose beside those of a step
  return file.empty()
             ? draw_negatives(data, mix_bits(settings.seed ^ kValidation), drawable_negatives(data))
             : read_negatives(file, data);
}

}  // namespace tessera
