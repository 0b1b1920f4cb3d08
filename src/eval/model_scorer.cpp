#include "eval/model_scorer.h"

namespace tessera {

Scorer model_scorer(const Recommender& model, const Catalogue& catalogue, const Dataset& data) {
  const auto states_of = [&](std::span<const std::int32_t> users, Split split) {
    std::vector<History> histories;
    histories.reserve(users.size());
    for (const std::int32_t user : users) {
      histories.push_back(history_before(data, static_cast<std::size_t>(user), split));
    }
    Matrix states(users.size(), model.settings.width());
    user_states(model, catalogue, histories, states);
    return states;
  };
  return {
      [states_of, &catalogue](std::span<const std::int32_t> users, Split split,
                              MatrixView<float> scores) {
        score_catalogue(catalogue, states_of(users, split), scores);
      },
      [states_of, &catalogue](std::span<const std::int32_t> users, Split split,
                              MatrixView<const std::int32_t> candidates, MatrixView<float> scores) {
        score_candidates(catalogue, states_of(users, split), candidates, scores);
      }};
}

}  // namespace tessera
