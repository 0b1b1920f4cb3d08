#include "bench/filter_benchmark.h"

#include <fmt/format.h>

#include <atomic>
#include <ctime>
#include <thread>
#include <tuple>

#include "attributes/attribute_table.h"
#include "base/npy.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "base/random.h"
#include "bench/grown_catalogue.h"
#include "tessera/model.h"
#include "text/text_encoder_file.h"

namespace tessera {
namespace {

constexpr std::size_t kBrands = 1000;  // of which one is a clear favourite, as in shops
constexpr std::size_t kPutAtOnce = 1000;

/// What is asked of the lists beside the history.
struct Case {
  std::string name;
  std::string filter = {}, rules = {};
};

std::vector<Case> cases() {
  std::vector<Case> cases = {{"no filter"}};
  for (const double share : {0.5, 0.25, 0.1, 0.05, 0.03, 0.01, 0.001, 0.000001}) {
    cases.push_back({fmt::format("filter, {} pass", share), fmt::format("at < {}", share)});
  }
  cases.push_back({"filter of two clauses, .25 pass", "at < 0.5 and in_stock"});
  cases.push_back({"not, or: .75 pass", "not (at < 0.5 and in_stock)"});
  cases.push_back({"caps, 2 a brand", "", R"({"caps": [{"key": "brand", "most": 2}]})"});
  cases.push_back(
      {"caps, 2 a brand, .5 pass", "at < 0.5", R"({"caps": [{"key": "brand", "most": 2}]})"});
  cases.push_back(
      {"boost of .1 of the items", "", R"({"boosts": [{"filter": "at > 0.9", "add": 0.1}]})"});
  return cases;
}

double thread_milliseconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return 1e3 * static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_nsec);
}

AttributeTable attributes_for(std::size_t items, std::uint64_t seed) {
  AttributeTable table({{"at", AttributeType::number},
                        {"in_stock", AttributeType::boolean},
                        {"brand", AttributeType::labels}});
  Random random(seed, {0xA77});
  for (std::size_t i = 0; i < items; ++i) {
    const auto item = static_cast<std::int32_t>(i);
    table.set(0, item, random.uniform());
    table.set(1, item, random.below(2) == 0);
    const double place = random.uniform();
    const auto brand = static_cast<std::size_t>(place * place * double(kBrands));
    table.set(2, item, std::vector<std::string>{fmt::format("brand {}", brand)});
  }
  return table;
}

/// The bundle's model becomes that of the grown catalogue.
void write_grown_bundle(Bundle& bundle, const fs::path& from, const fs::path& to,
                        const FilterBenchmarkOptions& options) {
  const ScoreAxes axes = score_axes(bundle.model, bundle.catalogue);
  GrownCatalogue grown = grow_catalogue(bundle.model, bundle.catalogue, axes, options.items,
                                        options.neighbours, options.seed);
  Recommender& model = bundle.model;
  model.item_count = options.items;
  model.item_encoder.ids.value = std::move(grown.ids);
  CollaborativeTokens& learned = model.item_encoder.collaborative;
  const std::size_t places = bundle.catalogue.places;
  if (model.settings.has_collaborative()) {
    learned.codes.clear();
    for (std::size_t i = 0; i < options.items; ++i) {
      const auto last =
          std::span(grown.codes).subspan((i + 1) * places - learned.parts, learned.parts);
      learned.codes.insert(learned.codes.end(), last.begin(), last.end());
    }
  }
  Catalogue catalogue;
  catalogue.places = places;
  catalogue.codes = std::move(grown.codes);
  catalogue.rows.resize(options.items);
  make_directory(to);
  std::vector<std::vector<Half>> halves;
  write_safetensors(to / kWeightsFile, bundle_tensors(model, catalogue, halves));
  std::vector<CatalogueItem> items;
  for (std::size_t i = 0; i < options.items; ++i) {
    items.push_back({fmt::format("g{}", i), fmt::format("grown item {}", i), ""});
  }
  describe_bundle(to, model, items, nlohmann::json::object());
  attributes_for(options.items, options.seed).write(to / kAttributesFile, options.items);
  std::vector<std::int32_t> events(options.items, 1);
  write_npy(to / kPopularityFile, std::span<const std::int32_t>(events));
  if (fs::exists(from / kTextEncoderFile)) {
    fs::copy_file(from / kTextEncoderFile, to / kTextEncoderFile,
                  fs::copy_options::overwrite_existing);
  }
}

class FilterBenchmark {
 public:
  FilterBenchmark(const Model& model, const std::vector<std::vector<std::int32_t>>& histories,
                  const FilterBenchmarkOptions& options)
      : model_(model), histories_(histories), options_(options) {}

  void add(const std::string& what, const char* unit, std::vector<double> values) {
    const Measurement& result = results_.emplace_back(what, unit, std::move(values));
    if (options_.report) {
      options_.report(fmt::format("{:<52} {:>10.4g} {:<9} [{:.4g}, {:.4g}]", result.name,
                                  result.median, result.unit, result.min, result.max));
    }
  }

