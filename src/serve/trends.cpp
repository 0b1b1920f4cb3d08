#include "serve/trends.h"

#include <algorithm>
#include <cmath>

namespace tessera {
namespace {

using Entry = std::pair<double, const std::string*>;

/// Half lives after which the weights of events are counted from a new beginning.
constexpr double kLongest = 500.0;

bool before(const Entry& a, const Entry& b) {
  return a.first != b.first ? a.first > b.first : *a.second < *b.second;
}

}  // namespace

double Trends::weight(Clock::time_point now) const {
  return std::exp2(std::chrono::duration<double>(now - begin_).count() / kTrendHalfLife);
}

void Trends::begin_again(Clock::time_point now) {
  const double factor = 1.0 / weight(now);
  for (auto& [item, count] : counts_) count *= factor;
  begin_ = now;
}

void Trends::forget_least() {
  std::vector<double> all;
  for (const auto& [item, count] : counts_) all.push_back(count);
  const auto middle = all.begin() + std::ssize(all) / 2;
  std::ranges::nth_element(all, middle);
  std::erase_if(counts_, [least = *middle](const auto& entry) { return entry.second <= least; });
}

void Trends::restart(std::span<const std::pair<std::string, double>> trained) {
  const std::lock_guard lock(mutex_);
  counts_.clear();
  begin_ = Clock::now();
  for (const auto& [item, touched] : trained) {
    const std::chrono::duration<double> since(touched);
    counts_[item] += weight(Clock::time_point(std::chrono::duration_cast<Clock::duration>(since)));
  }
  changed_ = true;
  listed_ = {};
}

void Trends::note(std::span<const std::string> items, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (std::chrono::duration<double>(now - begin_).count() / kTrendHalfLife > kLongest)
    begin_again(now);
  for (const std::string& item : items) counts_[item] += weight(now);
  if (counts_.size() > kMostItems) forget_least();
  changed_ = true;
}

std::vector<std::string> Trends::top(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (!changed_ || (!top_.empty() && now - listed_ < std::chrono::seconds(1))) return top_;
  std::vector<Entry> all;
  all.reserve(counts_.size());
  for (const auto& [item, count] : counts_) all.emplace_back(count, &item);
  const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), kListed));
  std::ranges::partial_sort(all, end, before);
  top_.clear();
  for (auto at = all.begin(); at != end; ++at) top_.push_back(*at->second);
  listed_ = now;
  changed_ = false;
  return top_;
}

}  // namespace tessera
