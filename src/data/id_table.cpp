#include "data/id_table.h"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>

#include "base/error.h"

namespace tessera {
namespace {

std::uint64_t hash_of(std::string_view id) { return std::hash<std::string_view>()(id); }
std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }

}  // namespace

// The slot that holds the id, or the empty one where it belongs.
std::size_t IdTable::slot_of(std::string_view id, std::uint64_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.number == 0) return at;
    if (slot.tag == tag_of(hash) && (*this)[slot.number - 1] == id) return at;
  }
}

std::optional<std::int32_t> IdTable::find(std::string_view id) const {
  if (slots_.empty()) return std::nullopt;
  const std::uint32_t number = slots_[slot_of(id, hash_of(id))].number;
  if (number == 0) return std::nullopt;
  return static_cast<std::int32_t>(number - 1);
}

std::int32_t IdTable::intern(std::string_view id, std::uint64_t hash) {
  if (2 * (size() + 1) > slots_.size()) grow();
  Slot& slot = slots_[slot_of(id, hash)];
  if (slot.number == 0) {
    if (size() == std::numeric_limits<std::int32_t>::max()) fail("more than 2^31 - 1 ids");
    bytes_ += id;
    ends_.push_back(bytes_.size());
    slot = {static_cast<std::uint32_t>(size()), tag_of(hash)};
  }
  return static_cast<std::int32_t>(slot.number - 1);
}

std::int32_t IdTable::intern(std::string_view id) { return intern(id, hash_of(id)); }

void IdTable::intern(std::span<const std::string_view> ids, std::vector<std::int32_t>& numbers) {
  std::array<std::uint64_t, 64> hashes{};
  for (std::size_t first = 0; first < ids.size(); first += hashes.size()) {
    const auto block = ids.subspan(first, std::min(hashes.size(), ids.size() - first));
    if (2 * (size() + block.size()) > slots_.size()) grow();
    const std::size_t mask = slots_.size() - 1;
    // Where an id lies is told by ends_, and that place by its slot: each is asked for ahead.
    const auto known = [&](std::size_t i) -> std::size_t {
      return slots_[hashes[i] & mask].number;
    };
    for (std::size_t i = 0; i < block.size(); ++i) {
      hashes[i] = hash_of(block[i]);
      __builtin_prefetch(&slots_[hashes[i] & mask]);
    }
    for (std::size_t i = 0; i < block.size(); ++i) {
      if (known(i) != 0) __builtin_prefetch(&ends_[known(i) - 1]);
    }
    for (std::size_t i = 0; i < block.size(); ++i) {
      if (known(i) != 0) __builtin_prefetch(&bytes_[ends_[known(i) - 1]] - 16);
    }
    for (std::size_t i = 0; i < block.size(); ++i) {
      numbers.push_back(intern(block[i], hashes[i]));
    }
  }
}

void IdTable::grow() {
  slots_.assign(slots_.empty() ? 1024 : 2 * slots_.size(), {});
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t number = 0; number < size(); ++number) {
    const std::uint64_t hash = hash_of((*this)[number]);
    std::size_t at = hash & mask;
    while (slots_[at].number != 0) at = (at + 1) & mask;
    slots_[at] = {static_cast<std::uint32_t>(number + 1), tag_of(hash)};
  }
}

}  // namespace tessera
