#include "index/kd_order.h"

#include <algorithm>
#include <numeric>

namespace tessera {
namespace {

// Nodes smaller than this are not worth a task of their own.
constexpr std::size_t kTask = 1 << 15;
// How many items of a node say along which axis they differ most.
constexpr std::size_t kSample = 256;

struct Key {
  float place;
  std::uint32_t row;
};

class Tree {
 public:
  Tree(const ScoringTables& tables, MatrixView<const float> ids, std::size_t block,
       std::size_t group)
      : ids_(ids),
        block_(block),
        group_(group),
        axes_(tables.id_axes.clone()),
        order_(ids.rows),
        keys_(ids.rows) {
    for (std::size_t d = 0; d < axes_.rows(); ++d) {
      for (float& x : axes_.view().row(d)) x *= tables.axis_weights[d];
    }
    std::iota(order_.begin(), order_.end(), 0U);
  }

  std::vector<std::uint32_t> order() {
    if (ids_.cols > 0) {
#pragma omp parallel
#pragma omp single
      split(0, order_.size());
    }
    return std::move(order_);
  }

 private:
  float place(std::size_t axis, std::uint32_t row) const {
    const float* direction = axes_[axis];
    const float* id = ids_[row];
    float sum = 0.0F;
    for (std::size_t i = 0; i < ids_.cols; ++i) sum += direction[i] * id[i];
    return sum;
  }

  std::size_t widest_axis(std::size_t begin, std::size_t end) const {
    const std::size_t step = std::max<std::size_t>(1, (end - begin) / kSample);
    std::size_t widest = 0;
    double most = -1.0;
    for (std::size_t axis = 0; axis < axes_.rows(); ++axis) {
      double sum = 0.0;
      double squares = 0.0;
      double count = 0.0;
      for (std::size_t i = begin; i < end; i += step) {
        const double x = place(axis, order_[i]);
        sum += x;
        squares += x * x;
        count += 1.0;
      }
      const double variance = squares / count - sum / count * (sum / count);
      if (variance > most) {
        most = variance;
        widest = axis;
      }
    }
    return widest;
  }

  void split(std::size_t begin, std::size_t end) {
    while (end - begin > group_) {
      const std::size_t leaf = end - begin > block_ ? block_ : group_;
      const std::size_t axis = widest_axis(begin, end);
      for (std::size_t i = begin; i < end; ++i) keys_[i] = {place(axis, order_[i]), order_[i]};
      const std::size_t leaves = (end - begin + leaf - 1) / leaf;
      const std::size_t middle = begin + leaves / 2 * leaf;
      const auto at = [&](std::size_t i) { return keys_.begin() + static_cast<std::ptrdiff_t>(i); };
      std::nth_element(at(begin), at(middle), at(end), [](const Key& a, const Key& b) {
        return a.place != b.place ? a.place < b.place : a.row < b.row;
      });
      for (std::size_t i = begin; i < end; ++i) order_[i] = keys_[i].row;
      if (middle - begin > kTask) {
#pragma omp task default(none) firstprivate(begin, middle)
        split(begin, middle);
      } else {
        split(begin, middle);
      }
      begin = middle;
    }
  }

  MatrixView<const float> ids_;
  std::size_t block_, group_;
  Matrix axes_;
  std::vector<std::uint32_t> order_;
  std::vector<Key> keys_;
};

}  // namespace

std::vector<std::uint32_t> kd_order(const ScoringTables& tables, MatrixView<const float> ids,
                                    std::size_t block, std::size_t group) {
  return Tree(tables, ids, block, group).order();
}

}  // namespace tessera
