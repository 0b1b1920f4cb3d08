// Lists under rules: the model's own order, followed until nothing below can change the list.
#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "engine/ruled_search.h"
#include "kernels/elementwise.h"

namespace tessera {
namespace {

constexpr std::size_t kFirstDepth = 64;     // of the model's order, and at least 4·k
constexpr std::size_t kDeeper = 4;          // times as deep where that is not enough
constexpr std::size_t kDiversityPool = 10;  // times k
constexpr double kRankOffset = 60.0;        // of a blend's reciprocal ranks
const Rules kNoRules;

void check_share(double value, const char* name) {
  if (!(value >= 0.0 && value <= 1.0)) fail_usage("rules: {} must lie from 0 to 1", name);
}

/// Sums of them stay finite, however many rules there are.
constexpr double kLargest = 1e15;

void check_bounded(double value, const char* name) {
  if (std::abs(value) <= kLargest) return;
  fail_usage("rules: {} must be a number within -1e15 and 1e15", name);
}

}  // namespace

void Model::State::check(const Rules& rules) const {
  double most_more = 0.0, most_less = 0.0;  // that all factors together may change a score by
  for (const Rules::Boost& boost : rules.boosts) {
    attributes.check(boost.filter);
    most_more += std::max(boost.factor - 1.0, 0.0);
    most_less += std::max(1.0 - boost.factor, 0.0);
    check_bounded(boost.add, "boosts.add");
    if (!(boost.factor > 0.0 && boost.factor < 2.0)) {
      fail_usage("rules: boosts.factor must lie between 0 and 2");
    }
  }
  if (most_more >= 1.0 || most_less >= 1.0) {
    fail_usage(
        "rules: the factors of all boosts may change a score by less than itself; use 'add'");
  }
  for (const Rules::Freshness& fresh : rules.freshness) {
    attributes.check_type(fresh.attribute, AttributeType::time, "rules: freshness");
    check_bounded(fresh.add, "freshness.add");
    if (!(fresh.half_life > 0.0)) fail_usage("rules: freshness.half_life must be above 0");
  }
  for (const Rules::Cap& cap : rules.caps) {
    attributes.check_type(cap.attribute, AttributeType::labels, "rules: caps");
  }
  if (!(rules.popularity_penalty >= 0.0)) fail_usage("rules: popularity_penalty is below 0");
  check_bounded(rules.popularity_penalty, "popularity_penalty");
  if (rules.least_score) check_bounded(*rules.least_score, "least_score");
  check_share(rules.diversity, "diversity");
  check_share(rules.new_share, "new_share");
  if (rules.buried) attributes.check(*rules.buried);
  check(rules.pinned);
}

/// A list that is being put together: caps are kept, and no item stands in it twice.
class Model::RuledSearch::Selection {
 public:
  Selection(const RuledSearch& search, std::size_t length) : search_(search), length_(length) {}

  bool full() const { return list_.size() >= length_; }
  std::size_t size() const { return list_.size(); }
  std::vector<Ruled>& list() { return list_; }

  /// Adds the item unless a cap or the length forbids it; false then.
  bool add(const Ruled& ruled) {
    const auto same = [&](const Ruled& other) { return other.item == ruled.item; };
    if (full() || std::ranges::any_of(list_, same)) return false;
    const std::vector<Label> labels = labels_of(ruled.item);
    if (std::ranges::any_of(labels, [&](const Label& label) { return is_full(label); })) {
      return false;
    }
    for (const Label& label : labels) ++used_[label];
    list_.push_back(ruled);
    return true;
  }

  /// The caps that keep the item out, as RuleEffects names them.
  std::vector<std::string> full_caps(std::int32_t item) const {
    std::vector<std::string> full;
    for (const Label& label : labels_of(item)) {
      const auto& [cap, name] = label;
      if (!is_full(label)) continue;
      full.push_back(fmt::format("caps[{}]: {} {}", cap, search_.rules_.caps[cap].attribute, name));
    }
    return full;
  }

