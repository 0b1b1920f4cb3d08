#include "tokenize/fit.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "base/random.h"
#include "kernels/elementwise.h"
#include "kernels/gemm.h"
#include "kernels/rows.h"
#include "linear/nearest_rotation.h"
#include "linear/principal_axes.h"

namespace tessera {
namespace {

using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Columns = Eigen::MatrixXd;
constexpr std::size_t kRefinements = 6;
constexpr std::size_t kMostRefinedCodes = 4096;  // whose normal equations are solved
constexpr std::size_t kRotationMeans = 3;        // rounds of k-means before each turn
constexpr double kRidge = 1e-3;  // items of a code's weight: for codes that few have

Eigen::Map<const Rows> as_eigen(const Matrix& matrix) {
  return {matrix.span().data(), static_cast<Eigen::Index>(matrix.rows()),
          static_cast<Eigen::Index>(matrix.cols())};
}

Matrix from_eigen(const Columns& values) {
  Matrix matrix(static_cast<std::size_t>(values.rows()), static_cast<std::size_t>(values.cols()));
  for (std::size_t i = 0; i < matrix.rows(); ++i) {
    for (std::size_t j = 0; j < matrix.cols(); ++j) {
      matrix[i][j] =
          static_cast<float>(values(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)));
    }
  }
  return matrix;
}

// Rows of x at places drawn without replacement as far as they go.
Matrix drawn_rows(MatrixView<const float> x, std::size_t count, Random& random) {
  const std::vector<std::int32_t> order = random.permutation(x.rows);
  Matrix rows(count, x.cols);
  for (std::size_t i = 0; i < count; ++i) {
    std::copy_n(x[static_cast<std::size_t>(order[i % order.size()])], x.cols, rows[i]);
  }
  return rows;
}

void unit_rows(Matrix& rows) {
  parallel_for(rows.rows(), 64, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const std::span<float> row = rows.view().row(i);
      const float length = std::sqrt(dot(row, row));
      for (float& value : row) value = length > 0.0F ? value / length : 0.0F;
    }
  });
}

// Moves centres to the means of the rows that have them as codes; one that nobody has stays.
void to_means_of(MatrixView<const float> rows, std::span<const std::int32_t> codes,
                 Matrix& centres) {
  Matrix sums(centres.rows(), centres.cols());
  std::vector<float> counts(centres.rows());
  scatter_add_rows(rows, codes, sums);
  for (const std::int32_t code : codes) counts[static_cast<std::size_t>(code)] += 1.0F;
  for (std::size_t c = 0; c < centres.rows(); ++c) {
    if (counts[c] == 0.0F) continue;
    for (std::size_t j = 0; j < centres.cols(); ++j) centres[c][j] = sums[c][j] / counts[c];
  }
}

// k-means from these centres.
void run_kmeans(MatrixView<const float> x, Distance distance, std::size_t rounds, Matrix& centres) {
  const std::vector<float> weights(x.rows, 1.0F);
  Matrix sums(centres.rows(), centres.cols());
  std::vector<float> counts(centres.rows());
  move_to_means(x, weights, distance, rounds, EmptyCentre::splits_largest, {centres, sums, counts});
}

// A level's codebook, and x becomes what it leaves over. By cosine codes go by direction, and a row
// is the mean of what has its code: of unit length it would be longer than most residuals.
TokenBook fit_level(Matrix& x, std::size_t size, Distance distance, std::size_t rounds,
                    Random& random) {
  std::vector<std::int32_t> codes(x.rows());
  TokenBook book{distance, 0, {}};
  StepArena arena;
  if (distance == Distance::cosine) {
    Matrix directions = x.clone();
    unit_rows(directions);
    book.rows = drawn_rows(directions, size, random);
    run_kmeans(directions, distance, rounds, book.rows);
    nearest_centres(directions, book.rows, distance, codes.data(), 1, arena);
    to_means_of(x, codes, book.rows);
  } else {
    book.rows = drawn_rows(x, size, random);
    run_kmeans(x, distance, rounds, book.rows);
    nearest_centres(x, book.rows, distance, codes.data(), 1, arena);
  }
  parallel_for(x.rows(), 64, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const float* row = book.rows[static_cast<std::size_t>(codes[i])];
      for (std::size_t j = 0; j < x.cols(); ++j) x[i][j] -= row[j];
    }
  });
  return book;
}

