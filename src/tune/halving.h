#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace tessera {

// Successive halving (Jamieson and Talwalkar 2016), with a reduction factor of three as Hyperband
// has it (Li et al. 2018). Trials come in brackets. Those of a bracket train for a ninth of their
// epochs, the best third of them for a third, and the best third of these to their end.

inline constexpr std::size_t kReduction = 3;
inline constexpr std::size_t kRungs = 3;
/// Trials of a bracket, at most: one is left for the last rung.
inline constexpr std::size_t kBracket = 9;

/// After how many of its epochs a trial is compared, on this rung (from 0); the last has them all.
std::size_t rung_epochs(std::size_t rung, std::size_t epochs);

/// Which of the trials with these values go on: the best third, at least one, of equals the first;
/// ascending. Those without a value failed, and never do.
std::vector<std::size_t> promoted(std::span<const std::optional<double>> values);

}  // namespace tessera
