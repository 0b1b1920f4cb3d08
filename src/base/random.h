#pragma once
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <numbers>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace tessera {

/// SplitMix64's finaliser (Steele et al. 2014): a bijection that mixes all 64 bits.
constexpr std::uint64_t mix_bits(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

/// A small random stream (SplitMix64). A stream is named by its seed and a path of numbers, such as
/// (purpose, epoch, step), so that work can resume anywhere without stored generator state.
class Random {
 public:
  explicit Random(std::uint64_t seed, std::initializer_list<std::uint64_t> path = {})
      : state_(mix_bits(seed)) {
    // Seed and parts must enter differently: mixed alike, (1, 2) and (2, 1) would be one stream.
    for (const std::uint64_t part : path) state_ = mix_bits(state_ + part);
  }
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t x = state_;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
  }
  /// Uniform in [0, bound), bound > 0 (Lemire's multiplication; bias below 2^-64 × bound).
  std::uint64_t below(std::uint64_t bound) {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
  }
  /// Uniform in [0, 1).
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  /// Standard normal (Box and Muller).
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * uniform());
  }
  /// Fisher and Yates.
  template <class T>
  void shuffle(std::span<T> values) {
    for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[below(i)]);
  }
  /// A random order of 0 … n-1.
  std::vector<std::int32_t> permutation(std::size_t n) {
    std::vector<std::int32_t> order(n);
    std::iota(order.begin(), order.end(), 0);
    shuffle(std::span(order));
    return order;
  }

 private:
  std::uint64_t state_;
};

}  // namespace tessera
