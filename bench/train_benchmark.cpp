#include "bench/train_benchmark.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <array>

#include "base/parallel.h"
#include "base/progress.h"
#include "train/stepper.h"
#include "train/validation.h"

namespace tessera {
namespace {

// What the steps of an epoch hold, added up.
struct EpochCounts {
  double steps = 0, positions = 0, distinct = 0, inputs = 0;
  double pairs = 0;   // of a position and one that it attends to
  double scores = 0;  // of positions with the negatives that they share
};

EpochCounts count_epoch(const Dataset& data, const Settings& settings, const Stepper& stepper) {
  EpochCounts counts;
  Batcher batcher(data, settings.shared_negatives());
  StepArena arena;
  Random random(settings.seed);
  const EpochPlan plan = stepper.plan_epoch();
  for (std::size_t i = 0; i < plan.size(); ++i) {
    arena.reset();
    const StepBatch step = batcher.build(plan.step(i), random, arena).step;
    counts.steps += 1;
    counts.positions += static_cast<double>(step.inputs.size());
    counts.distinct += static_cast<double>(step.items.items.size());
    counts.inputs += static_cast<double>(step.items.input_weights.size());
    if (settings.shared_negatives() > 0) {
      counts.scores += static_cast<double>(step.inputs.size() * step.negatives.size());
    }
    for (std::size_t s = 0; s + 1 < step.offsets.size(); ++s) {
      const double length = step.offsets[s + 1] - step.offsets[s];
      counts.pairs += length * (length + 1) / 2;
    }
  }
  return counts;
}

using StageValues = std::array<double, kStages>;

double& of(StageValues& values, Stage stage) { return values[static_cast<std::size_t>(stage)]; }

// Floating-point operations of an epoch in matrix products, a multiplication and an addition each.
StageValues count_operations(const EpochCounts& counts, const UnifiedItemEncoder& items,
                             const TransformerShape& shape) {
  StageValues flops{};
  const auto products = [](const Mlp& mlp) {
    double sum = 0.0;
    for (const Linear& layer : mlp.layers) sum += static_cast<double>(layer.in() * layer.out());
    return sum;
  };
  if (items.settings.has_semantics()) {
    const double encoder = products(items.encoder);
    const auto& first = items.encoder.layers.front();
    const auto first_layer = static_cast<double>(first.in() * first.out());
    const auto table =
        static_cast<double>(items.settings.codebook_size * items.settings.semantic_dims);
    of(flops, Stage::item_encoder) = 2 * counts.distinct * encoder;
    // No gradient is owed to the text.
    of(flops, Stage::item_encoder_backward) = 2 * counts.distinct * (2 * encoder - first_layer);
    of(flops, Stage::item_decoder) = 6 * counts.inputs * products(items.decoder);
    of(flops, Stage::quantizer) =
        2 * counts.distinct * table * static_cast<double>(items.settings.levels);
  }
  const auto layers = static_cast<double>(shape.layers);
  const auto hidden = static_cast<double>(shape.hidden);
  const auto width = static_cast<double>(shape.width);
  const double projections = 8 * counts.positions * width * hidden * layers;
  const double products_of_pairs = 2 * counts.pairs * hidden * layers;
  const double expansions =
      4 * counts.positions * width * static_cast<double>(shape.feed_forward) * layers;
  of(flops, Stage::attention) = projections + 2 * products_of_pairs;
  of(flops, Stage::attention_backward) = 2 * projections + 4 * products_of_pairs;
  of(flops, Stage::feed_forward) = expansions;
  of(flops, Stage::feed_forward_backward) = 2 * expansions;
  of(flops, Stage::objective) = 6 * counts.scores * width;
  return flops;
}

constexpr std::array<const char*, kStages> kStageNames = {"other",
                                                          "batch",
                                                          "item encoder forward",
                                                          "item encoder backward",
                                                          "item decoder",
                                                          "quantizer",
                                                          "attention forward",
                                                          "attention backward",
                                                          "feed-forward forward",
                                                          "feed-forward backward",
                                                          "objective",
                                                          "optimizer"};

double peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

class TrainBenchmark {
 public:
  TrainBenchmark(const Dataset& data, MatrixView<const float> text, const Negatives& negatives,
                 const TrainBenchmarkOptions& options)
      : data_(data), text_(text), negatives_(negatives), options_(options) {}

