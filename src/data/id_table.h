#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tessera {

/// Ids ↔ numbers in order of first appearance. All ids lie end to end in one string: beside their
/// bytes an id takes 8 bytes and, with its slot in the hash table, 16 to 24 in all.
class IdTable {
 public:
  std::size_t size() const { return ends_.size(); }
  /// Valid until the next call of `intern`.
  std::string_view operator[](std::size_t number) const {
    const std::size_t begin = number == 0 ? 0 : ends_[number - 1];
    return std::string_view(bytes_).substr(begin, ends_[number] - begin);
  }
  std::optional<std::int32_t> find(std::string_view id) const;
  /// The number of the id, which is added if it is new. Throws Error beyond 2^31 - 1 ids.
  std::int32_t intern(std::string_view id);
  /// The same for many ids, appended to `numbers`: a large table is not in the cache, and looking
  /// ahead hides the waiting.
  void intern(std::span<const std::string_view> ids, std::vector<std::int32_t>& numbers);

 private:
  /// `number` counts from 1, 0 is an empty slot; `tag` are bits of the hash.
  struct Slot {
    std::uint32_t number = 0;
    std::uint32_t tag = 0;
  };
  std::size_t slot_of(std::string_view id, std::uint64_t hash) const;
  std::int32_t intern(std::string_view id, std::uint64_t hash);
  void grow();

  std::string bytes_;
  std::vector<std::size_t> ends_;
  std::vector<Slot> slots_;  // a power of two; at most half are taken
};

}  // namespace tessera