  /// Adds of the candidates, best first, those that say most and repeat least.
  void add_diverse(std::vector<Ruled> candidates, std::size_t count) {
    if (candidates.empty()) return;
    const bool blend = candidates.front().blended > 0.0;
    const auto worth = [&](const Ruled& one) { return blend ? one.blended : one.value; };
    const double best = worth(candidates.front());
    const double span = std::max(best - worth(candidates.back()), 1e-12);
    std::vector<double> likeness(candidates.size(), 0.0);
    for (const Ruled& there : list_) note(there, candidates, likeness);
    const double weight = search_.rules_.diversity;
    std::vector<char> done(candidates.size());
    for (std::size_t added = 0; added < count && !full();) {
      std::size_t chosen = candidates.size();
      double most = 0.0;
      for (std::size_t i = 0; i < candidates.size(); ++i) {
        if (done[i] != 0) continue;
        const double relevance = 1.0 - (best - worth(candidates[i])) / span;
        const double value = (1.0 - weight) * relevance - weight * likeness[i];
        if (chosen == candidates.size() || value > most) {
          chosen = i;
          most = value;
        }
      }
      if (chosen == candidates.size()) return;
      done[chosen] = 1;
      if (!add(candidates[chosen])) continue;
      ++added;
      note(candidates[chosen], candidates, likeness);
    }
  }

 private:
  using Label = std::pair<std::size_t, std::string>;  // of a cap

  bool is_full(const Label& label) const {
    const auto used = used_.find(label);
    return used != used_.end() && used->second >= search_.rules_.caps[label.first].most;
  }

  std::vector<Label> labels_of(std::int32_t item) const {
    std::vector<Label> labels;
    for (std::size_t c = 0; c < search_.rules_.caps.size(); ++c) {
      const std::string names[] = {search_.rules_.caps[c].attribute};
      const AttributeValues values = search_.state_.attributes.values(item, names);
      if (const auto* held = std::get_if<std::vector<std::string>>(&values.front().second)) {
        for (const std::string& label : *held) labels.emplace_back(c, label);
      }
    }
    return labels;
  }

  /// Each candidate's likeness to what is in the list.
  void note(const Ruled& added, const std::vector<Ruled>& candidates,
            std::vector<double>& likeness) const {
    const std::shared_lock lock(search_.state_.mutex);
    const auto vector = [&](const Ruled& ruled) {
      return search_.state_.vector(search_.state_.item(ruled.item));
    };
    const std::span<const float> own = vector(added);
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      likeness[i] = std::max(likeness[i], cosine(own, vector(candidates[i])));
    }
  }

  const RuledSearch& search_;
  const std::size_t length_;
  std::vector<Ruled> list_;
  std::map<Label, std::size_t> used_;
};

Model::RuledSearch::RuledSearch(const State& state, const Search& search,
                                const RecommendOptions& options)
    : state_(state),
      search_(search),
      options_(options),
      rules_(options.rules != nullptr ? *options.rules : kNoRules) {
  const std::size_t items = state.numbers();
  for (const Rules::Boost& boost : rules_.boosts) {
    boosted_.push_back(state.attributes.select(boost.filter, items));
  }
  if (rules_.buried) buried_ = state.attributes.select(*rules_.buried, items);
  if (options.blend == nullptr) return;
  // As many as are left when all of the longest history is taken out.
  const auto open = [&](std::int32_t item) { return search.passes(item) && !is_buried(item); };
  fallen_back_ = state.fall_back(options.blend->from, options.blend->trending,
                                 kBlendDepth + options.blend->events, open);
}

bool Model::RuledSearch::is_for(History history, const RecommendOptions& options) {
  return options.rules != nullptr || (options.blend != nullptr && options.blend->is_for(history));
}

bool Model::RuledSearch::before(const Ruled& a, const Ruled& b) {
  if (a.blended != b.blended) return a.blended > b.blended;
  return a.value != b.value ? a.value > b.value : a.item < b.item;
}

ScoredItem Model::RuledSearch::scored(std::span<const float> user, std::int32_t item) const {
  const std::shared_lock lock(state_.mutex);
  return {item, dot(user, state_.vector(state_.item(item)))};
}

bool Model::RuledSearch::is_new(std::int32_t item) const {
  return static_cast<std::size_t>(item) >= state_.bundle.catalogue.items();
}

