#pragma once
#include <cstdint>
#include <span>

namespace tessera {

/// Adam (Kingma and Ba 2015, algorithm 1).
struct AdamSettings {
  float learning_rate = 1e-3F;
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float epsilon = 1e-8F;
};

/// One update of `value` and its moments m and v; `step` counts from 1.
void adam_update(const AdamSettings& settings, std::uint64_t step, std::span<const float> grad,
                 std::span<float> m, std::span<float> v, std::span<float> value);

}  // namespace tessera
