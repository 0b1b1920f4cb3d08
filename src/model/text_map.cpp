#include "model/text_map.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "kernels/gemm.h"
#include "kernels/rows.h"

namespace tessera {
namespace {

using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
constexpr float kMapRidge = 1.0F;  // beside texts of unit length

Eigen::Map<Rows> as_eigen(Matrix& matrix) {
  return {matrix.span().data(), static_cast<Eigen::Index>(matrix.rows()),
          static_cast<Eigen::Index>(matrix.cols())};
}

// The least-squares map, with a ridge.
Matrix regress(MatrixView<const float> text, MatrixView<const float> factors,
               std::span<const std::int32_t> items, const Ranks& ranks) {
  const std::size_t inputs = text.cols + 1;
  Matrix x(items.size(), inputs), y(items.size(), factors.cols);
  gather_rows(text, items, x.view().col_block(0, text.cols));
  for (std::size_t i = 0; i < items.size(); ++i) x[i][text.cols] = 1.0F;
  gather_rows(factors, items, y);
  Matrix gram(inputs, inputs), map(inputs, factors.cols);
  gemm(Transpose::yes, Transpose::no, 1.0F, x, x, 0.0F, gram);
  gemm(Transpose::yes, Transpose::no, 1.0F, x, y, 0.0F, map);
  all_reduce(ranks, gram.span());
  all_reduce(ranks, map.span());
  for (std::size_t i = 0; i < inputs; ++i) gram[i][i] += kMapRidge;
  as_eigen(map) = as_eigen(gram).ldlt().solve(as_eigen(map)).eval();
  return map;
}

void lengthen(Matrix& map, MatrixView<const float> text, MatrixView<const float> factors,
              std::span<const std::int32_t> items, const Ranks& ranks) {
  std::vector<float> predicted(factors.cols);
  double squares[] = {0.0, 0.0};  // that the map predicts, and that are wanted
  for (const std::int32_t item : items) {
    const auto i = static_cast<std::size_t>(item);
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
                    std::span<const std::int32_t> items, const Ranks& ranks) {
  Matrix map = regress(text, factors, items, ranks);
  lengthen(map, text, factors, items, ranks);
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
