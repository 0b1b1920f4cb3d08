#include "bench/index_benchmark.h"

#include <fmt/format.h>
#include <omp.h>

#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "bench/faiss_peer.h"
#include "bench/grown_catalogue.h"
#include "index/item_index.h"
#include "kernels/elementwise.h"

namespace tessera {
namespace {

// Lists held against brute force.
constexpr std::size_t kChecked = 10;
// A slow peer is asked until it has taken this long.
constexpr double kPeerSeconds = 3.0;
// The portable scan is there for machines without any better; it is not timed over more items.
constexpr std::size_t kMostPortable = 100'000;
// Larger catalogues' vectors in full precision are not held: distribution and peers need them.
constexpr std::size_t kMostVectors = 2'000'000;
// States whose scores are looked at.
constexpr std::size_t kDistributed = 50;
constexpr double kRecall = 0.99;

using Search = std::function<void(std::span<const float> state, std::size_t k)>;

class IndexBenchmark {
 public:
  IndexBenchmark(const Recommender& model, const Catalogue& catalogue,
                 MatrixView<const float> states, const IndexBenchmarkOptions& options)
      : model_(model), catalogue_(catalogue), states_(states), options_(options) {}

  std::vector<Measurement> run() {
    for (const std::size_t items : options_.items) run(items);
    return std::move(results_);
  }

 private:
  void add(const std::string& what, const char* unit, std::vector<double> values) {
    const Measurement& result = results_.emplace_back(name_ + what, unit, std::move(values));
    if (options_.report) {
      options_.report(fmt::format("{:<52} {:>10.4g} {:<9} [{:.4g}, {:.4g}]", result.name,
                                  result.median, result.unit, result.min, result.max));
    }
  }

  // Seconds of one search for each state.
  std::vector<double> latencies(const Search& search, std::size_t k, double limit) const {
    std::vector<double> seconds;
    const Stopwatch all;
    for (std::size_t i = 0; i < states_.rows && all.seconds() < limit; ++i) {
      const Stopwatch watch;
      search(states_.row(i), k);
      seconds.push_back(watch.seconds());
    }
    return seconds;
  }

  void add_latencies(const std::string& what, const Search& search, std::size_t k,
                     std::size_t rounds, double limit = HUGE_VAL) {
    std::map<const char*, std::vector<double>> values;
    for (std::size_t round = 0; round < rounds; ++round) {
      const std::vector<double> seconds = latencies(search, k, limit);
      values["p50"].push_back(1e3 * quantile(seconds, 0.50));
      values["p95"].push_back(1e3 * quantile(seconds, 0.95));
      values["p99"].push_back(1e3 * quantile(seconds, 0.99));
    }
    for (auto& [share, of] : values) {
      add(fmt::format("{}, k = {}, {}", what, k, share), "ms", std::move(of));
    }
  }

  void run(std::size_t items) {
    name_ = fmt::format("{} items: ", items);
    ScoreSpace space{scoring_tables(model_), score_axes(model_, catalogue_)};
    const GrownCatalogue grown =
        grow_catalogue(model_, catalogue_, space.axes, items, options_.neighbours, options_.seed);
    std::vector<std::int32_t> numbers(items);
    std::iota(numbers.begin(), numbers.end(), 0);
    const Stopwatch watch;
    Segment segment(space, numbers, grown.codes, grown.ids);
    ItemIndex index(std::move(space), std::move(segment));
    add("build, all threads", "s", {watch.seconds()});
    add("memory", "B/item", {static_cast<double>(index.bytes()) / static_cast<double>(items)});
    check(index, grown, items);
    if (items <= kMostVectors) {
      Matrix all(items, model_.settings.width());
      copy_vectors(grown, 0, all);
      add_distribution(all);
      if (options_.peers && FaissPeer::available()) add_peers(index, all);
    }

    for (const std::size_t k : options_.k) {
      for (const ScanTarget& target : scan_targets()) {
        if (items > kMostPortable && &target == &scan_targets().back()) continue;
        SearchStatistics statistics;
        const Search search = [&](std::span<const float> state, std::size_t count) {
          (void)index.search(state, count, {}, target.scan, statistics);
        };
        add_latencies(fmt::format("search by {}", target.name), search, k, options_.rounds);
        if (&target != &scan_targets().front()) continue;
        const auto searches = static_cast<double>(options_.rounds * states_.rows);
        const std::size_t all_blocks = (items + kScanBlock - 1) / kScanBlock;
        const auto blocks = static_cast<double>(all_blocks);
        add(fmt::format("blocks scanned, k = {}", k), "%",
            {100.0 * static_cast<double>(statistics.blocks) / searches / blocks});
        add(fmt::format("items rescored, k = {}", k), "items",
            {static_cast<double>(statistics.rescored) / searches});
      }
      add_filters(index, items, k);
      std::vector<double> throughput;
      for (std::size_t round = 0; round < options_.rounds; ++round) {
        const Stopwatch batch;
        (void)index.search_batch(states_, k, {});
        throughput.push_back(static_cast<double>(states_.rows) / batch.seconds());
      }
      add(fmt::format("throughput of {} threads, k = {}", thread_count(), k), "1/s", throughput);
    }
    add_changes(index, grown, items);
  }

