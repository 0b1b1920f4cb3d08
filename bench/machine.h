#pragma once
#include <cstddef>
#include <string>

#include "kernels/paths.h"

namespace tessera {

/// What figures depend on, and what they are to be held against.
struct Machine {
  std::string cpu;
  std::size_t cpus = 0;           ///< that this process may use
  std::size_t threads = 0;        ///< that it does use
  double gemm_peak_gflops = 0;    ///< single precision, 1024³, all threads
  double read_bandwidth_gbs = 0;  ///< one thread summing memory far larger than the caches, GB/s
  KernelPaths paths;
};

/// As the system calls it, or "unknown CPU".
std::string cpu_name();

/// Takes about a second.
Machine measure_machine();

/// The best GFLOP/s of a large sgemm with the threads set now.
double measure_gemm_peak();

}  // namespace tessera
