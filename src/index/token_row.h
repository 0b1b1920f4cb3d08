#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/half.h"

namespace tessera {

/// What is unpacked of rows, kept between them.
struct RowRoom {
  std::vector<std::uint8_t> codes;
  std::vector<float> id;
};

/// All that is exact of an item, in one row of bytes: reading it costs one wait for memory. Codes
/// take as many bits as their codebook asks for: 7, 8 or 16; numbers of the ID vector 2 bytes where
/// half precision holds all of them (`id_bytes`), 4 elsewhere.
struct TokenRow {
  std::size_t places = 0, codebook_size = 0, id_dims = 0;
  std::uint64_t id_bytes = sizeof(float);

  std::size_t code_bits() const { return codebook_size <= 128 ? 7 : codebook_size <= 256 ? 8 : 16; }
  std::size_t bytes() const { return (codes_begin() + (places * code_bits() + 7) / 8 + 3) / 4 * 4; }
  void write(std::uint8_t* row, std::int32_t item, std::span<const std::int32_t> codes,
             std::span<const float> id) const;
  /// The least `id_bytes` that lose nothing of these numbers.
  static std::uint64_t bytes_for(std::span<const float> ids);
  static std::int32_t item(const std::uint8_t* row) {
    return *reinterpret_cast<const std::int32_t*>(row);
  }
  /// Calls visit(d, number) for each number of the ID vector in order.
  template <class Visit>
  void for_each_id(const std::uint8_t* row, const Visit& visit) const {
    const std::uint8_t* id = row + sizeof(std::int32_t);
    if (id_bytes == sizeof(float)) {
      const auto* numbers = reinterpret_cast<const float*>(id);
      for (std::size_t d = 0; d < id_dims; ++d) visit(d, numbers[d]);
    } else {
      const auto* halves = reinterpret_cast<const std::uint16_t*>(id);
      for (std::size_t d = 0; d < id_dims; ++d) visit(d, widened(halves[d]));
    }
  }
  std::span<const float> id(const std::uint8_t* row, RowRoom& room) const {
    room.id.resize(id_dims);
    for_each_id(row, [&](std::size_t d, float number) { room.id[d] = number; });
    return room.id;
  }
  /// Calls visit(codes), a span of bytes or of 16-bit numbers.
  template <class Visit>
  auto with_codes(const std::uint8_t* row, RowRoom& room, const Visit& visit) const {
    const std::uint8_t* codes = row + codes_begin();
    switch (code_bits()) {
      case 7:
        return visit(unpacked(codes, room.codes));
      case 8:
        return visit(std::span(codes, places));
      default:
        return visit(std::span(reinterpret_cast<const std::uint16_t*>(codes), places));
    }
  }

  /// Calls visit(turn, code) for each code in order; turns are 0 to 7, over and over, and each is a
  /// constant where it is inlined, so that sums by turn stay in registers. The fastest way to look
  /// up what codes stand for.
  template <class Visit>
  void for_each_code(const std::uint8_t* row, const Visit& visit) const {
    const std::uint8_t* codes = row + codes_begin();
    const std::size_t whole = places / kPacked * kPacked;
    const std::size_t rest = places - whole;
    const auto in_turns = [&](std::size_t count, const auto& code) {
#pragma GCC unroll 8
      for (std::size_t turn = 0; turn < kPacked; ++turn) {
        if (turn < count) visit(turn, std::size_t{code(turn)});
      }
    };
    const auto in_order = [&](const auto* of) {
      for (std::size_t i = 0; i < whole; i += kPacked, of += kPacked) {
        in_turns(kPacked, [&](std::size_t turn) { return of[turn]; });
      }
      in_turns(rest, [&](std::size_t turn) { return of[turn]; });
    };
    if (code_bits() == 8) return in_order(codes);
    if (code_bits() == 16) return in_order(reinterpret_cast<const std::uint16_t*>(codes));
    for (std::size_t i = 0; i < whole; i += kPacked, codes += 7) {
      const std::uint64_t x = seven_bytes(codes);
      in_turns(kPacked, [&](std::size_t turn) { return x >> 7 * turn & 127; });
    }
    const std::uint64_t x = some_bytes(codes, (rest * 7 + 7) / 8);
    in_turns(rest, [&](std::size_t turn) { return x >> 7 * turn & 127; });
  }

 private:
  static constexpr std::size_t kPacked = 8;  // codes of 7 bits, in 7 bytes

  std::size_t codes_begin() const { return sizeof(std::int32_t) + id_dims * id_bytes; }

  // A finite half: its bits where a float's are, and the exponents' difference multiplied in. The
  // compiler's own way is a call where the CPU need not have an instruction for it.
  static float widened(std::uint16_t half) {
    const float size = std::bit_cast<float>((half & 0x7FFFU) << 13U) * 0x1p112F;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(size) | (half & 0x8000U) << 16U);
  }

  // Little-endian.
  static std::uint64_t seven_bytes(const std::uint8_t* from) {
    std::uint32_t high = 0;
    std::uint32_t low = 0;
    std::memcpy(&low, from, 4);
    std::memcpy(&high, from + 3, 4);
    return low | std::uint64_t{high} << 24;
  }
  static std::uint64_t some_bytes(const std::uint8_t* from, std::size_t bytes) {
    std::uint64_t x = 0;
    for (std::size_t b = 0; b < bytes; ++b) x |= std::uint64_t{from[b]} << 8 * b;
    return x;
  }

  // Codes of 7 bits, a byte each.
  std::span<const std::uint8_t> unpacked(const std::uint8_t* packed,
                                         std::vector<std::uint8_t>& room) const {
    room.resize((places + kPacked - 1) / kPacked * kPacked);
    std::size_t i = 0;
    for (; i + kPacked <= places; i += kPacked, packed += 7) spread(packed, 7, &room[i]);
    if (i < places) spread(packed, ((places - i) * 7 + 7) / 8, &room[i]);
    return std::span(room).first(places);
  }
  // Eight codes, of which the first `bytes` bytes of 7 are there.
  static void spread(const std::uint8_t* packed, std::size_t bytes, std::uint8_t* codes) {
    std::uint64_t x = bytes == 7 ? seven_bytes(packed) : some_bytes(packed, bytes);
    x = (x & 0x00FFFFFFF0000000) << 4 | (x & 0x000000000FFFFFFF);
    x = (x & 0x0FFFC0000FFFC000) << 2 | (x & 0x00003FFF00003FFF);
    x = (x & 0x3F803F803F803F80) << 1 | (x & 0x007F007F007F007F);
    std::memcpy(codes, &x, kPacked);
  }
};

}  // namespace tessera
