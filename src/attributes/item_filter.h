#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>

#include "attributes/attribute_table.h"
#include "tessera/filter.h"

namespace tessera {

/// An attribute of this name that is a time says when an item ends: from then on no list holds it.
inline constexpr std::string_view kExpires = "expires";

/// How deep a filter may nest, however it is written.
inline constexpr int kMaxFilterDepth = 32;

/// The attributes of items that change while filters are asked. A condition's answer is kept as a
/// bitmap, and each change of an item changes its bit in those about that attribute: a filter that
/// is asked again costs the joining of bitmaps alone. Every function may be called from several
/// threads at once; a change is seen by every call that begins after it returned.
class ItemFilter {
 public:
  ItemFilter() = default;
  explicit ItemFilter(AttributeTable table);

  const std::vector<Attribute>& schema() const { return table_.schema(); }
  /// All that the item has, in the schema's order; and of the attributes named alone. Throws
  /// UsageError for an unknown one.
  AttributeValues values(std::int32_t item) const;
  AttributeValues values(std::int32_t item, std::span<const std::string> names) const;

  /// Of the numbers [0, items) those that pass. Throws UsageError that names the attribute, for one
  /// that does not exist or does not hold such values.
  ItemSet select(const Filter& filter, std::size_t items) const;
  /// Throws as select does, and asks nothing.
  void check(const Filter& filter) const;

  /// The `count` items of the latest times up to `until`, the latest first, of those for which
  /// `accepts` is true. The attribute must be of type time.
  std::vector<std::int32_t> latest(std::string_view name, double until, std::size_t count,
                                   const std::function<bool(std::int32_t)>& accepts) const;

  /// Of the numbers [0, items), and perhaps some above, those whose time of the attribute kExpires
  /// has not come by `now` (seconds since 1970); null where that is all of them. Time goes on from
  /// call to call. The set is made anew only after a change.
  std::shared_ptr<const ItemSet> lasting(double now, std::size_t items) const;

  /// Throws UsageError that names the first that is no attribute.
  void check(std::span<const std::string> names) const;
  /// Throws as `set`, and changes nothing.
  void check(const AttributeValues& values) const;

  /// Throws UsageError that names both, for one of another type; `what` begins the message.
  void check_type(std::string_view name, AttributeType type, std::string_view what) const;

  /// Changes those named, all or none. Throws UsageError as AttributeTable::set.
  void set(std::int32_t item, const AttributeValues& values);
  /// Takes all of them away.
  void clear(std::int32_t item);

  /// Memory of the kept bitmaps.
  std::size_t kept_bytes() const;

 private:
  struct Kept {
    AttributeTable::Predicate predicate;
    ItemSet items;
    mutable std::atomic<std::uint64_t> used{0};  // when it was asked last
  };
  AttributeTable::Predicate predicate(const Filter::Condition& condition) const;

  // These want the lock to be held.
  /// Nothing if the answer to one of its conditions is not kept.
  std::optional<ItemSet> joined(const Filter& filter, std::size_t items) const;
  const ItemSet* kept(const Filter::Condition& condition) const;
  /// Keeps the answers to all of its conditions, and forgets those asked longest ago beyond the
  /// limit.
  void keep(const Filter& filter, std::size_t items) const;
  void put(std::size_t attribute, std::int32_t item, const AttributeValue& value);
  void note_end(std::int32_t item);
  void gather_ends();
  /// Moves what has come by `now` to those that have ended.
  void end_items(double now) const;

  /// When items end: those to come, the next on top, with some that were changed since; and those
  /// that have.
  struct Ends {
    std::size_t attribute = 0;
    std::vector<std::pair<double, std::int32_t>> to_come = {};  // a heap
    ItemSet ended = {};
    std::size_t count = 0;                        // of `ended`
    std::size_t gathered = 0;                     // how many were to come when they were gathered
    std::shared_ptr<const ItemSet> lasting = {};  // of [0, room); null: to be made
    std::size_t room = 0;
  };

  AttributeTable table_;
  mutable std::optional<Ends> ends_;  // nothing: there is no such attribute
  mutable std::shared_mutex mutex_;
  mutable std::map<std::string, Kept, std::less<>> kept_;  // by what the condition says
  mutable std::atomic<std::uint64_t> clock_{0};
};

}  // namespace tessera
