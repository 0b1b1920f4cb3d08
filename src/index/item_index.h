#pragma once
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "base/progress.h"
#include "index/changes.h"
#include "index/segment.h"

namespace tessera {

/// Exact top-k over a catalogue that changes while it is searched. Every function may be called
/// from several threads at once; a change is seen by every search that starts after it returned.
///
/// Items live in immutable segments, and the latest changes in a short list that every search reads
/// whole. A thread of the index turns a list that has grown long into a segment and merges segments
/// of like size, so that there are few (the log-structured merge of O'Neil et al. 1996).
class ItemIndex {
 public:
  ItemIndex(ScoreSpace space, Segment segment);
  ~ItemIndex();
  ItemIndex(const ItemIndex&) = delete;
  ItemIndex& operator=(const ItemIndex&) = delete;

  /// The k items of the best scores <state, item vector> that pass the filter, best first; fewer
  /// where fewer pass. Scores are summed in double precision. Equal scores stand in the order of
  /// item numbers, which are random (see Dataset). `state` [width]. Throws Error if the state is
  /// not finite or beyond kLargestValue.
  std::vector<ScoredItem> search(std::span<const float> state, std::size_t k,
                                 const SearchFilter& filter = {}) const;
  /// As search, with the scan of one instruction set, and with what it looked at.
  std::vector<ScoredItem> search(std::span<const float> state, std::size_t k,
                                 const SearchFilter& filter, ScanFunction scan,
                                 SearchStatistics& statistics) const;
  /// One list for each row of `states` [n, width], by all threads. `filters` is empty or [n].
  std::vector<std::vector<ScoredItem>> search_batch(MatrixView<const float> states, std::size_t k,
                                                    std::span<const SearchFilter> filters) const;

  /// Does now what the first search by a bitmap would do.
  void prepare_filters() const;

  /// An item to be put: `codes` [places], `id` [ID dims], borrowed for the call.
  struct NewItem {
    std::int32_t item = 0;
    std::span<const std::int32_t> codes;
    std::span<const float> id;
  };
  /// Adds the item or replaces it. Throws Error for a negative item number, another number of codes
  /// or dimensions, a code out of range, or a value that is not finite or beyond kLargestValue.
  void put(std::int32_t item, std::span<const std::int32_t> codes, std::span<const float> id) {
    const NewItem one = {item, codes, id};
    put({&one, 1});
  }
  /// The same for many as one change, which costs little more than that of one: a search finds all
  /// of them or none. Of several with one number the last counts. If it throws nothing is changed.
  void put(std::span<const NewItem> items);
  /// Takes the item out, if it is there.
  void remove(std::int32_t item);
  /// How many items there are.
  std::size_t size() const;
  /// Memory of the segments and of what searches read beside them.
  std::size_t bytes() const;

  /// Makes segments of the latest changes now. The index does so by itself once they are many.
  void compact();

 private:
  struct Part {
    std::shared_ptr<const Segment> segment;
    std::shared_ptr<const ItemSet> members;  // null: the numbers 0 … n-1, as of a whole catalogue
    std::shared_ptr<const ItemSet> hidden;   // replaced or removed since; null: none
    bool shows(std::int32_t item) const { return !hidden || !hidden->contains(item); }
    bool holds(std::int32_t item) const {
      const bool member =
          members ? members->contains(item) : static_cast<std::size_t>(item) < segment->size();
      return member && shows(item);
    }
  };
  struct Version {
    std::vector<Part> parts;  // the oldest first
    Changes changes;
    std::uint64_t time = 0;  // of the latest change
    std::size_t size = 0;

    bool holds(std::int32_t item) const;
  };
  /// Items of which alone searches of a version may return some, as each of its parts finds them.
  struct Allowed {
    Allowed(const Version& version, const ItemSet* items);
    std::vector<AllowedItems> by_part;
  };
  std::vector<ScoredItem> search(const Version& version, std::span<const float> state,
                                 std::size_t k, const SearchFilter& filter, const Allowed& allowed,
                                 ScanFunction scan, SearchStatistics& statistics) const;
  static Part part_of(Segment segment);
  std::shared_ptr<const Version> version() const;
  void change(std::vector<Changes::Entry> entries);
  Changes::Entry entry_of(const NewItem& item) const;
  void compact_in_background(const std::stop_token& stop);

  ScoreSpace space_;
  mutable std::mutex version_mutex_;  // guards the pointer alone, for the time of a copy
  std::shared_ptr<const Version> version_;
  std::mutex change_mutex_;      // one change at a time
  std::mutex compaction_mutex_;  // one compaction at a time
  std::condition_variable_any many_changes_;
  std::jthread compactor_;  // last: it uses all of the above
};

}  // namespace tessera
