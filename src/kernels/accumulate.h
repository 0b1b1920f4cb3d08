#pragma once
#include <span>

namespace tessera {

/// sums[i] += scale · x[i], in double precision.
void accumulate_scaled(double scale, std::span<const float> x, std::span<double> sums);
void accumulate_scaled(double scale, std::span<const double> x, std::span<double> sums);

}  // namespace tessera
