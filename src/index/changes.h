#pragma once
#include <algorithm>
#include <cstdint>
#include <iterator>
#include <memory>
#include <span>
#include <vector>

namespace tessera {

/// Items put or removed since the segments were built, in the order of their numbers. A value: each
/// change makes a new version, and searches go on with the one they began with.
class Changes {
 public:
  struct Entry {
    std::int32_t item = 0;
    bool removed = false;
    std::uint64_t time = 0;           ///< of the change, counted by the index
    std::vector<std::int32_t> codes;  ///< [places]; of a removed item empty
    std::vector<float> id;            ///< [ID dims]; of a removed item empty
  };

  const Entry* find(std::int32_t item) const {
    const auto at = place(item);
    return at != entries_.end() && (*at)->item == item ? at->get() : nullptr;
  }
  /// Adds entries of different items, in the order of their numbers, each in place of an older one
  /// of the same item.
  void set(std::vector<Entry> entries) {
    Entries merged;
    merged.reserve(entries_.size() + entries.size());
    auto old = entries_.begin();
    for (Entry& entry : entries) {
      for (; old != entries_.end() && (*old)->item < entry.item; ++old) {
        merged.push_back(std::move(*old));
      }
      if (old != entries_.end() && (*old)->item == entry.item) ++old;
      merged.push_back(std::make_shared<const Entry>(std::move(entry)));
    }
    merged.insert(merged.end(), std::move_iterator(old), std::move_iterator(entries_.end()));
    entries_ = std::move(merged);
  }
  /// Forgets what is not newer than `time`.
  void drop_until(std::uint64_t time) {
    std::erase_if(entries_, [&](const auto& entry) { return entry->time <= time; });
  }
  std::span<const std::shared_ptr<const Entry>> entries() const { return entries_; }

 private:
  using Entries = std::vector<std::shared_ptr<const Entry>>;
  Entries::const_iterator place(std::int32_t item) const {
    return std::ranges::lower_bound(entries_, item, {}, [](const auto& e) { return e->item; });
  }
  Entries entries_;  // shared by versions
};

}  // namespace tessera