  void add_filters(const ItemIndex& index, std::size_t items, std::size_t k) {
    for (const std::size_t one_in : {2U, 100U, 1000U}) {
      ItemSet allowed(items);
      Random random(options_.seed, {items, one_in});
      for (std::size_t i = 0; i < items; ++i) {
        if (random.below(one_in) == 0) allowed.insert(static_cast<std::int32_t>(i));
      }
      const Search search = [&](std::span<const float> state, std::size_t count) {
        (void)index.search(state, count, {.allowed = &allowed});
      };
      add_latencies(fmt::format("search, 1 in {} allowed", one_in), search, k, options_.rounds);
    }
  }

  void add_changes(ItemIndex& index, const GrownCatalogue& grown, std::size_t items) {
    constexpr std::size_t kChanges = 1000;
    Random random(options_.seed, {items});
    std::vector<double> seconds;
    for (std::size_t i = 0; i < kChanges; ++i) {
      const std::size_t from = random.below(items);
      const auto codes =
          std::span(grown.codes).subspan(from * catalogue_.places, catalogue_.places);
      const Stopwatch watch;
      index.put(static_cast<std::int32_t>(random.below(2 * items)), codes,
                grown.ids.view().row(from));
      seconds.push_back(1e3 * watch.seconds());
    }
    add("put or replace an item", "ms", seconds);
    const Search search = [&](std::span<const float> state, std::size_t count) {
      (void)index.search(state, count);
    };
    add_latencies(fmt::format("search with {} changes pending", kChanges), search, options_.k[0],
                  options_.rounds);
  }

  // Item vectors in full precision, as anybody would store them, from `first` on: a row each.
  void copy_vectors(const GrownCatalogue& grown, std::size_t first, MatrixView<float> rows) const {
    for (std::size_t i = 0; i < rows.rows; ++i) {
      const std::size_t item = first + i;
      const auto codes =
          std::span(grown.codes).subspan(item * catalogue_.places, catalogue_.places);
      std::ranges::copy(item_vector(model_, codes, grown.ids.view().row(item)), rows[i]);
    }
  }

  // The scores of all items for a sample of the states, [states, items].
  Matrix plain_scores(const GrownCatalogue& grown, std::size_t items) const {
    constexpr std::size_t kAtOnce = 4096;
    Matrix scores(std::min(kChecked, states_.rows), items);
    Matrix vectors(std::min(kAtOnce, items), model_.settings.width());
    for (std::size_t first = 0; first < items; first += kAtOnce) {
      const auto part = vectors.view().row_block(0, std::min(kAtOnce, items - first));
      copy_vectors(grown, first, part);
      for (std::size_t s = 0; s < scores.rows(); ++s) {
        for (std::size_t i = 0; i < part.rows; ++i) {
          scores[s][first + i] = dot(states_.row(s), part.row(i));
        }
      }
    }
    return scores;
  }

