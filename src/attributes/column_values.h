#pragma once
#include <memory>
#include <span>
#include <vector>

namespace tessera {

/// A column's values by item: those of a mapped file, whose pages are read as they are touched, and
/// from the first change on a copy in memory.
template <class T>
class ColumnValues {
 public:
  ColumnValues() = default;
  /// `file` keeps the values alive.
  ColumnValues(std::span<const T> values, std::shared_ptr<const void> file)
      : in_file_(values), file_(std::move(file)) {}

  std::span<const T> all() const { return file_ ? in_file_ : std::span<const T>(own_); }
  std::size_t size() const { return all().size(); }
  /// The value at a place, or another where there is none.
  T at(std::size_t place, T otherwise) const {
    const std::span<const T> values = all();
    return place < values.size() ? values[place] : otherwise;
  }
  /// `filler`: what stands before the place where nothing was.
  void set(std::size_t place, T value, T filler) {
    if (file_) {
      own_.assign(in_file_.begin(), in_file_.end());
      file_.reset();
    }
    if (place >= own_.size()) own_.resize(place + 1, filler);
    own_[place] = value;
  }

 private:
  std::vector<T> own_;
  std::span<const T> in_file_;
  std::shared_ptr<const void> file_;  // null: `own_` counts
};

}  // namespace tessera
