#include "tokenize/health.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <unordered_map>

#include "base/error.h"
#include "base/parallel.h"
#include "base/random.h"
#include "eval/code_statistics.h"
#include "kernels/elementwise.h"
#include "kernels/gemm.h"
#include "linear/principal_axes.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kShownGroups = 20, kShownItems = 10;
constexpr std::size_t kDecodedItems = 50'000;  // whose error and neighbours are looked at
constexpr std::size_t kQueries = 1000, kNeighbours = 10;
constexpr std::size_t kMapped = 3000;

// Below these a sentence warns; none of them changes a figure.
constexpr double kFewCodes = 0.9;  // activation
constexpr double kUneven = 0.3;    // perplexity / codes
constexpr double kManyCollisions = 0.05;
constexpr double kIdleLevel = 0.01;  // of the variance, that a level explains
constexpr double kFewNeighbours = 0.1;

std::string_view text_of(std::span<const std::string> texts, std::size_t item) {
  return item < texts.size() ? std::string_view(texts[item]) : std::string_view();
}

std::string id_of(const TokensToJudge& tokens, std::size_t item) {
  return tokens.ids.empty() ? std::to_string(item) : std::string(tokens.ids[item]);
}

void check(const TokensToJudge& tokens) {
  const IntMatrix& codes = *tokens.codes;
  if (codes.rows == 0 || codes.cols == 0) fail("there are no codes to judge");
  if (tokens.vectors != nullptr && tokens.vectors->rows != codes.rows) {
    fail("{}: {} vectors for the codes of {} items", tokens.vectors->name, tokens.vectors->rows,
         codes.rows);
  }
  for (std::size_t i = 0; i < codes.rows; ++i) {
    for (std::size_t l = 0; l < codes.cols; ++l) {
      const std::int32_t code = codes.row(i)[l];
      if (code >= 0 && static_cast<std::size_t>(code) < tokens.sizes[l]) continue;
      fail("item '{}': code {} of level {} is not one of 0 to {}", id_of(tokens, i), code, l + 1,
           tokens.sizes[l] - 1);
    }
  }
}

// A digest of each vector, in which equal ones are equal; 0 for a vector of zeros.
std::vector<std::uint64_t> digests_of(const VectorSource& vectors) {
  std::vector<std::uint64_t> digests(vectors.rows);
  for_each_block(vectors, [&](std::size_t first, MatrixView<float> block) {
    parallel_for(block.rows, 64, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) {
        const std::span<const float> row = block.row(i);
        if (is_zero(row)) continue;
        const std::string_view bytes(reinterpret_cast<const char*>(row.data()), row.size_bytes());
        digests[first + i] = std::max<std::uint64_t>(std::hash<std::string_view>()(bytes), 1);
      }
    });
  });
  return digests;
}

Json vectors_json(std::span<const std::uint64_t> digests) {
  std::vector<std::uint64_t> sorted(digests.begin(), digests.end());
  std::ranges::sort(sorted);
  const auto zeros = static_cast<std::size_t>(std::ranges::count(sorted, 0U));
  const auto rest =
      std::ranges::subrange(sorted.begin() + static_cast<std::ptrdiff_t>(zeros), sorted.end());
  std::size_t repeated = 0;
  for (auto at = rest.begin(); at != rest.end(); ++at) {
    repeated += at != rest.begin() && *at == *(at - 1) ? 1 : 0;
  }
  return {{"zero", zeros}, {"repeated", repeated}};
}

// Items by their first `levels` codes, as numbers of the distinct prefixes.
std::vector<std::int32_t> prefixes_of(const IntMatrix& codes, std::size_t levels) {
  std::vector<std::int32_t> order(codes.rows);
  std::iota(order.begin(), order.end(), 0);
  const auto prefix = [&](std::int32_t i) {
    return codes.row(static_cast<std::size_t>(i)).first(levels);
  };
  std::ranges::sort(order, [&](std::int32_t a, std::int32_t b) {
    return std::ranges::lexicographical_compare(prefix(a), prefix(b));
  });
  std::vector<std::int32_t> numbers(codes.rows);
  std::int32_t number = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i > 0 && !std::ranges::equal(prefix(order[i - 1]), prefix(order[i]))) ++number;
    numbers[static_cast<std::size_t>(order[i])] = number;
  }
  return numbers;
}

