// Matrices, their views, and the step arena.
#include <gtest/gtest.h>

#include <cstdint>

#include "base/arena.h"
#include "testing/matrices.h"

namespace tessera {
namespace {

bool aligned(const void* p) { return reinterpret_cast<std::uintptr_t>(p) % kAlignment == 0; }

TEST(Matrix, IsAlignedAndStartsAsZeros) {
  const Matrix matrix(7, 17);
  EXPECT_TRUE(aligned(matrix[0]));
  testing::expect_elements(matrix, 0.0, [](std::size_t, std::size_t) { return 0.0; });
}

TEST(Matrix, ClonesAreApart) {
  Matrix matrix = testing::random_matrix(7, 17, 1);
  const Matrix copy = matrix.clone();
  EXPECT_TRUE(testing::same_bits(copy.span(), matrix.span()));
  matrix[3][4] += 1.0F;
  EXPECT_NE(copy[3][4], matrix[3][4]);
}

TEST(MatrixView, BlocksAreTheSameElements) {
  Matrix matrix = testing::random_matrix(7, 17, 1);
  const MatrixView<float> block = matrix.view().row_block(2, 3).col_block(5, 7);
  EXPECT_EQ(block.size(), 21U);
  EXPECT_FALSE(block.dense());
  EXPECT_TRUE(matrix.view().row_block(2, 3).dense());
  testing::expect_elements(block, 0.0,
                           [&](std::size_t i, std::size_t j) { return matrix[i + 2][j + 5]; });
  block[0][0] = 42.0F;
  EXPECT_EQ(matrix[2][5], 42.0F);
}

TEST(StepArena, RoomIsAlignedAndApart) {
  StepArena arena;
  const std::span<std::uint8_t> bytes = arena.take<std::uint8_t>(3);
  const std::span<double> doubles = arena.take<double>(5);
  const MatrixView<float> matrix = arena.matrix(7, 17);
  for (const void* p : {static_cast<void*>(bytes.data()), static_cast<void*>(doubles.data()),
                        static_cast<void*>(matrix.data)}) {
    EXPECT_TRUE(aligned(p));
  }
  std::fill(bytes.begin(), bytes.end(), std::uint8_t{1});
  testing::fill_random(matrix, 1);
  std::fill(doubles.begin(), doubles.end(), 2.0);
  testing::expect_elements(matrix, 0.0,
                           [copy = testing::random_matrix(7, 17, 1)](std::size_t i, std::size_t j) {
                             return copy[i][j];
                           });
  for (const std::uint8_t b : bytes) EXPECT_EQ(b, 1);
}

TEST(StepArena, ZerosAreZeroInUsedMemoryToo) {
  StepArena arena;
  testing::fill_random(arena.matrix(33, 33), 1);
  arena.reset();
  testing::expect_elements(arena.zeros(33, 33), 0.0, [](std::size_t, std::size_t) { return 0.0; });
}

TEST(StepArena, ALargerStepKeepsWhatWasTakenBefore) {
  StepArena arena;
  const MatrixView<float> first = arena.matrix(7, 17);
  testing::fill_random(first, 1);
  arena.matrix(4096, 1024);  // more than the first block holds
  const Matrix copy = testing::random_matrix(7, 17, 1);
  EXPECT_TRUE(testing::same_bits({first.data, first.size()}, copy.span()));
}

TEST(StepArena, ASteadyStateAsksTheSystemForNothing) {
  StepArena arena;
  const auto step = [&](std::size_t scale) {
    arena.reset();
    for (std::size_t i = 1; i <= 20; ++i) arena.matrix(scale * i, 33);
    arena.take<double>(7);
  };
  step(100);
  step(1000);  // the largest
  step(1000);
  const std::size_t allocations = arena.system_allocations();
  const std::size_t capacity = arena.capacity();
  EXPECT_GT(allocations, 0U);
  for (const std::size_t scale : {1000U, 1U, 500U, 1000U}) step(scale);
  EXPECT_EQ(arena.system_allocations(), allocations);
  EXPECT_EQ(arena.capacity(), capacity);
}

TEST(StepArena, EmptyRoomIsAllowed) {
  StepArena arena;
  EXPECT_EQ(arena.take<float>(0).size(), 0U);
  EXPECT_EQ(arena.matrix(0, 17).rows, 0U);
}

}  // namespace
}  // namespace tessera
