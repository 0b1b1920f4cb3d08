#include "bench/train_benchmark.h"

#include <gtest/gtest.h>

#include "data/simulate.h"
#include "testing/matrices.h"
#include "train/validation.h"

namespace tessera {
namespace {

TEST(TrainBenchmark, TellsWhereTheTimeOfATrainingEpochGoes) {
  const Dataset data = simulate_shop({.users = 200, .items = 90, .seed = 5});
  const Matrix text = testing::random_matrix(90, 17, 3);
  TrainBenchmarkOptions options;
  options.settings.codebook_size = 8;
  options.settings.batch_users = 64;
  options.epochs = 1;
  options.threads = {1};
  std::size_t lines = 0;
  options.report = [&](const std::string& line) { lines += line.empty() ? 0 : 1; };
  const Negatives negatives = validation_negatives(options.settings, data, {});
  const auto results = benchmark_training(data, text, negatives, options);
  EXPECT_EQ(lines, results.size());

  double stages = 0.0;
  double training = 0.0;
  double peak = 0.0;
  for (const Measurement& result : results) {
    EXPECT_GT(result.median, 0.0) << result.name;
    if (result.unit == "ms/step") stages += result.median / 1000.0 * 4;  // steps: 200 users by 64
    if (result.name == "1 thread: training" && result.unit == "s") training = result.median;
    if (result.name == "1 thread: sgemm peak") peak = result.median;
  }
  EXPECT_GT(stages, 0.0);
  EXPECT_LE(stages, training);
  EXPECT_GT(peak, 0.0);
}

}  // namespace
}  // namespace tessera
