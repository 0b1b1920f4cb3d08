#include "tokenize/additive_codes.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "base/parallel.h"
#include "kernels/elementwise.h"
#include "kernels/gemm.h"

namespace tessera {
namespace {

constexpr std::size_t kProducts = 8U << 20;  // floats held at a time

// The columns that two codebooks share, as the first of them counts its own.
MatrixView<const float> shared_columns(const TokenBook& of, const TokenBook& with) {
  const std::size_t from = std::max(of.column, with.column);
  const std::size_t end = std::min(of.column + of.rows.cols(), with.column + with.rows.cols());
  if (from >= end) return {};
  return of.rows.view().col_block(from - of.column, end - from);
}

}  // namespace

// The search for one row: partial tuples and the errors of what they stand for.
struct AdditiveCodes::Search {
  explicit Search(const AdditiveCodes& of) : codes(of) {}

  const AdditiveCodes& codes;
  std::vector<float> costs;                 // [partials, codes of the level]
  std::vector<std::int32_t> order;          // places in `costs`
  std::vector<std::int32_t> partial, next;  // [partials, levels]
  std::vector<float> errors, next_errors;   // [partials]

  // What each code of the level would add to the error of a partial tuple.
  void fill_costs(const float* products, std::size_t level, std::size_t at) {
    const std::size_t levels = codes.levels(), k = codes.codes(level);
    float* cost = costs.data() + at * k;
    std::copy_n(products + codes.begins_[level], k, cost);
    for (std::size_t m = 0; m < level; ++m) {
      const Matrix& cross = codes.cross_[level * levels + m];
      if (cross.size() == 0) continue;
      const float* row = cross[static_cast<std::size_t>(partial[at * levels + m])];
      for (std::size_t c = 0; c < k; ++c) cost[c] -= row[c];
    }
    const float* squares = codes.squares_.data() + codes.begins_[level];
    for (std::size_t c = 0; c < k; ++c) cost[c] = squares[c] - 2.0F * cost[c];
  }

  // The code of the largest cosine with what is left over, of one partial tuple's costs.
  std::int32_t most_alike(std::size_t level) const {
    const float* squares = codes.squares_.data() + codes.begins_[level];
    std::int32_t best = 0;
    float largest = -HUGE_VALF;
    for (std::size_t c = 0; c < codes.codes(level); ++c) {
      if (squares[c] <= 0.0F) continue;
      const float cosine = (squares[c] - costs[c]) / std::sqrt(squares[c]);
      if (cosine <= largest) continue;
      largest = cosine;
      best = static_cast<std::int32_t>(c);
    }
    return best;
  }

  // Every level with the best `beam` partial tuples; the `results` best whole ones stay in
  // `partial`, best first. `products` are those of the row, `square` its squared length.
  void run(const float* products, float square, std::size_t beam, std::size_t results,
           bool by_cosine) {
    const std::size_t levels = codes.levels();
    partial.assign(levels, 0);
    errors.assign(1, square);
    for (std::size_t level = 0; level < levels; ++level) {
      const std::size_t k = codes.codes(level), count = errors.size() * k;
      costs.resize(count);
      for (std::size_t at = 0; at < errors.size(); ++at) {
        fill_costs(products, level, at);
        for (std::size_t c = 0; c < k && errors.size() > 1; ++c) costs[at * k + c] += errors[at];
      }
      if (beam == 1) {
        const bool cosine = by_cosine && codes.books_[level].distance == Distance::cosine;
        const auto code = cosine
                              ? most_alike(level)
                              : static_cast<std::int32_t>(
                                    std::min_element(costs.begin(), costs.end()) - costs.begin());
        partial[level] = code;
        errors[0] += costs[static_cast<std::size_t>(code)];
        continue;
      }
      if (errors.size() == 1) {
        for (float& cost : costs) cost += errors[0];
      }
      keep_best(level, std::min(level + 1 < levels ? beam : results, count));
    }
  }

  // The places of the cheapest costs, cheapest first, of equal ones the first. What is no cheaper
  // than the dearest of `keep` earlier ones needs no place.
  void find_cheapest(std::size_t keep) {
    const auto cheaper = [&](std::int32_t a, std::int32_t b) {
      const float x = costs[static_cast<std::size_t>(a)], y = costs[static_cast<std::size_t>(b)];
      return x != y ? x < y : a < b;
    };
    const auto end = static_cast<std::ptrdiff_t>(keep);
    const std::size_t room = 2 * keep + 64;
    float bound = HUGE_VALF;
    order.clear();
    for (std::size_t i = 0; i < costs.size(); ++i) {
      if (costs[i] >= bound) continue;
      order.push_back(static_cast<std::int32_t>(i));
      if (order.size() < room) continue;
      std::nth_element(order.begin(), order.begin() + end - 1, order.end(), cheaper);
      order.resize(keep);
      bound = costs[static_cast<std::size_t>(order.back())];
    }
    std::nth_element(order.begin(), order.begin() + end - 1, order.end(), cheaper);
    order.resize(keep);
    std::ranges::sort(order, cheaper);
  }

