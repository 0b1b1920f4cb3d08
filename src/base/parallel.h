#pragma once
#include <omp.h>

#include <algorithm>
#include <cstddef>

#include "base/held_signals.h"

namespace tessera {

/// Threads that parallel loops and GEMM use.
inline int thread_count() { return omp_get_max_threads(); }

/// Sets the number of threads and, where the process may use exactly as many CPUs as that, pins one
/// to each: unpinned threads can be packed onto one core for a long while. `threads` 0: all CPUs.
void set_threads(int threads);

/// Makes the calling thread one that works by itself: its parallel loops and GEMM use no other
/// thread, and it may run on every CPU of the process even if a pinned thread started it.
void work_alone();

/// Calls body(begin, end) for consecutive parts of [0, n), one part a thread, each at least `grain`
/// long. The parts depend on n, grain and the thread count only. `body` must not throw.
template <class Body>
void parallel_for(std::size_t n, std::size_t grain, const Body& body) {
  const std::size_t parts = std::min<std::size_t>(static_cast<std::size_t>(thread_count()),
                                                  n / std::max<std::size_t>(grain, 1));
  if (parts <= 1 || omp_in_parallel()) {
    if (n > 0) body(std::size_t{0}, n);
    return;
  }
  const HeldSignals held;
#pragma omp parallel for num_threads(static_cast<int>(parts)) schedule(static, 1)
  for (std::size_t part = 0; part < parts; ++part) body(n * part / parts, n * (part + 1) / parts);
}

}  // namespace tessera
