#pragma once
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "base/matrix.h"
#include "base/random.h"
#include "kernels/bf16.h"

/// Micro-benchmarks of the kernels, each beside the plain loop that it replaces, as the compiler
/// makes it; both on one thread and on the same memory.
namespace tessera::bench {

/// Shapes of a step on Amazon Beauty: 256 users.
inline constexpr std::size_t kUsers = 256, kPositions = 1455, kItems = 2624, kInputs = 1225;
inline constexpr std::size_t kText = 768, kItemDims = 72, kSemantic = 64, kCodes = 256;

/// Random operands, which live as long as this.
class Operands {
 public:
  Matrix& matrix(std::size_t rows, std::size_t cols) {
    Matrix& made = matrices_.emplace_back(rows, cols);
    for (float& x : made.span()) x = static_cast<float>(random_.normal());
    return made;
  }
  std::span<float> vector(std::size_t size) { return matrix(1, size).span(); }
  /// x, rounded.
  MatrixView<Bf16> brain_floats(const Matrix& x) {
    std::vector<Bf16>& made = brain_floats_.emplace_back(x.size());
    const MatrixView<Bf16> view(made.data(), x.rows(), x.cols());
    to_bf16(x, view);
    return view;
  }
  /// Numbers below `bound`.
  std::vector<std::int32_t>& numbers(std::size_t count, std::size_t bound) {
    std::vector<std::int32_t>& made = numbers_.emplace_back(count);
    for (std::int32_t& n : made) n = static_cast<std::int32_t>(random_.below(bound));
    return made;
  }
  /// Where the sequences of a step lie: kUsers of them, kPositions in all, one to ten times as long
  /// as others.
  std::vector<std::int32_t>& offsets() {
    std::vector<std::int32_t>& made = numbers(kUsers + 1, kPositions);
    made.front() = 0;
    made.back() = kPositions;
    std::ranges::sort(made);
    return made;
  }

 private:
  Random random_{1};
  std::deque<Matrix> matrices_;
  std::deque<std::vector<Bf16>> brain_floats_;
  std::deque<std::vector<std::int32_t>> numbers_;
};

/// What one call does, for the rates that are printed.
struct Work {
  double flops = 0;
  double bytes = 0;  ///< read and written
};

template <class Body>
void measure(const std::string& name, const Work& work, Body body) {
  benchmark::RegisterBenchmark(name.c_str(), [body, work](benchmark::State& state) mutable {
    for (auto _ : state) {
      body();
      benchmark::ClobberMemory();
    }
    const auto calls = static_cast<double>(state.iterations());
    if (work.flops > 0) {
      state.counters["FLOP/s"] =
          benchmark::Counter(work.flops * calls, benchmark::Counter::kIsRate);
    }
    if (work.bytes > 0) state.SetBytesProcessed(static_cast<std::int64_t>(work.bytes * calls));
  })->Unit(benchmark::kMicrosecond);
}

/// Both versions of one kernel: NAME/tessera and NAME/plain.
template <class Kernel, class Plain>
void compare(const std::string& name, const Work& work, Kernel kernel, Plain plain) {
  measure(name + "/tessera", work, kernel);
  measure(name + "/plain", work, plain);
}

void add_products(Operands& operands);
void add_rows(Operands& operands);
void add_elementwise(Operands& operands);
void add_sequences(Operands& operands);
void add_search(Operands& operands);

}  // namespace tessera::bench
