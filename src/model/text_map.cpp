#include "model/text_map.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "kernels/gemm.h"

namespace tessera {
namespace {

using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
constexpr float kMapRidge = 1.0F;  // beside texts of unit length

Eigen::Map<Rows> as_eigen(Matrix& matrix) {
  return {matrix.span().data(), static_cast<Eigen::Index>(matrix.rows()),
          static_cast<Eigen::Index>(matrix.cols())};
}

// The least-squares map, with a ridge.
Matrix regress(MatrixView<const float> text, MatrixView<const float> factors, const Ranks& ranks) {
  const std::size_t inputs = text.cols + 1;
  Matrix x(text.rows, inputs);
  for (std::size_t i = 0; i < text.rows; ++i) {
    std::ranges::copy(text.row(i), x[i]);
    x[i][text.cols] = 1.0F;
  }
  Matrix gram(inputs, inputs), map(inputs, factors.cols);
  gemm(Transpose::yes, Transpose::no, 1.0F, x, x, 0.0F, gram);
  gemm(Transpose::yes, Transpose::no, 1.0F, x, factors, 0.0F, map);
  all_reduce(ranks, gram.span());
  all_reduce(ranks, map.span());
  for (std::size_t i = 0; i < inputs; ++i) gram[i][i] += kMapRidge;
  as_eigen(map) = as_eigen(gram).ldlt().solve(as_eigen(map)).eval();
  return map;
}

void lengthen(Matrix& map, MatrixView<const float> text, MatrixView<const float> factors,
              const Ranks& ranks) {
  std::vector<float> predicted(factors.cols);
  double squares[] = {0.0, 0.0};  // that the map predicts, and that are wanted
  for (std::size_t i = 0; i < text.rows; ++i) {
    predict_factors(map, text.row(i), predicted);
    squares[0] += squared_length(predicted);
    squares[1] += squared_length(factors.row(i));
  }
  all_reduce(ranks, std::span(squares));
  if (squares[0] == 0.0) return;
  const auto scale = static_cast<float>(std::sqrt(squares[1] / squares[0]));
  for (float& weight : map.span()) weight *= scale;
}

}  // namespace

Matrix fit_text_map(MatrixView<const float> text, MatrixView<const float> factors,
                    const Ranks& ranks) {
  Matrix map = regress(text, factors, ranks);
  lengthen(map, text, factors, ranks);
  return map;
}

void predict_factors(const Matrix& map, std::span<const float> text, std::span<float> factors) {
  std::copy_n(map[map.rows() - 1], factors.size(), factors.data());
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (std::size_t d = 0; d < factors.size(); ++d) factors[d] += text[i] * map[i][d];
  }
}

double squared_length(std::span<const float> row) {
  double sum = 0.0;
  for (const float x : row) sum += double{x} * x;
  return sum;
}

}  // namespace tessera
