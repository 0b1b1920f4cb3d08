#include "eval/model_scorer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "testing/datasets.h"
#include "testing/matrices.h"
#include "testing/small_model.h"

namespace tessera {
namespace {

using testing::dataset_of;
using testing::small_model;
using testing::small_settings;

class ModelScorer : public ::testing::Test {
 protected:
  const Dataset data = dataset_of({{0, 1, 2, 3, 4, 5, 6, 7}, {3, 2, 1}, {9, 9, 8, 9}}, 10);
  const Recommender model = small_model(small_settings(), 10, 5);
  const Catalogue catalogue = encode_catalogue(model, testing::random_matrix(10, 5, 3));
  const Scorer scorer = model_scorer(model, catalogue, data);
  const std::vector<std::int32_t> users = {2, 0};
};

TEST_F(ModelScorer, ScoresTheHistoryBeforeTheTarget) {
  for (const Split split : {Split::validation, Split::test}) {
    Matrix scores(2, 10);
    scorer.catalogue(users, split, scores);
    const std::vector<History> histories = {history_before(data, 2, split),
                                            history_before(data, 0, split)};
    Matrix states(2, model.settings.width());
    user_states(model, catalogue, histories, states);
    testing::expect_elements(scores, 1e-4, [&](std::size_t i, std::size_t item) {
      const float* vector = catalogue.vectors[static_cast<std::size_t>(catalogue.rows[item])];
      double sum = 0.0;
      for (std::size_t c = 0; c < states.cols(); ++c) sum += double{states[i][c]} * vector[c];
      return sum;
    });
  }
}

TEST_F(ModelScorer, ScoresCandidatesLikeTheCatalogue) {
  Matrix scores(2, 10);
  scorer.catalogue(users, Split::test, scores);
  const std::vector<std::int32_t> candidates = {9, 0, 4, 4, 1, 2, 3, 8};
  Matrix of_candidates(2, 4);
  scorer.candidates(users, Split::test, {candidates.data(), 2, 4}, of_candidates);
  testing::expect_elements(of_candidates, 1e-4, [&](std::size_t i, std::size_t j) {
    return scores[i][candidates[i * 4 + j]];
  });
}

}  // namespace
}  // namespace tessera