// All codebooks at once, by least squares, from the codes that rows have: what k-means level by
// level leaves is not the best that these codes could stand for.
void solve_books(const Matrix& x, const IntMatrix& found, std::vector<TokenBook>& books) {
  std::vector<std::size_t> begins = {0};
  for (const TokenBook& book : books) begins.push_back(begins.back() + book.rows.rows());
  const auto all = static_cast<Eigen::Index>(begins.back());
  Columns gram = Columns::Zero(all, all);
  Matrix sums(begins.back(), x.cols());
  std::vector<std::int32_t> places(x.rows());
  const std::size_t levels = books.size();
  for (std::size_t l = 0; l < levels; ++l) {
    for (std::size_t i = 0; i < x.rows(); ++i) {
      const std::span<const std::int32_t> codes = found.row(i);
      places[i] = static_cast<std::int32_t>(begins[l]) + codes[l];
      for (std::size_t m = 0; m < levels; ++m) {
        gram(places[i], static_cast<Eigen::Index>(begins[m]) + codes[m]) += 1.0;
      }
    }
    scatter_add_rows(x, places, sums);
  }
  // The ridge draws towards the rows there were: codes that nobody has stay where they are.
  Columns right = as_eigen(sums).cast<double>();
  for (Eigen::Index i = 0; i < all; ++i) gram(i, i) += kRidge;
  for (std::size_t l = 0; l < levels; ++l) {
    right.middleRows(static_cast<Eigen::Index>(begins[l]),
                     static_cast<Eigen::Index>(books[l].rows.rows())) +=
        kRidge * as_eigen(books[l].rows).cast<double>();
  }
  const Columns solved = gram.ldlt().solve(right);
  for (std::size_t l = 0; l < levels; ++l) {
    books[l].rows = from_eigen(solved.middleRows(static_cast<Eigen::Index>(begins[l]),
                                                 static_cast<Eigen::Index>(books[l].rows.rows())));
  }
}

std::vector<TokenBook> copy_of(const std::vector<TokenBook>& books) {
  std::vector<TokenBook> copy;
  for (const TokenBook& book : books) {
    copy.push_back({book.distance, book.column, book.rows.clone()});
  }
  return copy;
}

bool is_refined(const TokenizerOptions& options, std::span<const Distance> distances) {
  std::size_t codes = 0;
  for (const std::size_t size : options.sizes) codes += size;
  return codes <= kMostRefinedCodes && distances.size() > 1 &&
         std::ranges::count(distances, Distance::cosine) == 0;
}

// The columns of each part, [begin, end).
std::size_t part_begin(std::size_t dims, std::size_t part, std::size_t parts) {
  return dims * part / parts;
}

std::vector<TokenBook> drawn_parts(const Matrix& x, const TokenizerOptions& options) {
  Random random(options.seed, {1});
  std::vector<TokenBook> books;
  const std::size_t parts = options.sizes.size();
  for (std::size_t p = 0; p < parts; ++p) {
    const std::size_t begin = part_begin(x.cols(), p, parts);
    const std::size_t width = part_begin(x.cols(), p + 1, parts) - begin;
    books.push_back({Distance::euclidean, begin,
                     drawn_rows(x.view().col_block(begin, width), options.sizes[p], random)});
  }
  return books;
}

void move_parts(const Matrix& x, std::size_t rounds, TokenBook& book) {
  Matrix columns(x.rows(), book.rows.cols());
  copy_rows(x.view().col_block(book.column, columns.cols()), columns);
  run_kmeans(columns, Distance::euclidean, rounds, book.rows);
}