Json levels_json(const TokensToJudge& tokens) {
  const IntMatrix& codes = *tokens.codes;
  const std::size_t largest = *std::ranges::max_element(tokens.sizes);
  const CodeStatistics statistics = code_statistics(codes.values, codes.cols, largest);
  Json levels = Json::array();
  for (std::size_t l = 0; l < codes.cols; ++l) {
    const double used = std::round(statistics.activation[l] * static_cast<double>(largest));
    const auto size = static_cast<double>(tokens.sizes[l]);
    const std::vector<std::int32_t> prefixes = prefixes_of(codes, l + 1);
    const auto distinct = static_cast<double>(*std::ranges::max_element(prefixes)) + 1.0;
    levels.push_back({{"codes", tokens.sizes[l]},
                      {"used", static_cast<std::size_t>(used)},
                      {"activation", used / size},
                      {"perplexity", statistics.perplexity[l]},
                      {"distinct_prefixes", static_cast<std::size_t>(distinct)}});
  }
  return levels;
}

Json collisions_json(const TokensToJudge& tokens, std::span<const std::uint64_t> digests) {
  const IntMatrix& codes = *tokens.codes;
  const std::vector<std::int32_t> tuples = prefixes_of(codes, codes.cols);
  std::vector<std::vector<std::int32_t>> members(
      static_cast<std::size_t>(*std::ranges::max_element(tuples)) + 1);
  for (std::size_t i = 0; i < tuples.size(); ++i) {
    members[static_cast<std::size_t>(tuples[i])].push_back(static_cast<std::int32_t>(i));
  }
  const auto items = static_cast<double>(codes.rows);
  const auto distinct = static_cast<double>(members.size());
  std::erase_if(members, [](const auto& group) { return group.size() == 1; });
  std::ranges::sort(members, [](const auto& a, const auto& b) {
    return a.size() != b.size() ? a.size() > b.size() : a.front() < b.front();
  });
  std::size_t collided = 0, of_equals = 0;
  Json groups = Json::array();
  for (const auto& group : members) {
    collided += group.size();
    std::map<std::uint64_t, std::size_t> vectors;
    for (const std::int32_t item : group) {
      if (!digests.empty()) ++vectors[digests[static_cast<std::size_t>(item)]];
    }
    // No code could tell these apart: their vectors are the same.
    for (const auto& [digest, count] : vectors) of_equals += count > 1 ? count - 1 : 0;
    if (groups.size() == kShownGroups) continue;
    Json listed = Json::array();
    for (const std::int32_t item : std::span(group).first(std::min(kShownItems, group.size()))) {
      const auto i = static_cast<std::size_t>(item);
      listed.push_back({{"id", id_of(tokens, i)}, {"title", text_of(tokens.titles, i)}});
    }
    const auto tuple = codes.row(static_cast<std::size_t>(group.front()));
    groups.push_back({{"codes", std::vector<std::int32_t>(tuple.begin(), tuple.end())},
                      {"items", group.size()},
                      {"first", listed}});
    if (!digests.empty()) groups.back()["distinct_vectors"] = vectors.size();
  }
  Json json = {{"unique_share", (items - static_cast<double>(collided)) / items},
               {"distinct_share", distinct / items},
               {"items", collided},
               {"tuples", members.size()},
               {"largest", members.empty() ? 1 : members.front().size()},
               {"groups", groups}};
  if (!digests.empty()) json["by_equal_vectors"] = of_equals;
  return json;
}

// Items whose vectors are decoded, as a source reads them: every step-th.
struct Decoded {
  Matrix vectors;
  IntMatrix codes;
};

Decoded decoded_sample(const TokensToJudge& tokens) {
  Decoded sample{sample_of(*tokens.vectors, kDecodedItems), {}};
  const std::size_t step =
      std::max<std::size_t>((tokens.codes->rows + kDecodedItems - 1) / kDecodedItems, 1);
  sample.codes = {sample.vectors.rows(), tokens.codes->cols, {}};
  for (std::size_t i = 0; i < sample.vectors.rows(); ++i) {
    const auto row = tokens.codes->row(i * step);
    sample.codes.values.insert(sample.codes.values.end(), row.begin(), row.end());
  }
  return sample;
}

double squared_distance(std::span<const float> a, std::span<const float> b) {
  double sum = 0.0;
  for (std::size_t d = 0; d < a.size(); ++d) {
    sum += (double{a[d]} - b[d]) * (double{a[d]} - b[d]);
  }
  return sum;
}

std::vector<float> mean_of(const Matrix& rows) {
  std::vector<double> sums(rows.cols());
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    for (std::size_t d = 0; d < sums.size(); ++d) sums[d] += rows[i][d];
  }
  std::vector<float> mean;
  for (const double sum : sums) {
    mean.push_back(static_cast<float>(sum / static_cast<double>(rows.rows())));
  }
  return mean;
}

