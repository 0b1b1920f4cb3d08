// The way from files to a model: each function of include/tessera/tessera.h is a call into the
// rooms below. The model itself is the engine's.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/parallel.h"
#include "data/embed.h"
#include "data/prepare.h"
#include "data/simulate.h"
#include "eval/model_scorer.h"
#include "model/bundle.h"
#include "tessera/tessera.h"
#include "train/trainer.h"
#include "train/warm_start.h"

namespace tessera {
namespace {

MetricValues values_of(const Metrics& metrics) { return to_json(metrics).get<MetricValues>(); }

}  // namespace

void use_threads(int threads) { set_threads(threads); }

void simulate_dataset(const fs::path& dataset, std::size_t users, std::size_t items,
                      std::uint64_t seed) {
  write_dataset(dataset, simulate_shop({.users = users, .items = items, .seed = seed}));
}

void prepare_dataset(const fs::path& dataset, const fs::path& interactions,
                     const fs::path& item_text, const fs::path& timestamps, std::uint64_t seed) {
  PrepareOptions options;
  options.interactions = {interactions};
  options.item_text = item_text;
  options.timestamps = timestamps;
  options.order_by_time = false;
  options.seed = seed;
  PrepareReport report;
  const Dataset data = prepare(options, report);
  write_dataset(dataset, data, dump_json(summarise(data, report), 2) + "\n");
}

void embed_dataset(const fs::path& dataset, std::size_t dims) {
  embed_by_text(dataset, {.dims = dims});
}

void embed_dataset_as(const fs::path& dataset, const fs::path& from) { embed_as(dataset, from); }

MetricValues train_model(const Training& training) {
  TrainOptions options;
  options.data_directory = training.dataset;
  options.bundle = training.bundle;
  options.negatives = training.negatives;
  options.resume = training.resume;
  options.refit = training.refit;
  options.chosen_by = training.chosen_by;
  options.from = training.from;
  options.keep_tokens = training.keep_tokens;
  options.settings = training.from.empty() ? recipe(training.recipe) : warm_settings(training.from);
  apply_settings(options.settings, training.settings);
  bool stop = false;
  options.interrupted = [&] { return stop; };
  options.on_epoch = [&](const EpochReport& report) {
    if (report.first_stage || report.refit) return;
    if (training.on_epoch) stop = !training.on_epoch(report.epoch, values_of(report.validation));
  };
  return values_of(train(options).best);
}

MetricValues evaluate_model(const fs::path& bundle, const fs::path& dataset,
                            const std::string& split, bool seen) {
  if (split != "test" && split != "validation") {
    fail_usage("split '{}': it must be test or validation", split);
  }
  const Dataset data = read_dataset(dataset);
  const Bundle model = read_bundle_of(bundle, data);
  if (!seen) check_unseen(model.config, bundle);
  return values_of(metrics_of(rank_full(data, split == "test" ? Split::test : Split::validation,
                                        model_scorer(model.model, model.catalogue, data), {},
                                        nullptr, Repeats::excluded)));
}

}  // namespace tessera
