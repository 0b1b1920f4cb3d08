#pragma once
#include <vector>

#include "nn/kmeans.h"

namespace tessera {

/// One codebook. A code adds its row to the columns [column, column + dims) of the vector that is
/// put together: the levels of a residual quantizer add to all columns, the parts of a product
/// quantizer each to its own.
struct TokenBook {
  Distance distance = Distance::euclidean;
  std::size_t column = 0;
  Matrix rows;  ///< [codes, dims]; of unit norm only where whoever made it says so
};

/// A tuple of codes and the squared error of what it stands for.
struct CodeTuple {
  std::vector<std::int32_t> codes;
  float error = 0;
};

/// Vectors as sums of rows, one of each codebook. Inner products of rows with each other are known
/// beforehand, so that a vector is compared with all rows once, whatever the search.
class AdditiveCodes {
 public:
  AdditiveCodes() = default;
  explicit AdditiveCodes(std::vector<TokenBook> books, std::size_t dims);

  std::size_t levels() const { return books_.size(); }
  std::size_t dims() const { return dims_; }
  const std::vector<TokenBook>& books() const { return books_; }
  std::size_t codes(std::size_t level) const { return books_[level].rows.rows(); }
  /// Of all tuples, as a double: there may be more than any integer holds.
  double tuples() const;

  /// codes [n, levels] of the rows of z [n, dims], level by level: at each the `beam` best sums so
  /// far go on (with beam 1 the nearest row of what is left over). By cosine the row of the largest
  /// cosine is taken, and beam must be 1. The same for a row whatever stands around it, but for the
  /// last bits of inner products.
  void encode(MatrixView<const float> z, std::size_t beam, MatrixView<std::int32_t> codes) const;
  /// The sum of the rows of the first `levels` codes.
  void decode(std::span<const std::int32_t> codes, std::size_t levels, std::span<float> z) const;
  /// Some of the tuples nearest to z by Euclidean distance, nearest first: what a beam of this
  /// width finds, and every tuple where the width reaches their number.
  std::vector<CodeTuple> nearest(std::span<const float> z, std::size_t width) const;
  /// The same for each row of z, by all threads.
  std::vector<std::vector<CodeTuple>> nearest(MatrixView<const float> z, std::size_t width) const;

 private:
  /// Inner products of rows of z with every row of every codebook, [n, Σ codes].
  void multiply(MatrixView<const float> z, MatrixView<float> products) const;
  struct Search;
  /// Calls body(i, search) for the rows of z, once the `results` best tuples of row i are found.
  template <class Body>
  void search_rows(MatrixView<const float> z, std::size_t beam, std::size_t results, bool by_cosine,
                   const Body& body) const;

  std::vector<TokenBook> books_;
  std::size_t dims_ = 0;
  std::vector<std::size_t> begins_;  ///< of each level's codes among all; and their number
  std::vector<float> squares_;       ///< [Σ codes], squared lengths
  std::vector<Matrix> cross_;  ///< [level · levels + earlier]: [earlier's codes, level's codes]
};

}  // namespace tessera
