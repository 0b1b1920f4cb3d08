#include "data/withhold.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/numbers.h"
#include "base/random.h"
#include "formats/times.h"

namespace tessera {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

// Time of each item's first event, kUnknownTime if no event of it has one; kNever without events.
std::vector<std::int64_t> first_seen(const Dataset& data) {
  std::vector<std::int64_t> first(data.items.size(), kNever);
  for (std::size_t e = 0; e < data.events.size(); ++e) {
    std::int64_t& seen = first[static_cast<std::size_t>(data.events[e])];
    const std::int64_t time = data.times.empty() ? kUnknownTime : data.times[e];
    const bool known = time != kUnknownTime;
    if (seen == kNever || (known && (seen == kUnknownTime || time < seen))) seen = time;
  }
  return first;
}

std::int64_t cut_of(const Dataset& data, const std::string& text, const char* option) {
  const auto number = parse_number<double>(text);
  if (number && *number > 0 && *number < 1) {
    std::vector<std::int64_t> times(data.times);
    const auto place =
        times.begin() + static_cast<std::ptrdiff_t>(*number * static_cast<double>(times.size()));
    std::ranges::nth_element(times, place);
    return *place;
  }
  try {
    const std::string texts[] = {text};
    const std::int64_t time = parse_time(text, guess_time_form(texts));
    const bool whole = !number || (*number > 1 && std::floor(*number) == *number);
    if (time != kUnknownTime && whole) return time / 1000;
  } catch (const Error&) {  // said below, with the option's name
  }
  fail_usage("{} '{}': give a share of the events (0.8), a date (2014-01-31) or unix seconds",
             option, text);
}

}  // namespace

std::size_t count_with_events(const Dataset& data) {
  const auto first = first_seen(data);
  return data.items.size() - static_cast<std::size_t>(std::ranges::count(first, kNever));
}

void split_by_time(Dataset& data, const std::string& validation_from,
                   const std::string& test_from) {
  data.split = {true, cut_of(data, validation_from, "--validation-from"),
                cut_of(data, test_from, "--test-from")};
  if (data.split.test_from < data.split.validation_from) {
    fail_usage("--test-from {} is before --validation-from {}", test_from, validation_from);
  }
  const auto first = first_seen(data);
  for (std::size_t i = 0; i < first.size(); ++i) {
    data.items[i].withheld = first[i] != kNever && first[i] >= data.split.validation_from;
  }
  const auto [earliest, latest] = std::ranges::minmax(data.times);
  if (earliest >= data.split.validation_from) {
    fail("no event is before the first cut ({}): events are from {} to {}; move --validation-from",
         data.split.validation_from, earliest, latest);
  }
  const std::size_t validation = evaluated_users(data, Split::validation).size();
  const std::size_t test = evaluated_users(data, Split::test).size();
  if (validation == 0 || test == 0) {
    fail(
        "the cuts {} and {} leave {} users to validate with and {} to test with: each needs users "
        "with an event before its cut and one behind it; events are from {} to {}",
        data.split.validation_from, data.split.test_from, validation, test, earliest, latest);
  }
}

void withhold_items(Dataset& data, double share, bool by_time, std::uint64_t seed) {
  if (by_time && data.times.empty()) {
    fail("withholding the items that appeared last needs times; draw them, or give times");
  }
  const auto first = first_seen(data);
  std::vector<std::int32_t> items = Random(seed, {0x636f}).permutation(data.items.size());
  std::erase_if(items,
                [&](std::int32_t i) { return first[static_cast<std::size_t>(i)] == kNever; });
  const auto count =
      static_cast<std::size_t>(std::llround(share * static_cast<double>(items.size())));
  if (count == 0 || count >= items.size()) {
    fail_usage("--cold-items {} of {} items with events: give a share that withholds some, not all",
               share, items.size());
  }
  if (by_time) {
    std::vector<std::size_t> drawn(data.items.size());
    for (std::size_t i = 0; i < items.size(); ++i) drawn[static_cast<std::size_t>(items[i])] = i;
    std::ranges::sort(items, [&](std::int32_t a, std::int32_t b) {
      const auto left = static_cast<std::size_t>(a);
      const auto right = static_cast<std::size_t>(b);
      return first[left] != first[right] ? first[left] > first[right] : drawn[left] < drawn[right];
    });
  }
  for (const std::int32_t item : std::span(items).first(count)) {
    data.items[static_cast<std::size_t>(item)].withheld = true;
  }
}

}  // namespace tessera
