#pragma once
#include <omp.h>

#include <array>

namespace tessera::testing {

/// The number of threads for as long as it lives; unlike set_threads it pins none of them, so that
/// tests which run at the same time do not share a core.
class ThreadCount {
 public:
  explicit ThreadCount(int threads) { omp_set_num_threads(threads); }
  ~ThreadCount() { omp_set_num_threads(before_); }
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;

 private:
  int before_ = omp_get_max_threads();
};

/// What `compute` returns with one thread and with two.
template <class Compute>
auto with_one_and_two_threads(const Compute& compute) {
  const auto with = [&](int threads) {
    const ThreadCount count(threads);
    return compute();
  };
  return std::array{with(1), with(2)};
}

}  // namespace tessera::testing
