#include "index/item_index.h"

#include <algorithm>
#include <exception>
#include <map>
#include <numeric>

#include "base/error.h"
#include "base/held_signals.h"
#include "base/parallel.h"

namespace tessera {
namespace {

// So many changes a search reads one by one, and a change copies a list of, without being felt.
constexpr std::size_t kManyChanges = 2048;
// A segment is merged with what is newer once that holds a quarter as many items.
constexpr std::size_t kMergeRatio = 4;

// What a filter asks beside its bitmap, with the excluded items in order.
class Exclusion {
 public:
  explicit Exclusion(const SearchFilter& filter)
      : filter_(filter), excluded_(filter.excluded.begin(), filter.excluded.end()) {
    std::ranges::sort(excluded_);
  }
  bool passes(std::int32_t item) const {
    return !std::ranges::binary_search(excluded_, item) &&
           (!filter_.accepts || filter_.accepts(item));
  }

 private:
  const SearchFilter& filter_;
  std::vector<std::int32_t> excluded_;
};

// Items as a segment is built from them.
struct Items {
  std::vector<std::int32_t> numbers, codes;
  std::vector<float> ids;

  void add(std::int32_t item, std::span<const std::int32_t> item_codes, std::span<const float> id) {
    numbers.push_back(item);
    codes.insert(codes.end(), item_codes.begin(), item_codes.end());
    ids.insert(ids.end(), id.begin(), id.end());
  }
  Segment segment(const ScoreSpace& space) const {
    const std::size_t dims = space.tables.id_dims;
    return {space, numbers, codes, MatrixView<const float>(ids.data(), numbers.size(), dims)};
  }
};

}  // namespace

bool ItemIndex::Version::holds(std::int32_t item) const {
  if (const Changes::Entry* entry = changes.find(item)) return !entry->removed;
  return std::ranges::any_of(parts, [&](const Part& part) { return part.holds(item); });
}

ItemIndex::Allowed::Allowed(const Version& version, const ItemSet* items) {
  const std::size_t count = items != nullptr ? items->count() : 0;
  for (const Part& part : version.parts) by_part.push_back(part.segment->allowed(items, count));
}

ItemIndex::Part ItemIndex::part_of(Segment segment) {
  ItemSet members;
  std::int64_t largest = -1;
  segment.for_each([&](std::int32_t item, auto, auto) {
    members.insert(item);
    largest = std::max<std::int64_t>(largest, item);
  });
  const bool whole = static_cast<std::size_t>(largest) + 1 == segment.size();  // they are distinct
  return {std::make_shared<const Segment>(std::move(segment)),
          whole ? nullptr : std::make_shared<const ItemSet>(std::move(members)), nullptr};
}

ItemIndex::ItemIndex(ScoreSpace space, Segment segment) : space_(std::move(space)) {
  auto version = std::make_shared<Version>();
  version->size = segment.size();
  version->parts.push_back(part_of(std::move(segment)));
  version_ = std::move(version);
  compactor_ = std::jthread([this](const std::stop_token& stop) { compact_in_background(stop); });
}

ItemIndex::~ItemIndex() {
  compactor_.request_stop();
  compactor_.join();
}

std::shared_ptr<const ItemIndex::Version> ItemIndex::version() const {
  const std::scoped_lock lock(version_mutex_);
  return version_;
}

std::vector<ScoredItem> ItemIndex::search(std::span<const float> state, std::size_t k,
                                          const SearchFilter& filter) const {
  SearchStatistics statistics;
  return search(state, k, filter, scan_targets().front().scan, statistics);
}

std::vector<ScoredItem> ItemIndex::search(std::span<const float> state, std::size_t k,
                                          const SearchFilter& filter, ScanFunction scan,
                                          SearchStatistics& statistics) const {
  const auto version = this->version();
  return search(*version, state, k, filter, {*version, filter.allowed}, scan, statistics);
}

std::vector<ScoredItem> ItemIndex::search(const Version& version, std::span<const float> state,
                                          std::size_t k, const SearchFilter& filter,
                                          const Allowed& allowed, ScanFunction scan,
                                          SearchStatistics& statistics) const {
  const IndexQuery query = index_query(space_, state);
  const Exclusion admission(filter);
  TopK best(k);
  if (k == 0) return {};
  for (const auto& entry : version.changes.entries()) {
    if (entry->removed) continue;
    if (filter.allowed != nullptr && !filter.allowed->contains(entry->item)) continue;
    const double score =
        token_score(query.scores, space_.tables.codebook_size, std::span(entry->codes), entry->id);
    if (best.admits(score, entry->item) && admission.passes(entry->item)) {
      best.add(score, entry->item);
    }
  }
  for (std::size_t p = 0; p < version.parts.size(); ++p) {
    const Part& part = version.parts[p];
    const Admission shown{allowed.by_part[p], [&](std::int32_t item) {
                            return part.shows(item) && version.changes.find(item) == nullptr &&
                                   admission.passes(item);
                          }};
    part.segment->search(query, shown, scan, best, statistics);
  }
  return best.take();
}

std::vector<std::vector<ScoredItem>> ItemIndex::search_batch(
    MatrixView<const float> states, std::size_t k, std::span<const SearchFilter> filters) const {
  std::vector<std::vector<ScoredItem>> lists(states.rows);
  const auto version = this->version();
  const SearchFilter none;
  const auto filter = [&](std::size_t i) -> const SearchFilter& {
    return filters.empty() ? none : filters[i];
  };
  std::map<const ItemSet*, Allowed> allowed;  // most often one for all
  for (std::size_t i = 0; i < states.rows; ++i) {
    const ItemSet* items = filter(i).allowed;
    if (!allowed.contains(items)) allowed.emplace(items, Allowed(*version, items));
  }
  std::exception_ptr error;
  const HeldSignals held;
#pragma omp parallel for schedule(dynamic, 4)
  for (std::size_t i = 0; i < states.rows; ++i) {
    try {
      SearchStatistics statistics;
      lists[i] = search(*version, states.row(i), k, filter(i), allowed.at(filter(i).allowed),
                        scan_targets().front().scan, statistics);
    } catch (...) {
#pragma omp critical
      error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
  return lists;
}

Changes::Entry ItemIndex::entry_of(const NewItem& item) const {
  if (item.item < 0) fail("item number {} is negative", item.item);
  const ScoringTables& tables = space_.tables;
  if (item.codes.size() != tables.places.size() || item.id.size() != tables.id_dims) {
    fail("item {} has {} codes and {} ID dimensions: {} and {} are needed", item.item,
         item.codes.size(), item.id.size(), tables.places.size(), tables.id_dims);
  }
  check_codes(item.codes, tables.codebook_size);
  check_values(item.id, "an ID vector is");
  Changes::Entry entry;
  entry.item = item.item;
  entry.codes.assign(item.codes.begin(), item.codes.end());
  entry.id.assign(item.id.begin(), item.id.end());
  return entry;
}

void ItemIndex::put(std::span<const NewItem> items) {
  std::vector<Changes::Entry> entries;
  entries.reserve(items.size());
  for (const NewItem& item : items) {
    entries.push_back(entry_of(item));
    entries.back().time = entries.size();
  }
  // The latest of a number first, and `unique` leaves that.
  std::ranges::sort(entries, [](const Changes::Entry& a, const Changes::Entry& b) {
    return a.item != b.item ? a.item < b.item : a.time > b.time;
  });
  const auto rest = std::ranges::unique(entries, {}, &Changes::Entry::item);
  entries.erase(rest.begin(), rest.end());
  change(std::move(entries));
}

void ItemIndex::remove(std::int32_t item) {
  if (item < 0) return;
  Changes::Entry entry;
  entry.item = item;
  entry.removed = true;
  std::vector<Changes::Entry> one;
  one.push_back(std::move(entry));
  change(std::move(one));
}

void ItemIndex::change(std::vector<Changes::Entry> entries) {
  const std::scoped_lock lock(change_mutex_);
  auto next = std::make_shared<Version>(*version());
  std::erase_if(entries, [&](const Changes::Entry& entry) {
    return entry.removed && !next->holds(entry.item);
  });
  if (entries.empty()) return;
  ++next->time;
  for (Changes::Entry& entry : entries) {
    if (!next->holds(entry.item)) ++next->size;
    if (entry.removed) --next->size;
    entry.time = next->time;
  }
  next->changes.set(std::move(entries));
  const bool many = next->changes.entries().size() >= kManyChanges;
  {
    const std::scoped_lock pointer(version_mutex_);
    version_ = std::move(next);
  }
  if (many) many_changes_.notify_one();
}

void ItemIndex::prepare_filters() const {
  for (const Part& part : version()->parts) part.segment->prepare_places();
}

std::size_t ItemIndex::size() const { return version()->size; }

std::size_t ItemIndex::bytes() const {
  std::size_t bytes =
      space_.axes.to_axes.size() * sizeof(float) + space_.axes.to_weights.size() * sizeof(double);
  for (const auto& place : space_.tables.places) bytes += place.vectors.size() * sizeof(float);
  for (const Part& part : version()->parts) {
    bytes += part.segment->bytes();
    if (part.members) bytes += part.members->bytes();
    if (part.hidden) bytes += part.hidden->bytes();
  }
  return bytes;
}

void ItemIndex::compact() {
  const std::scoped_lock lock(compaction_mutex_);
  // Parts change here alone; changes may come while the new segment is built, and stay in the list.
  const auto before = version();
  if (before->changes.entries().empty()) return;
  Items items;
  for (const auto& entry : before->changes.entries()) {
    if (!entry->removed) items.add(entry->item, entry->codes, entry->id);
  }
  std::size_t kept = before->parts.size();  // parts that stay, from the oldest
  while (kept > 0 &&
         before->parts[kept - 1].segment->size() <= kMergeRatio * items.numbers.size()) {
    const Part& part = before->parts[--kept];
    part.segment->for_each([&](std::int32_t item, auto codes, auto id) {
      if (part.shows(item) && before->changes.find(item) == nullptr) items.add(item, codes, id);
    });
  }
  std::vector<Part> parts(before->parts.begin(),
                          before->parts.begin() + static_cast<std::ptrdiff_t>(kept));
  for (Part& part : parts) {
    ItemSet hidden = part.hidden ? *part.hidden : ItemSet();
    for (const auto& entry : before->changes.entries()) hidden.insert(entry->item);
    part.hidden = std::make_shared<const ItemSet>(std::move(hidden));
  }
  if (!items.numbers.empty()) parts.push_back(part_of(items.segment(space_)));

  const std::scoped_lock change(change_mutex_);
  auto next = std::make_shared<Version>(*version());
  next->parts = std::move(parts);
  next->changes.drop_until(before->time);
  const std::scoped_lock pointer(version_mutex_);
  version_ = std::move(next);
}

void ItemIndex::compact_in_background(const std::stop_token& stop) {
  work_alone();  // searches keep the other threads
  std::mutex mutex;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    const bool many = many_changes_.wait(
        lock, stop, [&] { return version()->changes.entries().size() >= kManyChanges; });
    try {
      if (many) compact();
    } catch (const std::exception&) {
      // Out of memory: the list stays as it is, longer but right, until the next change asks again.
      many_changes_.wait(lock, stop,
                         [seen = version()->time, this] { return version()->time != seen; });
    }
  }
}

}  // namespace tessera
