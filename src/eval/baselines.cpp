#include "eval/baselines.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>

#include "base/parallel.h"
#include "eval/popularity.h"

namespace tessera {
namespace {

struct Rule {
  std::int32_t item;
  double weight;
};
/// Rules by the item they start from.
using Rules = std::vector<std::vector<Rule>>;

// Joins equal items by adding their weights.
void merge(std::vector<Rule>& rules) {
  std::ranges::sort(rules, {}, &Rule::item);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (kept > 0 && rules[kept - 1].item == rules[i].item) {
      rules[kept - 1].weight += rules[i].weight;
    } else {
      rules[kept++] = rules[i];
    }
  }
  rules.resize(kept);
  rules.shrink_to_fit();
}

// Adds a rule; a long list is merged now and then, so that it stays near its final length.
void add_rule(std::vector<Rule>& rules, Rule rule) {
  if (rules.size() >= 64 && rules.size() == rules.capacity()) {
    merge(rules);
    rules.reserve(rules.size() * 2);
  }
  rules.push_back(rule);
}

void keep_strongest(std::vector<Rule>& rules, std::size_t keep) {
  if (rules.size() <= keep) return;
  std::ranges::nth_element(rules, rules.begin() + static_cast<std::ptrdiff_t>(keep - 1),
                           std::greater(), &Rule::weight);
  const double last = rules[keep - 1].weight;
  std::erase_if(rules, [&](const Rule& rule) { return rule.weight < last; });
}

// Score = Σ over the last `history` items of rule / j^decay, j = 1 for the latest.
Scorer rules_scorer(const Dataset& data, const std::shared_ptr<const Rules>& rules,
                    std::size_t history, double decay) {
  std::size_t longest = 0;
  for (std::size_t u = 0; u < data.users(); ++u) {
    longest = std::max(longest, data.history(u).size());
  }
  std::vector<float> weights(std::min(history, longest));
  for (std::size_t j = 0; j < weights.size(); ++j) {
    weights[j] = 1.0F / static_cast<float>(std::pow(j + 1.0, decay));
  }
  return {[&data, rules, weights](std::span<const std::int32_t> users, Split split,
                                  MatrixView<float> scores) {
            parallel_for(users.size(), 4, [&](std::size_t begin, std::size_t end) {
              for (std::size_t i = begin; i < end; ++i) {
                std::ranges::fill(scores.row(i), 0.0F);
                const auto past = history_before(data, static_cast<std::size_t>(users[i]), split);
                for (std::size_t j = 0; j < std::min(weights.size(), past.size()); ++j) {
                  const auto item = static_cast<std::size_t>(past[past.size() - 1 - j]);
                  for (const Rule& rule : (*rules)[item]) {
                    scores[i][rule.item] += weights[j] * static_cast<float>(rule.weight);
                  }
                }
              }
            });
          },
          {}};
}

}  // namespace

Scorer popularity_scorer(const Dataset& data) {
  const std::vector<std::uint32_t> events = training_popularity(data).events;
  auto counts = std::make_shared<const std::vector<float>>(events.begin(), events.end());
  return {[counts](std::span<const std::int32_t> users, Split, MatrixView<float> scores) {
            for (std::size_t i = 0; i < users.size(); ++i) std::ranges::copy(*counts, scores[i]);
          },
          {}};
}

Scorer item_knn_scorer(const Dataset& data, const ItemKnnOptions& options) {
  // Users who have both items are counted first, which is exact, and scaled at the end.
  std::vector<double> counts(data.items.size());
  auto rules = std::make_shared<Rules>(data.items.size());
  for (std::size_t u = 0; u < data.users(); ++u) {
    const auto history = train_history(data, u);
    const std::set<std::int32_t> items(history.begin(), history.end());
    for (const std::int32_t a : items) {
      counts[static_cast<std::size_t>(a)] += 1.0;
      for (const std::int32_t b : items) {
        if (a != b) add_rule((*rules)[static_cast<std::size_t>(a)], {b, 1.0});
      }
    }
  }
  for (std::size_t a = 0; a < rules->size(); ++a) {
    merge((*rules)[a]);
    for (Rule& rule : (*rules)[a]) {
      rule.weight /=
          std::sqrt(counts[a] * counts[static_cast<std::size_t>(rule.item)]) + options.shrink;
    }
    keep_strongest((*rules)[a], options.keep);
  }
  return rules_scorer(data, rules, options.history, options.decay);
}

Scorer sequential_rules_scorer(const Dataset& data, const SequentialRulesOptions& options) {
  auto rules = std::make_shared<Rules>(data.items.size());
  for (std::size_t u = 0; u < data.users(); ++u) {
    const auto history = train_history(data, u);
    for (std::size_t next = 1; next < history.size(); ++next) {
      for (std::size_t d = 1; d <= std::min(options.window, next); ++d) {
        add_rule((*rules)[static_cast<std::size_t>(history[next - d])],
                 {history[next], 1.0 / std::log10(static_cast<double>(d) + 1.7)});
      }
    }
  }
  for (std::vector<Rule>& list : *rules) {
    merge(list);
    // As floats, sums of equal parts are equal in whatever order they were added: no tie is broken
    // by rounding.
    for (Rule& rule : list) rule.weight = static_cast<float>(rule.weight);
    keep_strongest(list, options.keep);
  }
  return rules_scorer(data, rules, options.history, options.decay);
}

}  // namespace tessera
