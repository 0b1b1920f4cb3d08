#include "bench/machine.h"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <thread>

#include "base/files.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "kernels/elementwise.h"
#include "kernels/gemm.h"

namespace tessera {

std::string cpu_name() {
  std::string name = "unknown CPU";
  if (!fs::exists("/proc/cpuinfo")) return name;
  for_each_line(read_file("/proc/cpuinfo"), [&](std::string_view line, std::size_t) {
    constexpr std::string_view kKey = "model name";
    const std::size_t colon = line.find(": ");
    if (line.starts_with(kKey) && colon != std::string_view::npos) name = line.substr(colon + 2);
  });
  return name;
}

double measure_gemm_peak() {
  constexpr std::size_t n = 1024;
  Matrix a(n, n);
  Matrix b(n, n);
  Matrix c(n, n);
  std::ranges::fill(a.span(), 0.5F);
  std::ranges::fill(b.span(), 0.25F);
  double best = 0.0;
  for (int run = 0; run < 20; ++run) {
    const Stopwatch watch;
    gemm(Transpose::no, Transpose::no, 1.0F, a, b, 0.0F, c);
    best = std::max(best, 2.0 * n * n * n / watch.seconds() / 1e9);
  }
  return best;
}

namespace {

double read_bandwidth() {
  const Matrix memory(std::size_t{1} << 14, std::size_t{1} << 12);  // 256 MiB
  const std::span<const float> all = memory.span();
  double best = 0.0;
  volatile float sink = 0.0F;
  for (int run = 0; run < 5; ++run) {
    const Stopwatch watch;
    sink = sink + dot(all.first(all.size() / 2), all.last(all.size() / 2));
    best = std::max(best, static_cast<double>(all.size_bytes()) / watch.seconds() / 1e9);
  }
  return best;
}

}  // namespace

Machine measure_machine() {
  return {cpu_name(),
          std::thread::hardware_concurrency(),
          static_cast<std::size_t>(thread_count()),
          measure_gemm_peak(),
          read_bandwidth(),
          kernel_paths()};
}

}  // namespace tessera
