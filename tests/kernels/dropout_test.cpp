// Dropout: what is kept, how often, and that a mask is a function of stream and place.
#include <gtest/gtest.h>

#include <vector>

#include "kernels/elementwise.h"
#include "testing/gradient_check.h"
#include "testing/matrices.h"

namespace tessera {
namespace {

using testing::Framed;
using testing::kOddSizes;
using testing::random_matrix;

constexpr std::uint64_t kStream = 0x1234567890abcdefU;

/// MurmurHash3's finaliser keyed twice, one element at a time (the header's promise: stream and
/// place alone decide).
bool kept(std::uint64_t stream, std::uint32_t place, double probability) {
  stream = mix_bits(stream);
  std::uint32_t h = place ^ static_cast<std::uint32_t>(stream);
  h = (h ^ (h >> 16)) * 0x85ebca6bU;
  h ^= static_cast<std::uint32_t>(stream >> 32);
  h = (h ^ (h >> 13)) * 0xc2b2ae35U;
  h ^= h >> 16;
  return static_cast<double>(h >> 1) >= probability * 2147483648.0;
}

TEST(Dropout, KeepsAndScalesAsAPlainHashSays) {
  for (const std::size_t rows : kOddSizes) {
    for (const std::size_t cols : kOddSizes) {
      Matrix x = random_matrix(rows, cols, 1);
      Framed y(x);
      dropout(y, 0.3F, kStream);
      testing::expect_elements(y, 1e-6, [&](std::size_t i, std::size_t j) {
        const auto place = static_cast<std::uint32_t>(i * cols + j);
        return kept(kStream, place, 0.3F) ? x[i][j] / (1.0 - double{0.3F}) : 0.0;
      });
      EXPECT_TRUE(y.frame_intact());
    }
  }
}

TEST(Dropout, GradientMatchesFiniteDifferences) {
  for (const std::size_t cols : kOddSizes) {
    Matrix x = random_matrix(7, cols, 1);
    const Matrix dy = random_matrix(7, cols, 2);
    Matrix y(7, cols), dx = dy.clone();
    dropout(dx, 0.5F, kStream);
    const auto loss = [&] {
      std::copy(x.span().begin(), x.span().end(), y.span().begin());
      dropout(y, 0.5F, kStream);
      return testing::weighted_sum(dy, y);
    };
    testing::expect_gradient(x, dx, loss, 1e-4, 0.5F);
  }
}

TEST(Dropout, ProbabilityZeroChangesNothing) {
  Matrix x = random_matrix(7, 17, 1);
  const Matrix before = x.clone();
  dropout(x, 0.0F, kStream);
  EXPECT_TRUE(testing::same_bits(x.span(), before.span()));
}

TEST(Dropout, DropsTheShareItIsAskedFor) {
  // 100,000 draws: the share's standard error is at most .0016, the tolerance six times that.
  for (const float probability : {0.1F, 0.5F, 0.9F}) {
    Matrix ones(100, 1000);
    std::fill(ones.span().begin(), ones.span().end(), 1.0F);
    dropout(ones, probability, kStream);
    const auto dropped = std::count(ones.span().begin(), ones.span().end(), 0.0F);
    EXPECT_NEAR(static_cast<double>(dropped) / 1e5, probability, 0.01);
  }
}

TEST(Dropout, StreamsDropDifferentElements) {
  const auto mask = [](std::uint64_t stream) {
    Matrix ones(33, 33);
    std::fill(ones.span().begin(), ones.span().end(), 1.0F);
    dropout(ones, 0.5F, stream);
    return ones;
  };
  const Matrix first = mask(kStream);
  // The next stream, or one bit of the name, makes an unrelated mask: those agree on half of 1089
  // elements, and the tolerance is six standard deviations.
  for (const std::uint64_t other : {kStream + 1, kStream ^ (std::uint64_t{1} << 40)}) {
    const Matrix second = mask(other);
    int same = 0;
    for (std::size_t i = 0; i < first.size(); ++i) same += first.span()[i] == second.span()[i];
    EXPECT_NEAR(same, 1089 / 2.0, 6.0 * 16.5);
  }
}

}  // namespace
}  // namespace tessera