// Principal axes as columns, those of a part side by side: the axis of the next largest variance
// goes to the part whose product of variances is the smallest so far.
Matrix dealt_axes(const Matrix& x, std::size_t parts) {
  const PrincipalAxes found = principal_axes_of(x);
  const double floor = std::max(found.variances[0], 1e-30) * 1e-9;
  std::vector<double> products(parts, 0.0);  // logarithms
  std::vector<std::size_t> filled(parts);
  Matrix axes(x.cols(), x.cols());
  for (std::size_t a = 0; a < x.cols(); ++a) {
    std::size_t chosen = parts;
    for (std::size_t p = 0; p < parts; ++p) {
      const std::size_t room = part_begin(x.cols(), p + 1, parts) - part_begin(x.cols(), p, parts);
      if (filled[p] == room) continue;
      if (chosen == parts || products[p] < products[chosen]) chosen = p;
    }
    const std::size_t column = part_begin(x.cols(), chosen, parts) + filled[chosen]++;
    products[chosen] += std::log(std::max(found.variances[a], floor) / floor);
    for (std::size_t d = 0; d < x.cols(); ++d) {
      axes[d][column] = static_cast<float>(found.axis(a)[d]);
    }
  }
  return axes;
}

}  // namespace

std::size_t residual_steps(const TokenizerOptions& options, std::span<const Distance> distances) {
  return distances.size() + (is_refined(options, distances) ? kRefinements : 0);
}

std::vector<TokenBook> fit_residual(const Matrix& x, const TokenizerOptions& options,
                                    std::span<const Distance> distances, const Step& step) {
  Random random(options.seed, {0});
  std::vector<TokenBook> books;
  Matrix left = x.clone();
  for (std::size_t l = 0; l < distances.size(); ++l) {
    books.push_back(fit_level(left, options.sizes[l], distances[l], options.rounds, random));
    step();
  }
  if (!is_refined(options, distances)) return books;
  left = Matrix();
  IntMatrix found{x.rows(), books.size(), std::vector<std::int32_t>(x.rows() * books.size())};
  for (std::size_t round = 0; round < kRefinements; ++round) {
    const AdditiveCodes codes(copy_of(books), x.cols());
    codes.encode(x, options.beam, {found.values.data(), found.rows, found.cols});
    solve_books(x, found, books);
    step();
  }
  return books;
}

std::vector<TokenBook> fit_parts(const Matrix& x, const TokenizerOptions& options,
                                 const Step& step) {
  std::vector<TokenBook> books = drawn_parts(x, options);
  for (TokenBook& book : books) {
    move_parts(x, options.rounds, book);
    step();
  }
  return books;
}

Matrix rotated(MatrixView<const float> x, const Matrix& rotation) {
  Matrix z(x.rows, rotation.cols());
  gemm(Transpose::no, Transpose::no, 1.0F, x, rotation, 0.0F, z);
  return z;
}

Matrix fit_rotation(const Matrix& x, const TokenizerOptions& options, const Step& step) {
  Matrix rotation = dealt_axes(x, options.sizes.size());
  std::vector<TokenBook> books = drawn_parts(rotated(x, rotation), options);
  IntMatrix found{x.rows(), books.size(), std::vector<std::int32_t>(x.rows() * books.size())};
  for (std::size_t round = 0; round < kRotationRounds; ++round) {
    Matrix z = rotated(x, rotation);
    for (TokenBook& book : books) move_parts(z, kRotationMeans, book);
    const AdditiveCodes codes(copy_of(books), x.cols());
    codes.encode(z, 1, {found.values.data(), found.rows, found.cols});
    for (std::size_t i = 0; i < z.rows(); ++i) {
      codes.decode(found.row(i), found.cols, z.view().row(i));
    }
    Matrix product(x.cols(), x.cols());
    gemm(Transpose::yes, Transpose::no, 1.0F, x, z, 0.0F, product);
    rotation = from_eigen(nearest_rotation(as_eigen(product).cast<double>()));
    step();
  }
  return rotation;
}

}  // namespace tessera