/// Calls visit(name of the rules, number of the rule among them, what it adds) for each rule that
/// changes the item's score.
template <class Visit>
void Model::RuledSearch::for_each_part(const ScoredItem& scored, const Visit& visit) const {
  const double score = scored.score;
  for (std::size_t b = 0; b < boosted_.size(); ++b) {
    if (!boosted_[b].contains(scored.item)) continue;
    visit("boosts", b, rules_.boosts[b].add + (rules_.boosts[b].factor - 1.0) * std::abs(score));
  }
  for (std::size_t f = 0; f < rules_.freshness.size(); ++f) {
    const Rules::Freshness& fresh = rules_.freshness[f];
    const std::string names[] = {fresh.attribute};
    const AttributeValues values = state_.attributes.values(scored.item, names);
    if (const double* time = std::get_if<double>(&values.front().second)) {
      visit("freshness", f,
            fresh.add * std::exp2(-std::max(fresh.now - *time, 0.0) / fresh.half_life));
    }
  }
  if (rules_.popularity_penalty == 0.0) return;
  visit("popularity_penalty", std::nullopt,
        -rules_.popularity_penalty * std::log1p(state_.events_of(scored.item)));
}

double Model::RuledSearch::value_of(const ScoredItem& scored) const {
  double value = scored.score;
  for_each_part(scored, [&](auto, auto, double adds) { value += adds; });
  return value;
}

RuleEffects Model::RuledSearch::effects(std::span<const float> user, History history,
                                        std::int32_t item) const {
  const ScoredItem scored = this->scored(user, item);
  RuleEffects effects{.score = scored.score, .value = value_of(scored)};
  for_each_part(scored, [&](const char* rules, std::optional<std::size_t> number, double adds) {
    effects.parts.push_back({number ? fmt::format("{}[{}]", rules, *number) : rules, adds});
  });
  const auto place_in = [&](const std::vector<ScoredItem>& list) {
    const auto found = std::ranges::find(list, item, &ScoredItem::item);
    const auto before = static_cast<std::size_t>(found - list.begin());
    return found == list.end() ? std::nullopt : std::optional(before + 1);
  };
  const std::vector<ScoredItem> list = one(user, history);
  effects.place = place_in(list);
  effects.place_without = place_in(search_.one(user, history));
  effects.pinned = std::ranges::count(rules_.pinned, item) > 0;
  effects.buried = buried_ && buried_->contains(item);
  effects.too_low = rules_.least_score && effects.value < *rules_.least_score && !effects.pinned;
  if (effects.place) return effects;
  Selection selection(*this, list.size());
  for (const ScoredItem& other : list) selection.add({other.item, other.score});
  effects.full = selection.full_caps(item);
  return effects;
}

double Model::RuledSearch::most_below(double score) const {
  double most = score;
  for (const Rules::Boost& boost : rules_.boosts) {
    most += std::max(boost.add, 0.0) + std::max(boost.factor - 1.0, 0.0) * std::abs(score);
  }
  for (const Rules::Freshness& fresh : rules_.freshness) most += std::max(fresh.add, 0.0);
  return most;
}

std::vector<Model::RuledSearch::Ruled> Model::RuledSearch::best(const Asked& asked,
                                                                std::size_t count,
                                                                const Accepts& accepts) const {
  std::vector<Ruled> ruled;
  const bool as_scored =
      boosted_.empty() && rules_.freshness.empty() && rules_.popularity_penalty == 0.0;
  const std::size_t start = as_scored ? count : std::max(kFirstDepth, 4 * count);
  for (std::size_t depth = start;; depth *= kDeeper) {
    depth = std::min(depth, std::max(kRulesDepth, count));
    const auto list = search_.one(asked.user, asked.history, depth, accepts);
    ruled.clear();
    for (const ScoredItem& scored : list) ruled.push_back({scored.item, value_of(scored)});
    std::ranges::sort(ruled, before);
    if (list.size() < depth || depth >= kRulesDepth) break;
    if (ruled[count - 1].value >= most_below(list.back().score)) break;
  }
  ruled.resize(std::min(ruled.size(), count));
  return ruled;
}

