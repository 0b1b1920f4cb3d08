#include "ranks/ranks.h"

#include <algorithm>

#include "base/progress.h"
#include "base/random.h"

namespace tessera {
namespace {

template <class Work>
void counted(const Ranks& ranks, double bytes, const Work& work) {
  const Stopwatch watch;
  work();
  if (ranks.traffic == nullptr) return;
  ranks.traffic->seconds += watch.seconds();
  ranks.traffic->bytes += bytes;
}

// What a ring sends of a sum.
double ring_bytes(const Ranks& ranks, std::size_t bytes) {
  const auto size = static_cast<double>(ranks.size);
  return 2.0 * (size - 1.0) / size * static_cast<double>(bytes);
}

}  // namespace

void all_reduce(const Ranks& ranks, std::span<float> values) {
  if (ranks.size == 1) return;
  counted(ranks, ring_bytes(ranks, values.size_bytes()), [&] { ranks.links.add_floats(values); });
}

void all_reduce(const Ranks& ranks, std::span<double> values) {
  if (ranks.size == 1) return;
  counted(ranks, ring_bytes(ranks, values.size_bytes()), [&] { ranks.links.add_doubles(values); });
}

void all_reduce(const Ranks& ranks, std::span<const std::span<float>> arrays, StepArena& arena) {
  constexpr std::size_t kLarge = 1U << 15;
  if (ranks.size == 1) return;
  std::size_t small = 0;
  for (const std::span<float> array : arrays) small += array.size() < kLarge ? array.size() : 0;
  const std::span<float> packed = arena.take<float>(small);
  auto at = packed.begin();
  for (const std::span<float> array : arrays) {
    if (array.size() >= kLarge) {
      all_reduce(ranks, array);
    } else {
      at = std::ranges::copy(array, at).out;
    }
  }
  all_reduce(ranks, packed);
  std::size_t from = 0;
  for (const std::span<float> array : arrays) {
    if (array.size() >= kLarge) continue;
    std::ranges::copy(packed.subspan(from, array.size()), array.begin());
    from += array.size();
  }
}

void broadcast(const Ranks& ranks, std::span<std::byte> bytes) {
  if (ranks.size == 1) return;
  counted(ranks, static_cast<double>(bytes.size()), [&] { ranks.links.broadcast(bytes); });
}

std::uint64_t seed_of_rank(const Ranks& ranks, std::uint64_t seed) {
  return ranks.size == 1 ? seed : Random(seed, {ranks.rank}).next();
}

void detail::all_to_all(const Ranks& ranks, Ranks::Out out, Ranks::In in) {
  double bytes = 0;
  for (std::size_t r = 0; r < out.size(); ++r) {
    if (r != ranks.rank) bytes += static_cast<double>(out[r].size());
  }
  counted(ranks, bytes, [&] { ranks.links.all_to_all(out, in); });
}

}  // namespace tessera