  void check(const ItemIndex& index, const GrownCatalogue& grown, std::size_t items) {
    const std::size_t k = *std::ranges::max_element(options_.k);
    double largest_difference = 0.0;
    Matrix sample = plain_scores(grown, items);
    for (std::size_t i = 0; i < sample.rows(); ++i) {
      const std::span<float> scores = sample.view().row(i);
      const auto found = index.search(states_.row(i), k);
      for (const ScoredItem& item : found) {
        const double difference =
            std::abs(double{item.score} - double{scores[static_cast<std::size_t>(item.item)]});
        largest_difference = std::max(largest_difference, difference);
      }
      std::ranges::partial_sort(scores, scores.begin() + static_cast<std::ptrdiff_t>(found.size()),
                                std::ranges::greater());
      for (std::size_t j = 0; j < found.size(); ++j) {
        largest_difference =
            std::max(largest_difference, std::abs(double{found[j].score} - double{scores[j]}));
      }
    }
    add("largest difference to brute force", "score", {largest_difference});
    if (!(largest_difference < 1e-5)) {
      fail("the index of {} items differs from brute force by {:g}", items, largest_difference);
    }
  }

  // Whether grown items score as real ones do.
  void add_distribution(const Matrix& all) {
    const auto states = states_.row_block(0, std::min(kDistributed, states_.rows));
    if (all.rows() < 1000) return;
    const ScoreDistribution found = score_distribution(all, states);
    add("spread of scores", "score", {found.spread});
    add("best 1 in 1,000 above the mean", "spreads", {found.gap});
    add("items within a tenth of it", "%", {100.0 * found.near});
  }

  void add_peers(const ItemIndex& index, const Matrix& all) {
    const auto search_by = [](const FaissPeer& peer) {
      return [&peer](std::span<const float> state, std::size_t k) { (void)peer.search(state, k); };
    };
    {
      const FaissPeer flat(FaissPeer::Kind::flat, all);
      omp_set_num_threads(1);
      for (const std::size_t k : options_.k) {
        add_latencies("faiss IndexFlatIP", search_by(flat), k, 1, kPeerSeconds);
      }
      set_threads(threads_);
    }
    add_approximate(FaissPeer(FaissPeer::Kind::fast_scan, all), "faiss PQ fast-scan, refined",
                    index, search_by);
    if (all.rows() > options_.hnsw_items) return;
    const Stopwatch watch;
    FaissPeer hnsw(FaissPeer::Kind::hnsw, all);
    add("faiss HNSW, build, all threads", "s", {watch.seconds()});
    add_approximate(std::move(hnsw), "faiss HNSW", index, search_by);
  }

  // With as much effort as finds 99 % of the lists, if any does.
  template <class SearchBy>
  void add_approximate(FaissPeer peer, const char* name, const ItemIndex& index,
                       const SearchBy& search_by) {
    omp_set_num_threads(1);
    for (const std::size_t k : options_.k) {
      double recall = 0.0;
      int effort = 1;
      while (recall < kRecall && effort < 4096) {
        effort *= 2;
        peer.set_effort(effort, k);
        recall = recall_of(peer, index, k);
      }
      add(fmt::format("{}, effort {}, k = {}, recall", name, effort, k), "share", {recall});
      add_latencies(fmt::format("{}, effort {}", name, effort), search_by(peer), k, 1,
                    kPeerSeconds);
    }
    set_threads(threads_);
  }

  double recall_of(const FaissPeer& peer, const ItemIndex& index, std::size_t k) const {
    constexpr std::size_t kStates = 100;
    double hits = 0.0;
    double of = 0.0;
    for (std::size_t i = 0; i < std::min(kStates, states_.rows); ++i) {
      const std::vector<std::int64_t> found = peer.search(states_.row(i), k);
      for (const ScoredItem& item : index.search(states_.row(i), k)) {
        hits += std::ranges::find(found, item.item) != found.end() ? 1.0 : 0.0;
        of += 1.0;
      }
    }
    return hits / of;
  }

  const Recommender& model_;
  const Catalogue& catalogue_;
  MatrixView<const float> states_;
  const IndexBenchmarkOptions& options_;
  int threads_ = thread_count();
  std::string name_;
  std::vector<Measurement> results_;
};

}  // namespace

std::vector<Measurement> benchmark_index(const Recommender& model, const Catalogue& catalogue,
                                         MatrixView<const float> states,
                                         const IndexBenchmarkOptions& options) {
  return IndexBenchmark(model, catalogue, states, options).run();
}

}  // namespace tessera
