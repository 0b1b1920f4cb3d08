#include "serve/feedback.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <utility>

namespace tessera {
namespace {

constexpr double kFirstStep = 20e-6, kStep = 1.25;

/// Adds the hashes of items that are not there yet, as far as there is room.
void add_items(std::vector<std::uint64_t>& hashes, std::span<const std::string> items) {
  for (const std::string& item : items) {
    if (hashes.size() >= Feedback::kMostItems) return;
    const std::uint64_t hash = std::hash<std::string_view>{}(item);
    if (std::ranges::find(hashes, hash) == hashes.end()) hashes.push_back(hash);
  }
}

bool share_an_item(std::span<const std::uint64_t> some, std::span<const std::uint64_t> others) {
  return std::ranges::find_first_of(some, others) != some.end();
}

}  // namespace

ShareInterval wilson_interval(std::uint64_t successes, std::uint64_t trials) {
  if (trials == 0) return {};
  constexpr double kZ = 1.959963984540054;
  const auto n = static_cast<double>(trials);
  const double share = static_cast<double>(successes) / n, z2 = kZ * kZ;
  const double middle = share + z2 / (2 * n);
  const double half = kZ * std::sqrt(share * (1 - share) / n + z2 / (4 * n * n));
  const double scale = 1 + z2 / n;
  // Exactly 0 and 1 where rounding would miss them.
  return {successes == 0 ? 0.0 : (middle - half) / scale,
          successes == trials ? 1.0 : (middle + half) / scale};
}

void LatencyCounts::add(double seconds) {
  const double step =
      std::ceil(std::log(std::max(seconds, kFirstStep) / kFirstStep) / std::log(kStep));
  ++steps_[std::min(static_cast<std::size_t>(step), steps_.size() - 1)];
  ++count_;
  sum_ += seconds;
}

double LatencyCounts::quantile(double share) const {
  if (count_ == 0) return 0.0;
  const double wanted = share * static_cast<double>(count_);
  std::uint64_t so_far = 0;
  std::size_t step = 0;
  for (; step + 1 < steps_.size(); ++step) {
    so_far += steps_[step];
    if (static_cast<double>(so_far) >= wanted) break;
  }
  return kFirstStep * std::pow(kStep, static_cast<double>(step));
}

Feedback::Feedback(std::vector<std::string> variants, std::vector<std::string> conversions)
    : names_(std::move(variants)), conversions_(std::move(conversions)), variants_(names_.size()) {}

void Feedback::note_request(std::size_t variant, double seconds) {
  Variant& of = variants_[variant];
  const std::lock_guard lock(of.mutex);
  of.counts.latency.add(seconds);
}

void Feedback::note_list(const List& list) {
  const auto fresh = static_cast<std::uint64_t>(std::ranges::count_if(
      list.items, [&](std::int32_t item) { return std::cmp_greater_equal(item, list.known); }));
  Variant& variant = variants_[list.variant];
  {
    const std::lock_guard lock(variant.mutex);
    Counts& counts = variant.counts;
    ++counts.lists;
    if (list.items.empty()) ++counts.empty;
    const bool asked = list.from == "model" || list.from == "blend";
    if (!list.items.empty() && !asked) ++counts.fallbacks;
    counts.places += list.items.size();
    counts.new_places += fresh;
    if (list.generation > variant.generation) {  // its numbers are of other items
      variant.generation = list.generation;
      variant.seen = ItemSet();
      counts.distinct = 0;
    }
    for (const std::int32_t item : list.items) {
      if (list.generation < variant.generation || variant.seen.contains(item)) continue;
      variant.seen.insert(item);
      ++counts.distinct;
    }
  }
  if (list.request.empty()) return;
  const std::lock_guard lock(lists_mutex_);
  remember(list.request, list.variant);
}

void Feedback::note_watched(std::size_t variant, bool hit) {
  Variant& of = variants_[variant];
  const std::lock_guard lock(of.mutex);
  ++of.counts.watched;
  of.counts.hits += hit ? 1 : 0;
}

/// The list of the request; a new one forgets the oldest where there are too many.
Feedback::Remembered& Feedback::remember(std::string_view request, std::size_t variant) {
  const auto [at, fresh] = lists_.try_emplace(std::string(request));
  if (!fresh) return at->second;
  at->second.variant = variant;
  order_.push_back(at->first);
  if (order_.size() > kRemembered) {
    lists_.erase(order_.front());
    order_.pop_front();
  }
  return at->second;
}

std::optional<std::string> Feedback::variant_of(std::string_view request) const {
  const std::lock_guard lock(lists_mutex_);
  const auto found = lists_.find(std::string(request));
  return found == lists_.end() ? std::nullopt : std::optional(names_[found->second.variant]);
}

void Feedback::take(const StoredFeedback& feedback) {
  const auto name = std::ranges::find(names_, feedback.variant);
  if (name == names_.end()) return;  // it is served no more
  const std::lock_guard lock(lists_mutex_);
  Remembered& list = remember(feedback.request, static_cast<std::size_t>(name - names_.begin()));
  if (feedback.shown()) {
    add_items(list.shown, feedback.items);
  } else {
    add_items(list.chosen, feedback.items);
    if (std::ranges::find(conversions_, feedback.kind) != conversions_.end()) {
      add_items(list.bought, feedback.items);
    }
  }
  count_outcome(list);
}

/// Counts what is new about a list. An event may arrive before its impression.
void Feedback::count_outcome(Remembered& list) {
  Variant& variant = variants_[list.variant];
  const std::lock_guard lock(variant.mutex);
  Counts& counts = variant.counts;
  const auto note = [](bool holds, bool& known, std::uint64_t& count) {
    if (!holds || known) return;
    known = true;
    ++count;
  };
  note(!list.shown.empty(), list.was_shown, counts.shown);
  note(share_an_item(list.shown, list.chosen), list.clicked, counts.clicked);
  note(share_an_item(list.shown, list.bought), list.converted, counts.converted);
}

Feedback::Counts Feedback::counts(std::size_t variant) const {
  const Variant& of = variants_[variant];
  const std::lock_guard lock(of.mutex);
  return of.counts;
}

std::string Feedback::text() const {
  struct Row {
    const char* name;
    const char* help;
    std::uint64_t (*value)(const Counts&);
  };
  static constexpr Row kRows[] = {
      {"requests", "Requests for lists that the variant answered",
       [](const Counts& counts) { return counts.latency.count(); }},
      {"lists", "Lists that the variant answered",
       [](const Counts& counts) { return counts.lists; }},
      {"empty_lists", "Of these, without an item",
       [](const Counts& counts) { return counts.empty; }},
      {"fallback_lists", "Of these, made without the model",
       [](const Counts& counts) { return counts.fallbacks; }},
      {"places", "Items in these lists", [](const Counts& counts) { return counts.places; }},
      {"new_places", "Of these, put since training",
       [](const Counts& counts) { return counts.new_places; }},
      {"shown_lists", "Lists of which an impression came",
       [](const Counts& counts) { return counts.shown; }},
      {"clicked_lists", "Of these, from which an event followed",
       [](const Counts& counts) { return counts.clicked; }},
      {"converted_lists", "Of these, from which a conversion followed",
       [](const Counts& counts) { return counts.converted; }},
      {"watched_events", "Stored events that were ranked against the history before them, a sample",
       [](const Counts& counts) { return counts.watched; }},
      {"watched_hits", "Of these, whose item was among the ten best: their share is HR@10",
       [](const Counts& counts) { return counts.hits; }},
  };
  std::string text;
  const auto out = std::back_inserter(text);
  for (const Row& row : kRows) {
    const std::string name = fmt::format("tessera_variant_{}_total", row.name);
    fmt::format_to(out, "# HELP {0} {1}\n# TYPE {0} counter\n", name, row.help);
    for (std::size_t i = 0; i < names_.size(); ++i) {
      fmt::format_to(out, "{}{{variant=\"{}\"}} {}\n", name, names_[i], row.value(counts(i)));
    }
  }
  constexpr const char* kSeconds = "tessera_variant_request_seconds";
  fmt::format_to(out, "# HELP {0} Time to answer a request for lists\n# TYPE {0} summary\n",
                 kSeconds);
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const LatencyCounts latency = counts(i).latency;
    for (const double share : {0.5, 0.99}) {
      fmt::format_to(out, "{}{{variant=\"{}\",quantile=\"{}\"}} {:.6f}\n", kSeconds, names_[i],
                     share, latency.quantile(share));
    }
    fmt::format_to(out, "{0}_sum{{variant=\"{1}\"}} {2:.6f}\n{0}_count{{variant=\"{1}\"}} {3}\n",
                   kSeconds, names_[i], latency.sum(), latency.count());
  }
  return text;
}

}  // namespace tessera