  std::vector<Measurement> run() {
    for (const int threads : options_.threads) {
      set_threads(threads);
      prefix_ = fmt::format("{} thread{}: ", thread_count(), thread_count() == 1 ? "" : "s");
      measure();
    }
    add("peak memory of the process", "MiB", {peak_memory()});
    return std::move(results_);
  }

 private:
  void measure() {
    gemm_peak_ = measure_gemm_peak();
    add("sgemm peak", "GFLOP/s", {gemm_peak_});
    TrainingState state = initial_state(options_.settings, data_, text_.cols);
    Stepper stepper(state, data_, text_);
    const EpochCounts counts = count_epoch(data_, options_.settings, stepper);
    std::vector<double> whole, training, validation, positions, items;
    std::array<std::vector<double>, kStages> stages;
    for (std::size_t epoch = 0; epoch < options_.epochs; ++epoch) {
      const StageClock before = stepper.arena().stages;
      const Stopwatch watch;
      train_epoch(state, stepper);
      training.push_back(watch.seconds());
      stepper.settle();
      const Catalogue catalogue = encode_catalogue(state.model, text_);
      validate(state.model, catalogue, data_, negatives_);
      whole.push_back(watch.seconds());
      validation.push_back(whole.back() - training.back());
      positions.push_back(counts.positions / training.back());
      items.push_back(counts.distinct / training.back());
      for (std::size_t s = 0; s < kStages; ++s) {
        const auto stage = static_cast<Stage>(s);
        stages[s].push_back(stepper.arena().stages.seconds(stage) - before.seconds(stage));
      }
    }
    add("epoch, training and validation", "s", whole);
    add("training", "s", training);
    add("validation", "s", validation);
    add("positions a second of training", "1/s", positions);
    add("distinct items a second of training", "1/s", items);
    const StageValues flops =
        count_operations(counts, state.model.item_encoder, state.model.transformer.shape);
    double all = 0.0;
    for (std::size_t s = 1; s < kStages; ++s) {  // without "other", validation between the steps
      add_stage(kStageNames[s], counts, flops[s], stages[s]);
      all += flops[s];
    }
    add_rate("training", all, training);
    add("step arena", "MiB", {static_cast<double>(stepper.arena().capacity()) / 1048576.0});
  }

  void train_epoch(TrainingState& state, Stepper& stepper) const {
    const EpochPlan plan = stepper.plan_epoch();
    for (std::size_t i = 0; i < plan.size(); ++i) {
      stepper.step(plan.step(i));
    }
    ++state.epoch;
    state.step = 0;
  }

  void add_stage(const char* name, const EpochCounts& counts, double flops,
                 const std::vector<double>& seconds) {
    std::vector<double> milliseconds;
    for (const double s : seconds) milliseconds.push_back(1000.0 * s / counts.steps);
    add(name, "ms/step", milliseconds);
    if (flops > 0) add_rate(name, flops, seconds);
  }

  void add_rate(const char* name, double flops, const std::vector<double>& seconds) {
    std::vector<double> rates;
    for (const double s : seconds) rates.push_back(flops / s / 1e9);
    add(name, "GFLOP/s", rates);
  }

  void add(const std::string& name, const char* unit, std::vector<double> values) {
    results_.emplace_back(prefix_ + name, unit, std::move(values));
    const Measurement& m = results_.back();
    const std::string share = m.unit == "GFLOP/s" ? fmt::format("  {:.0f} % of the GEMM peak",
                                                                100 * m.median / gemm_peak_)
                                                  : "";
    if (options_.report) {
      options_.report(fmt::format("{:<50} {:>10.4g} {:<8} ({:.4g} – {:.4g}){}", m.name, m.median,
                                  m.unit, m.min, m.max, share));
    }
  }

  const Dataset& data_;
  MatrixView<const float> text_;
  const Negatives& negatives_;
  double gemm_peak_ = 0.0;
  const TrainBenchmarkOptions& options_;
  std::string prefix_;
  std::vector<Measurement> results_;
};

}  // namespace

std::vector<Measurement> benchmark_training(const Dataset& data, MatrixView<const float> text,
                                            const Negatives& negatives,
                                            const TrainBenchmarkOptions& options) {
  return TrainBenchmark(data, text, negatives, options).run();
}

}  // namespace tessera