// For some rows, the rows nearest to them without themselves, [queries, kNeighbours].
std::vector<std::vector<std::int32_t>> nearest_rows(const Matrix& rows, std::size_t step) {
  std::vector<float> half(rows.rows());
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    half[i] = 0.5F * dot(rows.view().row(i), rows.view().row(i));
  }
  const std::size_t queries = (rows.rows() + step - 1) / step;
  const std::size_t most = std::min(kNeighbours, rows.rows() - 1);
  std::vector<std::vector<std::int32_t>> found(queries);
  constexpr std::size_t kAtOnce = 128;
  Matrix scores(kAtOnce, rows.rows());
  Matrix asked(kAtOnce, rows.cols());
  for (std::size_t first = 0; first < queries; first += kAtOnce) {
    const std::size_t count = std::min(kAtOnce, queries - first);
    for (std::size_t i = 0; i < count; ++i) {
      std::copy_n(rows[(first + i) * step], rows.cols(), asked[i]);
    }
    const MatrixView<float> part = scores.view().row_block(0, count);
    gemm(Transpose::no, Transpose::yes, 1.0F, asked.view().row_block(0, count), rows, 0.0F, part);
    parallel_for(count, 1, [&](std::size_t begin, std::size_t end) {
      std::vector<std::int32_t> order(rows.rows());
      for (std::size_t i = begin; i < end; ++i) {
        std::iota(order.begin(), order.end(), 0);
        const auto score = [&](std::int32_t r) {
          return part[i][r] - half[static_cast<std::size_t>(r)];
        };
        std::erase(order, static_cast<std::int32_t>((first + i) * step));
        const auto end_of = order.begin() + static_cast<std::ptrdiff_t>(most);
        std::partial_sort(order.begin(), end_of, order.end(), [&](std::int32_t a, std::int32_t b) {
          const float x = score(a), y = score(b);
          return x != y ? x > y : a < b;
        });
        found[first + i].assign(order.begin(), end_of);
        order.resize(rows.rows());
      }
    });
  }
  return found;
}

double share_found(const std::vector<std::vector<std::int32_t>>& wanted,
                   const std::vector<std::vector<std::int32_t>>& found) {
  std::size_t hits = 0, all = 0;
  for (std::size_t q = 0; q < wanted.size(); ++q) {
    all += wanted[q].size();
    for (const std::int32_t item : wanted[q]) {
      hits += std::ranges::find(found[q], item) != found[q].end() ? 1 : 0;
    }
  }
  return all == 0 ? 1.0 : static_cast<double>(hits) / static_cast<double>(all);
}

// By level, what is decoded of the codes so far: its error in shares of the vectors' variance, its
// cosine with the vector, and how many of the nearest neighbours are still among the nearest.
Json decoding_json(const TokensToJudge& tokens, const Decoded& sample,
                   const std::function<void()>& step) {
  const Matrix& x = sample.vectors;
  const std::vector<float> mean = mean_of(x);
  double variance = 0.0;
  for (std::size_t i = 0; i < x.rows(); ++i) variance += squared_distance(x.view().row(i), mean);
  const std::size_t query_step = std::max<std::size_t>(x.rows() / kQueries, 1);
  const bool compared = x.rows() > kNeighbours;
  const auto wanted =
      compared ? nearest_rows(x, query_step) : std::vector<std::vector<std::int32_t>>();
  Json levels = Json::array();
  for (std::size_t l = 1; l <= tokens.tokenizer->levels(); ++l) {
    const Matrix decoded = tokens.tokenizer->decode(sample.codes, l);
    double error = 0.0, likeness = 0.0;
    for (std::size_t i = 0; i < x.rows(); ++i) {
      error += squared_distance(x.view().row(i), decoded.view().row(i));
      likeness += cosine(x.view().row(i), decoded.view().row(i));
    }
    const auto items = static_cast<double>(x.rows());
    levels.push_back({{"squared_error", error / items},
                      {"error", variance > 0.0 ? error / variance : 0.0},
                      {"cosine", likeness / items}});
    if (compared) {
      levels.back()["neighbours_kept"] = share_found(wanted, nearest_rows(decoded, query_step));
    }
    step();
  }
  return levels;
}

// Of numbers from 0: the entropy in bits of how they are spread.
double entropy_of(std::span<const std::int32_t> numbers) {
  std::unordered_map<std::int32_t, std::size_t> counts;
  for (const std::int32_t number : numbers) ++counts[number];
  double entropy = 0.0;
  for (const auto& [number, count] : counts) {
    const double share = static_cast<double>(count) / static_cast<double>(numbers.size());
    entropy -= share * std::log2(share);
  }
  return entropy;
}

