// Matrix multiplication against three plain loops in double.
#include "kernels/gemm.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/time.h>

#include <csignal>

#include "base/error.h"
#include "testing/errors.h"
#include "testing/gradient_check.h"
#include "testing/matrices.h"

namespace tessera {
namespace {

using testing::expect_elements;
using testing::Framed;
using testing::kOddSizes;
using testing::random_matrix;

constexpr std::array kBoth = {Transpose::no, Transpose::yes};

double element(Transpose transpose, MatrixView<const float> m, std::size_t i, std::size_t j) {
  return transpose == Transpose::no ? m[i][j] : m[j][i];
}

Matrix operand(Transpose transpose, std::size_t rows, std::size_t cols, std::uint64_t seed) {
  return transpose == Transpose::no ? random_matrix(rows, cols, seed)
                                    : random_matrix(cols, rows, seed);
}

// Products of up to 33 unit normals: float rounding stays below 1e-5.
constexpr double kGemmTolerance = 1e-5;

TEST(Gemm, EqualsPlainLoopsForAllTransposesAndOddShapes) {
  for (const std::size_t rows : kOddSizes) {
    for (const std::size_t cols : kOddSizes) {
      for (const std::size_t inner : kOddSizes) {
        for (const Transpose ta : kBoth) {
          for (const Transpose tb : kBoth) {
            const Matrix a = operand(ta, rows, inner, 1);
            const Matrix b = operand(tb, inner, cols, 2);
            const Matrix before = random_matrix(rows, cols, 3);
            Matrix c = before.clone();
            gemm(ta, tb, 0.5F, a, b, 2.0F, c);
            expect_elements(c, kGemmTolerance, [&](std::size_t i, std::size_t j) {
              double sum = 0.0;
              for (std::size_t k = 0; k < inner; ++k) {
                sum += element(ta, a, i, k) * element(tb, b, k, j);
              }
              return 0.5 * sum + 2.0 * before[i][j];
            });
          }
        }
      }
    }
  }
}

TEST(Gemm, StridedViewsGiveTheResultOfDenseOnes) {
  for (const Transpose ta : kBoth) {
    for (const Transpose tb : kBoth) {
      Matrix a = operand(ta, 17, 7, 1);
      Matrix b = operand(tb, 7, 33, 2);
      Matrix dense(17, 33);
      gemm(ta, tb, 1.0F, a, b, 0.0F, dense);
      Framed framed_a(a), framed_b(b), c(17, 33);
      gemm(ta, tb, 1.0F, framed_a, framed_b, 0.0F, c);
      expect_elements(c, 1e-6, [&](std::size_t i, std::size_t j) { return dense[i][j]; });
      EXPECT_TRUE(c.frame_intact());
    }
  }
}

TEST(Gemm, BetaZeroDoesNotReadTheOldContent) {
  Matrix c(7, 17);
  std::fill(c.span().begin(), c.span().end(), testing::kNan);
  gemm(Transpose::no, Transpose::no, 1.0F, random_matrix(7, 33, 1), random_matrix(33, 17, 2), 0.0F,
       c);
  for (const float x : c.span()) EXPECT_TRUE(std::isfinite(x));
}

TEST(Gemm, AnEmptyInnerDimensionLeavesBetaTimesTheOldContent) {
  Matrix c = random_matrix(7, 17, 1);
  const Matrix before = c.clone();
  const Matrix a(7, 0), b(0, 17);
  gemm(Transpose::no, Transpose::no, 1.0F, a, b, 0.5F, c);
  expect_elements(c, 0.0, [&](std::size_t i, std::size_t j) { return 0.5F * before[i][j]; });
  std::fill(c.span().begin(), c.span().end(), testing::kNan);
  gemm(Transpose::no, Transpose::no, 1.0F, a, b, 0.0F, c);
  expect_elements(c, 0.0, [](std::size_t, std::size_t) { return 0.0; });
}

TEST(Gemm, AResultWithoutRowsOrColumnsIsAllowed) {
  Matrix none(0, 17), thin(7, 0);
  EXPECT_NO_THROW(
      gemm(Transpose::no, Transpose::no, 1.0F, Matrix(0, 7), Matrix(7, 17), 0.0F, none));
  EXPECT_NO_THROW(gemm(Transpose::no, Transpose::no, 1.0F, Matrix(7, 7), Matrix(7, 0), 0.0F, thin));
}

TEST(Gemm, ShapesThatDoNotFitAreRefusedAndNamed) {
  Matrix c(7, 17);
  testing::expect_error(
      [&] { gemm(Transpose::no, Transpose::no, 1.0F, Matrix(7, 3), Matrix(4, 17), 0.0F, c); },
      {"gemm", "7×3", "4×17"});
  testing::expect_error(
      [&] { gemm(Transpose::no, Transpose::yes, 1.0F, Matrix(7, 3), Matrix(16, 3), 0.0F, c); },
      {"gemm", "7×17"});
}

// The stack of the thread that runs the test; handlers that ran on it, and elsewhere.
const char* stack_begin = nullptr;
const char* stack_end = nullptr;
volatile std::sig_atomic_t handled = 0, elsewhere = 0;

void look_where_i_am(int /*signal*/) {
  char here = 0;
  const char* at = &here;
  if (at >= stack_begin && at < stack_end) {
    handled = handled + 1;
  } else {
    elsewhere = elsewhere + 1;
  }
}

// Kernels of oneDNN move the stack pointer: a handler that ran meanwhile would write over the heap.
TEST(Gemm, NoSignalIsHandledWithinAProduct) {
  pthread_attr_t attributes;
  void* begin = nullptr;
  std::size_t size = 0;
  ASSERT_EQ(pthread_getattr_np(pthread_self(), &attributes), 0);
  ASSERT_EQ(pthread_attr_getstack(&attributes, &begin, &size), 0);
  pthread_attr_destroy(&attributes);
  stack_begin = static_cast<const char*>(begin);
  stack_end = stack_begin + size;
  struct sigaction action{}, before{};
  action.sa_handler = look_where_i_am;
  action.sa_flags = SA_RESTART;
  ASSERT_EQ(sigaction(SIGALRM, &action, &before), 0);
  const itimerval every{{0, 200}, {0, 200}}, never{};
  ASSERT_EQ(setitimer(ITIMER_REAL, &every, nullptr), 0);
  // Products of few rows, which oneDNN divides, and of many, which we do.
  const Matrix a = random_matrix(16, 1024, 1), b = random_matrix(1024, 64, 2);
  const Matrix tall = random_matrix(1000, 128, 3), wide = random_matrix(128, 64, 4);
  Matrix c(16, 64), d(1000, 64);
  while (handled + elsewhere < 100) {
    gemm(Transpose::no, Transpose::no, 1.0F, a, b, 0.0F, c);
    gemm(Transpose::no, Transpose::no, 1.0F, tall, wide, 0.0F, d);
  }
  setitimer(ITIMER_REAL, &never, nullptr);
  sigaction(SIGALRM, &before, nullptr);
  EXPECT_EQ(elsewhere, 0);
}

// c = a · b, so da = dc · bᵀ and db = aᵀ · dc: the two calls that every backward pass is made of.
TEST(Gemm, GradientsMatchFiniteDifferences) {
  for (const std::size_t inner : kOddSizes) {
    Matrix a = random_matrix(7, inner, 1);
    Matrix b = random_matrix(inner, 17, 2);
    const Matrix dc = random_matrix(7, 17, 3);
    Matrix da(7, inner), db(inner, 17), c(7, 17);
    gemm(Transpose::no, Transpose::yes, 1.0F, dc, b, 0.0F, da);
    gemm(Transpose::yes, Transpose::no, 1.0F, a, dc, 0.0F, db);
    const auto loss = [&] {
      gemm(Transpose::no, Transpose::no, 1.0F, a, b, 0.0F, c);
      return testing::weighted_sum(dc, c);
    };
    testing::expect_gradient(a, da, loss, 1e-4, 0.5F);
    testing::expect_gradient(b, db, loss, 1e-4, 0.5F);
  }
}

}  // namespace
}  // namespace tessera
