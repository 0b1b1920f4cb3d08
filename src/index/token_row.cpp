#include "index/token_row.h"

#include <algorithm>

namespace tessera {

std::uint64_t TokenRow::bytes_for(std::span<const float> ids) {
  const bool halves = std::ranges::all_of(
      ids, [](float x) { return static_cast<float>(static_cast<Half>(x)) == x; });
  return halves ? sizeof(Half) : sizeof(float);
}

void TokenRow::write(std::uint8_t* row, std::int32_t item, std::span<const std::int32_t> codes,
                     std::span<const float> id) const {
  std::memcpy(row, &item, sizeof(item));
  std::uint8_t* to = row + sizeof(item);
  for (const float number : id) {
    const auto half = static_cast<Half>(number);
    std::memcpy(to, id_bytes == sizeof(half) ? static_cast<const void*>(&half) : &number, id_bytes);
    to += id_bytes;
  }
  std::fill(to, row + bytes(), std::uint8_t{0});
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const std::size_t bit = i * code_bits();
    const auto shifted = static_cast<unsigned>(codes[i]) << bit % 8;
    to[bit / 8] = static_cast<std::uint8_t>(to[bit / 8] | shifted);
    if (bit % 8 + code_bits() > 8) {
      to[bit / 8 + 1] = static_cast<std::uint8_t>(to[bit / 8 + 1] | shifted >> 8);
    }
  }
}

}  // namespace tessera