  void keep_best(std::size_t level, std::size_t keep) {
    const std::size_t levels = codes.levels(), k = codes.codes(level);
    find_cheapest(keep);
    next.resize(keep * levels);
    next_errors.resize(keep);
    for (std::size_t i = 0; i < keep; ++i) {
      const auto place = static_cast<std::size_t>(order[i]);
      std::copy_n(partial.data() + place / k * levels, level, next.data() + i * levels);
      next[i * levels + level] = static_cast<std::int32_t>(place % k);
      next_errors[i] = costs[place];
    }
    std::swap(partial, next);
    std::swap(errors, next_errors);
  }

  std::vector<CodeTuple> tuples() const {
    std::vector<CodeTuple> found(errors.size());
    const auto levels = static_cast<std::ptrdiff_t>(codes.levels());
    auto begin = partial.begin();
    for (std::size_t i = 0; i < found.size(); ++i, begin += levels) {
      found[i] = {{begin, begin + levels}, errors[i]};
    }
    return found;
  }
};

AdditiveCodes::AdditiveCodes(std::vector<TokenBook> books, std::size_t dims)
    : books_(std::move(books)), dims_(dims), begins_{0} {
  for (const TokenBook& book : books_) {
    begins_.push_back(begins_.back() + book.rows.rows());
    for (std::size_t c = 0; c < book.rows.rows(); ++c) {
      const std::span<const float> row = book.rows.view().row(c);
      squares_.push_back(dot(row, row));
    }
  }
  cross_.resize(levels() * levels());
  for (std::size_t l = 0; l < levels(); ++l) {
    for (std::size_t m = 0; m < l; ++m) {
      const MatrixView<const float> earlier = shared_columns(books_[m], books_[l]);
      if (earlier.cols == 0) continue;
      Matrix& cross = cross_[l * levels() + m] = Matrix(codes(m), codes(l));
      gemm(Transpose::no, Transpose::yes, 1.0F, earlier, shared_columns(books_[l], books_[m]), 0.0F,
           cross);
    }
  }
}

double AdditiveCodes::tuples() const {
  double product = 1.0;
  for (std::size_t l = 0; l < levels(); ++l) product *= static_cast<double>(codes(l));
  return product;
}

void AdditiveCodes::multiply(MatrixView<const float> z, MatrixView<float> products) const {
  for (std::size_t l = 0; l < levels(); ++l) {
    gemm(Transpose::no, Transpose::yes, 1.0F, z.col_block(books_[l].column, books_[l].rows.cols()),
         books_[l].rows, 0.0F, products.col_block(begins_[l], codes(l)));
  }
}

template <class Body>
void AdditiveCodes::search_rows(MatrixView<const float> z, std::size_t beam, std::size_t results,
                                bool by_cosine, const Body& body) const {
  if (beam == 0) throw std::logic_error("a beam holds one sum or more");
  const std::size_t block =
      std::clamp<std::size_t>(kProducts / begins_.back(), 1, std::max<std::size_t>(z.rows, 1));
  Matrix products(block, begins_.back());
  for (std::size_t first = 0; first < z.rows; first += block) {
    const std::size_t count = std::min(block, z.rows - first);
    multiply(z.row_block(first, count), products.view().row_block(0, count));
    parallel_for(count, 16, [&](std::size_t begin, std::size_t end) {
      Search search(*this);
      for (std::size_t i = begin; i < end; ++i) {
        const std::span<const float> row = z.row(first + i);
        search.run(products[i], dot(row, row), beam, results, by_cosine);
        body(first + i, search);
      }
    });
  }
}

void AdditiveCodes::encode(MatrixView<const float> z, std::size_t beam,
                           MatrixView<std::int32_t> found) const {
  search_rows(z, beam, 1, true, [&](std::size_t i, const Search& search) {
    std::copy_n(search.partial.data(), levels(), found[i]);
  });
}

void AdditiveCodes::decode(std::span<const std::int32_t> found, std::size_t first,
                           std::span<float> z) const {
  std::ranges::fill(z, 0.0F);
  for (std::size_t l = 0; l < first; ++l) {
    const TokenBook& book = books_[l];
    const float* row = book.rows[static_cast<std::size_t>(found[l])];
    for (std::size_t c = 0; c < book.rows.cols(); ++c) z[book.column + c] += row[c];
  }
}

std::vector<CodeTuple> AdditiveCodes::nearest(std::span<const float> z, std::size_t width) const {
  return std::move(nearest(MatrixView<const float>(z.data(), 1, z.size()), width).front());
}

std::vector<std::vector<CodeTuple>> AdditiveCodes::nearest(MatrixView<const float> z,
                                                           std::size_t width) const {
  std::vector<std::vector<CodeTuple>> found(z.rows);
  search_rows(z, width, width, false,
              [&](std::size_t i, const Search& search) { found[i] = search.tuples(); });
  return found;
}

}  // namespace tessera