std::unordered_map<std::int32_t, double> Model::RuledSearch::blended(const Asked& asked,
                                                                     const Accepts& accepts) const {
  std::unordered_map<std::int32_t, double> worth;
  const auto add = [&](std::int32_t item, std::size_t place, double weight) {
    worth[item] += weight / (kRankOffset + static_cast<double>(place));
  };
  const double share = options_.blend->share;
  const std::vector<Ruled> model = best(asked, kBlendDepth, accepts);
  for (std::size_t i = 0; i < model.size(); ++i) add(model[i].item, i, 1.0 - share);
  std::size_t place = 0;
  for (const SourcedItem& found : fallen_back_) {
    if (place == kBlendDepth) break;
    if (!options_.repeats && std::ranges::count(asked.history, found.item) > 0) continue;
    add(found.item, place++, share);
  }
  return worth;
}

std::vector<Model::RuledSearch::Ruled> Model::RuledSearch::first(const Asked& asked,
                                                                 std::size_t count,
                                                                 const Accepts& accepts) const {
  if (asked.blended.empty()) return best(asked, count, accepts);
  std::vector<Ruled> ruled = best(asked, std::max(count, kBlendDepth), accepts);
  auto others = asked.blended;
  for (Ruled& one : ruled) {
    if (const auto found = others.extract(one.item)) one.blended = found.mapped();
  }
  for (const auto& [item, worth] : others) {
    if (accepts(item)) ruled.push_back({item, value_of(scored(asked.user, item)), worth});
  }
  std::ranges::sort(ruled, before);
  ruled.resize(std::min(ruled.size(), count));
  return ruled;
}

void Model::RuledSearch::fill(Selection& selection, const Asked& asked, std::size_t count,
                              const Accepts& accepts) const {
  const std::size_t wanted = selection.size() + count;
  const bool diverse = rules_.diversity > 0.0;
  for (std::size_t depth = diverse ? kDiversityPool * count : count; count > 0; depth *= kDeeper) {
    const std::vector<Ruled> candidates = first(asked, depth, accepts);
    if (diverse) {
      selection.add_diverse(candidates, wanted - selection.size());
    } else {
      for (const Ruled& ruled : candidates) {
        if (selection.size() < wanted) selection.add(ruled);
      }
    }
    // Caps may have left places free.
    if (selection.size() >= wanted || candidates.size() < depth || depth >= kRulesDepth) return;
  }
}

std::vector<ScoredItem> Model::RuledSearch::one(std::span<const float> user,
                                                History history) const {
  const std::size_t k = options_.k;
  const auto open = [&](std::int32_t item) { return !is_buried(item); };
  Asked asked = {user, history};
  if (options_.blend != nullptr && options_.blend->is_for(history)) {
    asked.blended = blended(asked, open);
  }
  Selection selection(*this, k);
  const auto lasting = rules_.pinned.empty() ? nullptr : state_.passing(nullptr);
  for (const std::int32_t item : rules_.pinned) {
    if (!state_.is_known(item) || (lasting && !lasting->contains(item))) continue;
    selection.add({item, value_of(scored(user, item))});
  }
  const std::size_t pinned = selection.size();
  const auto fresh = static_cast<std::size_t>(std::ceil(rules_.new_share * double(k - pinned)));
  fill(selection, asked, fresh, [&](std::int32_t item) { return open(item) && is_new(item); });
  fill(selection, asked, k - selection.size(), open);
  if (rules_.diversity == 0.0) {
    std::ranges::sort(std::span(selection.list()).subspan(pinned), before);
  }
  if (buried_) {
    fill(selection, asked, k - selection.size(),
         [&](std::int32_t item) { return is_buried(item); });
  }
  std::vector<ScoredItem> list;
  for (std::size_t i = 0; i < selection.size(); ++i) {
    const Ruled& ruled = selection.list()[i];
    if (i >= pinned && rules_.least_score && ruled.value < *rules_.least_score) continue;
    list.push_back({ruled.item, static_cast<float>(ruled.value)});
  }
  return list;
}

}  // namespace tessera
