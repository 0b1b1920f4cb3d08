#include "index/kd_order.h"

#include <algorithm>
#include <numeric>

#include "base/held_signals.h"

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
  Tree(MatrixView<const float> places, std::size_t branch, std::size_t leaf)
      : places_(places), branch_(branch), leaf_(leaf), order_(places.rows), keys_(places.rows) {
    std::iota(order_.begin(), order_.end(), 0U);
  }

  std::vector<std::uint32_t> order() {
    const HeldSignals held;
#pragma omp parallel
#pragma omp single
    split(0, order_.size());
    return std::move(order_);
  }

 private:
  std::size_t widest_axis(std::size_t begin, std::size_t end) const {
    const std::size_t step = std::max<std::size_t>(1, (end - begin) / kSample);
    std::vector<double> sums(places_.cols), squares(places_.cols);
    double count = 0.0;
    for (std::size_t i = begin; i < end; i += step, count += 1.0) {
      const float* place = places_[order_[i]];
      for (std::size_t axis = 0; axis < places_.cols; ++axis) {
        sums[axis] += double{place[axis]};
        squares[axis] += double{place[axis]} * double{place[axis]};
      }
    }
    for (std::size_t axis = 0; axis < places_.cols; ++axis) {
      squares[axis] -= sums[axis] / count * sums[axis];
    }
    return static_cast<std::size_t>(std::ranges::max_element(squares) - squares.begin());
  }

  void split(std::size_t begin, std::size_t end) {
    while (end - begin > leaf_) {
      const std::size_t part = end - begin > branch_ ? branch_ : leaf_;
      const std::size_t axis = widest_axis(begin, end);
      for (std::size_t i = begin; i < end; ++i) keys_[i] = {places_[order_[i]][axis], order_[i]};
      const std::size_t parts = (end - begin + part - 1) / part;
      const std::size_t middle = begin + parts / 2 * part;
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

  MatrixView<const float> places_;
  std::size_t branch_, leaf_;
  std::vector<std::uint32_t> order_;
  std::vector<Key> keys_;
};

}  // namespace

std::vector<std::uint32_t> kd_order(MatrixView<const float> places, std::size_t branch,
                                    std::size_t leaf) {
  return Tree(places, branch, leaf).order();
}

}  // namespace tessera
