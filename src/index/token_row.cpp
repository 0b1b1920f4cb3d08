#include "index/token_row.h"

#include <algorithm>

namespace tessera {

void TokenRow::write(std::uint8_t* row, std::int32_t item, std::span<const std::int32_t> codes,
                     std::span<const float> id) const {
  std::memcpy(row, &item, sizeof(item));
  const auto id_bytes = std::as_bytes(id);  // of codes alone there are none, and no place of them
  std::ranges::copy(id_bytes, reinterpret_cast<std::byte*>(row + sizeof(item)));
  std::uint8_t* to = row + sizeof(item) + id_bytes.size();
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