double mutual_information(std::span<const std::int32_t> a, std::span<const std::int32_t> b) {
  std::map<std::pair<std::int32_t, std::int32_t>, std::int32_t> pairs;
  std::vector<std::int32_t> both(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    both[i] =
        pairs.emplace(std::pair(a[i], b[i]), static_cast<std::int32_t>(pairs.size())).first->second;
  }
  return std::max(entropy_of(a) + entropy_of(b) - entropy_of(both), 0.0);
}

// By level, how much the codes so far tell of the label, in shares of what there is to tell, and
// how much they would tell of shuffled labels: many small groups always seem to know something.
Json labels_json(const TokensToJudge& tokens, std::uint64_t seed) {
  std::vector<std::int32_t> labelled, numbers;
  std::unordered_map<std::string_view, std::int32_t> names;
  for (std::size_t i = 0; i < tokens.labels.size(); ++i) {
    if (tokens.labels[i].empty()) continue;
    labelled.push_back(static_cast<std::int32_t>(i));
    numbers.push_back(
        names.emplace(tokens.labels[i], static_cast<std::int32_t>(names.size())).first->second);
  }
  const double entropy = entropy_of(numbers);
  std::vector<std::int32_t> shuffled = numbers;
  Random(seed, {5}).shuffle(std::span(shuffled));
  Json levels = Json::array();
  for (std::size_t l = 1; l <= tokens.codes->cols && entropy > 0.0; ++l) {
    const std::vector<std::int32_t> all = prefixes_of(*tokens.codes, l);
    std::vector<std::int32_t> prefixes;
    for (const std::int32_t item : labelled) {
      prefixes.push_back(all[static_cast<std::size_t>(item)]);
    }
    levels.push_back({{"information", mutual_information(prefixes, numbers) / entropy},
                      {"by_chance", mutual_information(prefixes, shuffled) / entropy}});
  }
  return {{"name", tokens.label},
          {"items", labelled.size()},
          {"labels", names.size()},
          {"entropy_bits", entropy},
          {"levels", levels}};
}

// Items in the plane of the two axes along which their vectors differ most.
Json map_json(const TokensToJudge& tokens) {
  const std::size_t step = std::max<std::size_t>((tokens.codes->rows + kMapped - 1) / kMapped, 1);
  const Matrix x = tokens.vectors->read({.first = 0, .step = step});
  const std::vector<float> mean = mean_of(x);
  const PrincipalAxes found = principal_axes_of(x);
  const auto along = [&](std::size_t axis, std::size_t i) {
    double sum = 0.0;
    for (std::size_t d = 0; axis < x.cols() && d < x.cols(); ++d) {
      sum += double{x[i][d] - mean[d]} * found.axis(axis)[d];
    }
    return std::round(sum * 1e4) / 1e4;
  };
  Json points = Json::array();
  for (std::size_t i = 0; i < x.rows(); ++i) {
    points.push_back({id_of(tokens, i * step), along(0, i), along(1, i),
                      tokens.codes->row(i * step)[0], text_of(tokens.titles, i * step)});
  }
  return {{"fields", {"id", "x", "y", "first_code", "title"}}, {"points", points}};
}

class Warnings {
 public:
  void add(const char* what, std::string why, const char* remedy) {
    list_.push_back({{"what", what}, {"why", std::move(why)}, {"remedy", remedy}});
  }
  Json take() { return std::move(list_); }

 private:
  Json list_ = Json::array();
};

