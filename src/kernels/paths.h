#pragma once
#include <string>

namespace tessera {

/// Which of their implementations the kernels choose on this machine.
struct KernelPaths {
  std::string vectors;   ///< Highway's target: "AVX2", "SSE4", "NEON", …
  std::string scans;     ///< the first of scan_targets()
  std::string products;  ///< oneDNN's instruction set: "AVX-512 with bf16", "SSE4.1", …
  bool bf16 = false;     ///< whether brain floats are multiplied in hardware
};
KernelPaths kernel_paths();

}  // namespace tessera