  /// Milliseconds of answer(history) for each history, of this thread's processor: one thread
  /// answers, and whatever else runs on the machine does not count.
  template <class Answer>
  std::vector<double> milliseconds(const Answer& answer) const {
    std::vector<double> all;
    for (const auto& history : histories_) {
      const double begin = thread_milliseconds();
      answer(History(history));
      all.push_back(thread_milliseconds() - begin);
    }
    return all;
  }

  /// Of each history's list, without that of its state.
  std::vector<double> searches(const Case& asked) const {
    Filter filter;
    Rules rules;
    RecommendOptions options{.k = options_.k};
    if (!asked.filter.empty()) {
      filter = filter_from_text(asked.filter);
      options.filter = &filter;
    }
    if (!asked.rules.empty()) {
      rules = model_.read_rules(asked.rules);
      options.rules = &rules;
    }
    const auto states = milliseconds([&](History history) { (void)model_.states({&history, 1}); });
    auto lists = milliseconds([&](History history) { (void)model_.recommend(history, options); });
    for (std::size_t i = 0; i < lists.size(); ++i) lists[i] -= states[i];
    return lists;
  }

  void run() {
    struct Figures {
      std::vector<double> p50, p99, ratio, ratio99;
    };
    const std::vector<Case> all = cases();
    std::vector<Figures> figures(all.size());
    for (std::size_t round = 0; round <= options_.rounds; ++round) {
      double plain50 = 1.0, plain99 = 1.0;
      for (std::size_t c = 0; c < all.size(); ++c) {
        const std::vector<double> found = searches(all[c]);
        const double p50 = quantile(found, 0.5), p99 = quantile(found, 0.99);
        if (c == 0) std::tie(plain50, plain99) = std::pair(p50, p99);
        if (round == 0) continue;  // it builds what later ones use
        figures[c].p50.push_back(p50);
        figures[c].p99.push_back(p99);
        figures[c].ratio.push_back(p50 / plain50);
        figures[c].ratio99.push_back(p99 / plain99);
      }
    }
    for (std::size_t c = 0; c < all.size(); ++c) {
      add(all[c].name + ", p50", "ms", figures[c].p50);
      add(all[c].name + ", p99", "ms", figures[c].p99);
      if (c == 0) continue;
      add(all[c].name + ", p50 / no filter", "times", figures[c].ratio);
      add(all[c].name + ", p99 / no filter", "times", figures[c].ratio99);
    }
  }

  /// Puts items by their text, many at a time, while another thread searches.
  void put(Model& model) {
    if (options_.put == 0 || !model.reads_text()) return;
    std::atomic<bool> done = false;
    std::vector<double> searches;
    std::thread searching([&] {
      work_alone();
      while (!done) {
        for (std::size_t i = 0; i < histories_.size() && !done; ++i) {
          const Stopwatch watch;
          (void)model.recommend(History(histories_[i]), {.k = options_.k});
          searches.push_back(1e3 * watch.seconds());
        }
      }
    });
    const std::vector<ItemCard> cards = model.cards(histories_.front());
    const Stopwatch watch;
    for (std::size_t first = 0; first < options_.put; first += kPutAtOnce) {
      std::vector<ItemToPut> items;
      for (std::size_t i = first; i < std::min(first + kPutAtOnce, options_.put); ++i) {
        items.push_back({fmt::format("put{}", i),
                         "",
                         fmt::format("{} {} cream red {}", i % 97, i % 89, i),
                         {}});
      }
      model.put_many(items);
    }
    const double seconds = watch.seconds();
    done = true;
    searching.join();
    add(fmt::format("put {} items with searches going on", options_.put), "s", {seconds});
    add("a search meanwhile, p50", "ms", {quantile(searches, 0.5)});
    add("a search meanwhile, p99", "ms", {quantile(searches, 0.99)});
  }

  std::vector<Measurement> results() { return std::move(results_); }

 private:
  const Model& model_;
  const std::vector<std::vector<std::int32_t>>& histories_;
  const FilterBenchmarkOptions& options_;
  std::vector<Measurement> results_;
};

}  // namespace

std::vector<Measurement> benchmark_filters(Bundle bundle, const fs::path& bundle_directory,
                                           const std::vector<std::vector<std::int32_t>>& histories,
                                           const fs::path& work,
                                           const FilterBenchmarkOptions& options) {
  const fs::path grown = work / fmt::format("grown-{}", options.items);
  if (!fs::exists(grown / "config.json"))
    write_grown_bundle(bundle, bundle_directory, grown, options);
  const Stopwatch watch;
  Model model(grown);
  FilterBenchmark benchmark(model, histories, options);
  benchmark.add("open", "s", {watch.seconds()});
  benchmark.run();
  benchmark.put(model);
  return benchmark.results();
}

}  // namespace tessera