Json warnings_of(const Json& health, std::size_t items, bool numbered) {
  Warnings warnings;
  const bool residual = health.value("quantizer", std::string()) == "residual";
  const Json& levels = health.at("levels");
  // The last code of `extra` is a number, not a level that was learned.
  for (std::size_t l = 0; l + (numbered ? 1 : 0) < levels.size(); ++l) {
    const auto codes = levels[l].at("codes").get<double>();
    const auto activation = levels[l].at("activation").get<double>();
    const auto perplexity = levels[l].at("perplexity").get<double>();
    if (static_cast<double>(items) < 2.0 * codes) {
      warnings.add("few items",
                   fmt::format("level {} has {:.0f} codes for {} items", l + 1, codes, items),
                   "choose a smaller --codebook-size");
    } else if (activation < kFewCodes) {
      warnings.add("dead codes",
                   fmt::format("level {} uses {:.1f} % of its codes", l + 1, 100 * activation),
                   residual ? "choose a smaller --codebook-size: there are few different vectors"
                            : "choose a smaller --codebook-size, more --updates of the trained "
                              "quantizer, or --quantizer residual, which splits codes that nobody "
                              "has");
    }
    if (perplexity < kUneven * codes && static_cast<double>(items) >= 2.0 * codes) {
      warnings.add("collapse",
                   fmt::format("level {} spreads items as {:.1f} even codes would, of {:.0f}",
                               l + 1, perplexity, codes),
                   residual
                       ? "choose --distance cosine or unified, which spreads items more evenly "
                         "and loses more, or fewer codes here and more at the first level"
                       : "choose --distance cosine or unified, or --quantizer residual; look "
                         "for vectors that are nearly the same");
    }
  }
  const Json& collisions = health.at("collisions");
  const double shared = 1.0 - collisions.at("unique_share").get<double>();
  if (shared > kManyCollisions) {
    warnings.add("collisions",
                 fmt::format("{:.1f} % of the items share their codes with another, up to {} one "
                             "tuple",
                             100 * shared, collisions.at("largest").get<std::size_t>()),
                 "add a level or codes, or choose --unique extra or reassign");
  }
  if (health.contains("vectors")) {
    const Json& vectors = health.at("vectors");
    if (const auto zeros = vectors.at("zero").get<std::size_t>(); zeros > 0) {
      warnings.add("zero vectors", fmt::format("{} vectors are zero and get one tuple", zeros),
                   "give these items a text or another vector, or leave them out");
    }
    if (const auto repeated = vectors.at("repeated").get<std::size_t>(); repeated > 0) {
      warnings.add("duplicate vectors",
                   fmt::format("{} vectors are equal to one before: no quantizer tells them apart",
                               repeated),
                   "look for items that are listed twice or whose texts are the same; --unique "
                   "extra or reassign gives each a tuple of its own");
    }
  }
  if (health.contains("decoding") && !health.at("decoding").empty()) {
    double before = 1.0;
    std::size_t level = 0;
    // The first part alone leaves all other columns at zero, far from the mean they may have.
    const Json word = health.value("quantizer", Json());
    const bool parts = word == "product" || word == "opq";
    for (const Json& at : health.at("decoding")) {
      const auto error = at.at("error").get<double>();
      ++level;
      if (before - error < kIdleLevel && !(parts && level == 1)) {
        warnings.add("idle level",
                     fmt::format("level {} lowers the error by {:.1f} % of the variance", level,
                                 100 * (before - error)),
                     "leave the level out, or train longer");
      }
      before = error;
    }
    const Json& last = health.at("decoding").back();
    if (last.value("neighbours_kept", 1.0) < kFewNeighbours) {
      warnings.add("neighbours lost",
                   fmt::format("of the {} nearest neighbours {:.1f} % are kept", kNeighbours,
                               100 * last.at("neighbours_kept").get<double>()),
                   "add levels or codes");
    }
  }
  return warnings.take();
}

}  // namespace

Json health_of(const TokensToJudge& tokens, std::uint64_t seed, const ProgressFunction& progress) {
  check(tokens);
  const bool decodes = tokens.vectors != nullptr && tokens.tokenizer != nullptr;
  const std::size_t parts = 3 + (decodes ? tokens.tokenizer->levels() : 0);
  std::size_t done = 0;
  const auto step = [&] {
    if (progress) progress(++done, parts);
  };
  std::vector<std::uint64_t> digests;
  if (tokens.vectors != nullptr) digests = digests_of(*tokens.vectors);
  step();
  Json health = {{"items", tokens.codes->rows},
                 {"levels", levels_json(tokens)},
                 {"collisions", collisions_json(tokens, digests)}};
  step();
  if (tokens.tokenizer != nullptr) {
    health["quantizer"] = tokens.tokenizer->word();
    health["parameters"] = tokens.tokenizer->parameters();
  }
  if (tokens.vectors != nullptr) {
    health["dims"] = tokens.vectors->dims;
    health["vectors"] = vectors_json(digests);
    health["map"] = map_json(tokens);
  }
  step();
  if (decodes) health["decoding"] = decoding_json(tokens, decoded_sample(tokens), step);
  if (!tokens.labels.empty()) health["labels"] = labels_json(tokens, seed);
  const bool numbered =
      tokens.tokenizer != nullptr && tokens.codes->cols > tokens.tokenizer->levels();
  health["warnings"] = warnings_of(health, tokens.codes->rows, numbered);
  return health;
}

}  // namespace tessera
