#include "index/token_row.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace tessera {
namespace {

struct Layout {
  std::size_t places, codebook_size, id_dims, id_bytes, bytes;
};

class TokenRows : public ::testing::TestWithParam<Layout> {};

TEST_P(TokenRows, GiveBackWhatWasWritten) {
  const auto& [places, codebook_size, id_dims, id_bytes, bytes] = GetParam();
  const TokenRow layout{places, codebook_size, id_dims, id_bytes};
  ASSERT_EQ(layout.bytes(), bytes);
  Random random(places + codebook_size);
  RowRoom room;
  for (std::int32_t item = 0; item < 200; ++item) {
    std::vector<std::int32_t> codes(places);
    for (std::int32_t& code : codes) {
      code = static_cast<std::int32_t>(random.below(codebook_size));
    }
    if (item == 0) std::ranges::fill(codes, static_cast<std::int32_t>(codebook_size) - 1);
    std::vector<float> id(id_dims);
    for (float& x : id) x = static_cast<float>(random.below(1000));
    // Beyond its end nothing is touched; what was in it before does not matter.
    std::vector<std::uint32_t> memory(bytes / 4 + 1, 0xA5A5A5A5U);
    auto* row = reinterpret_cast<std::uint8_t*>(memory.data());
    layout.write(row, item, codes, id);
    EXPECT_EQ(memory.back(), 0xA5A5A5A5U);
    EXPECT_EQ(TokenRow::item(row), item);
    EXPECT_TRUE(std::ranges::equal(layout.id(row, room), id));
    std::vector<std::int32_t> read;
    layout.with_codes(row, room, [&](auto stored) { read.assign(stored.begin(), stored.end()); });
    EXPECT_EQ(read, codes);
    read.clear();
    layout.for_each_code(row, [&](std::size_t turn, std::size_t code) {
      EXPECT_EQ(turn, read.size() % 8);
      read.push_back(static_cast<std::int32_t>(code));
    });
    EXPECT_EQ(read, codes);
  }
}

INSTANTIATE_TEST_SUITE_P(Layouts, TokenRows,
                         ::testing::Values(Layout{35, 128, 4, 4, 52}, Layout{35, 128, 6, 2, 48},
                                           Layout{8, 128, 0, 4, 12}, Layout{1, 2, 0, 2, 8},
                                           Layout{9, 100, 1, 4, 16}, Layout{9, 100, 1, 2, 16},
                                           Layout{35, 256, 4, 4, 56}, Layout{3, 257, 8, 4, 44},
                                           Layout{3, 257, 7, 2, 24}, Layout{2, 65536, 0, 4, 8},
                                           Layout{0, 0, 64, 4, 260}, Layout{0, 0, 64, 2, 132}));

TEST(TokenRow, HoldsEveryFiniteHalfAsItIs) {
  const TokenRow layout{0, 0, 1, sizeof(Half)};
  std::vector<std::uint32_t> memory(layout.bytes() / 4);
  auto* row = reinterpret_cast<std::uint8_t*>(memory.data());
  RowRoom room;
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    if ((bits & 0x7C00U) == 0x7C00U) continue;  // infinite, or not a number
    const auto number = static_cast<float>(std::bit_cast<Half>(static_cast<std::uint16_t>(bits)));
    EXPECT_EQ(TokenRow::bytes_for({&number, 1}), sizeof(Half));
    layout.write(row, 0, {}, {&number, 1});
    const float read = layout.id(row, room)[0];
    EXPECT_EQ(std::bit_cast<std::uint32_t>(read), std::bit_cast<std::uint32_t>(number));
  }
}

TEST(TokenRow, TakesFullPrecisionWhereHalfWouldLoseSomething) {
  for (const float number : {1.0F / 3.0F, 70000.0F, 1e-9F}) {
    const float numbers[] = {1.0F, number};
    EXPECT_EQ(TokenRow::bytes_for(numbers), sizeof(float));
  }
  EXPECT_EQ(TokenRow::bytes_for({}), sizeof(Half));
}

}  // namespace
}  // namespace tessera
