#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include "base/pages.h"

namespace tessera {

/// Alignment of every numeric buffer, in bytes: a cache line, and the widest vector.
inline constexpr std::size_t kAlignment = 64;

/// Fixed-size buffer of trivial values, aligned to kAlignment and zeroed. Move only.
template <class T>
class AlignedBuffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(std::size_t size) : size_(size) {
    if (size == 0) return;
    const std::size_t bytes = (size * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
    data_.reset(static_cast<T*>(std::aligned_alloc(kAlignment, bytes)));
    if (!data_) throw std::bad_alloc();
    prefer_huge_pages(data_.get(), bytes);
    std::fill_n(data_.get(), size, T{});
  }
  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  std::span<T> span() { return {data(), size_}; }
  std::span<const T> span() const { return {data(), size_}; }

 private:
  struct Free {
    void operator()(T* p) const { std::free(p); }
  };
  std::unique_ptr<T, Free> data_;
  std::size_t size_ = 0;
};

/// Some rows of a matrix: the first, every step-th after it, `count` of them at most.
struct RowSelection {
  std::size_t first = 0;
  std::size_t step = 1;
  std::size_t count = std::numeric_limits<std::size_t>::max();

  /// How many rows that are of a matrix of `rows`.
  std::size_t size(std::size_t rows) const {
    return std::min(rows > first ? (rows - first + step - 1) / step : 0, count);
  }
};

/// A row-major matrix that somebody else owns; rows may be further apart than they are long.
template <class T>
struct MatrixView {
  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t stride = 0;  ///< distance between rows, in elements

  MatrixView() = default;
  MatrixView(T* first, std::size_t row_count, std::size_t col_count)
      : MatrixView(first, row_count, col_count, col_count) {}
  MatrixView(T* first, std::size_t row_count, std::size_t col_count, std::size_t row_stride)
      : data(first), rows(row_count), cols(col_count), stride(row_stride) {}

  T* operator[](std::size_t row) const { return data + row * stride; }
  std::span<T> row(std::size_t row) const { return {data + row * stride, cols}; }
  std::size_t size() const { return rows * cols; }
  bool dense() const { return stride == cols; }
  /// Rows [first, first + count).
  MatrixView row_block(std::size_t first, std::size_t count) const {
    return {data + first * stride, count, cols, stride};
  }
  /// Columns [first, first + count).
  MatrixView col_block(std::size_t first, std::size_t count) const {
    return {data + first, rows, count, stride};
  }
  operator MatrixView<const T>() const { return {data, rows, cols, stride}; }  // NOLINT: view of
};

/// A dense row-major float matrix that owns its memory. Move only; `clone` copies.
class Matrix {
 public:
  Matrix() = default;
  Matrix(std::size_t rows, std::size_t cols) : buffer_(rows * cols), rows_(rows), cols_(cols) {}

  std::size_t rows() const { return rows_; }
  std::size_t cols() const { return cols_; }
  std::size_t size() const { return buffer_.size(); }
  float* operator[](std::size_t row) { return buffer_.data() + row * cols_; }
  const float* operator[](std::size_t row) const { return buffer_.data() + row * cols_; }
  std::span<float> span() { return buffer_.span(); }
  std::span<const float> span() const { return buffer_.span(); }
  MatrixView<float> view() { return {buffer_.data(), rows_, cols_}; }
  MatrixView<const float> view() const { return {buffer_.data(), rows_, cols_}; }
  operator MatrixView<float>() { return view(); }              // NOLINT: a matrix is its view
  operator MatrixView<const float>() const { return view(); }  // NOLINT: a matrix is its view
  Matrix clone() const {
    Matrix copy(rows_, cols_);
    std::copy(span().begin(), span().end(), copy.span().begin());
    return copy;
  }

 private:
  AlignedBuffer<float> buffer_;
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
};

/// Whether all numbers are 0: as the text of an item is that has none.
inline bool is_zero(std::span<const float> numbers) {
  return std::ranges::all_of(numbers, [](float x) { return x == 0.0F; });
}

}  // namespace tessera
