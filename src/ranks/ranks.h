#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "base/arena.h"

namespace tessera {

/// What a rank has spent on exchanges with the others, and the bytes it had to send them: of a sum
/// those of a ring (Patarasuk and Yuan 2009), 2 (ranks − 1) / ranks of the values.
struct Traffic {
  double seconds = 0;
  double bytes = 0;
};

/// The processes (ranks) that do one piece of work together. The functions below are called by
/// every rank, in the same order. For a process alone, the default, each of them is the identity
/// and copies nothing, so that whoever calls them need not ask.
struct Ranks {
  using Out = std::span<const std::span<const std::byte>>;
  using In = std::span<const std::span<std::byte>>;

  std::size_t rank = 0;
  std::size_t size = 1;

  /// How several reach each other; a process alone has none.
  struct Links {
    std::function<void(std::span<float>)> add_floats;
    std::function<void(std::span<double>)> add_doubles;
    std::function<void(std::span<std::byte>)> broadcast;
    /// out[r] goes to rank r, in[r] comes from it [size]. Sizes must match; parts of `out` may
    /// overlap.
    std::function<void(Out out, In in)> all_to_all;
  };
  Links links;
  Traffic* traffic = nullptr;  ///< where exchanges are counted, if anywhere

  bool first() const { return rank == 0; }
};
inline const Ranks kAlone;

/// Adds up the values of all ranks, in place: the same bits everywhere.
void all_reduce(const Ranks& ranks, std::span<float> values);
void all_reduce(const Ranks& ranks, std::span<double> values);
/// The same of many arrays: large ones where they lie, small ones packed, since a message costs its
/// start too. Scratch comes from the arena.
void all_reduce(const Ranks& ranks, std::span<const std::span<float>> arrays, StepArena& arena);

/// Everyone gets rank 0's bytes.
void broadcast(const Ranks& ranks, std::span<std::byte> bytes);
template <class T>
void broadcast(const Ranks& ranks, std::span<T> values) {
  broadcast(ranks, std::as_writable_bytes(values));
}

/// A seed of each rank's own, out of one that all have; a process alone keeps it.
std::uint64_t seed_of_rank(const Ranks& ranks, std::uint64_t seed);

/// What came from each rank, end to end and by rank: in the arena, or where the caller has it.
template <class T>
struct Received {
  std::span<const T> all;
  std::span<const std::span<const T>> parts;  ///< [ranks]
};

namespace detail {
void all_to_all(const Ranks& ranks, Ranks::Out out, Ranks::In in);
}

/// parts[r] goes to rank r; sizes[r] values come from it.
template <class T>
Received<T> all_to_all(const Ranks& ranks, std::span<const std::span<const T>> parts,
                       std::span<const std::size_t> sizes, StepArena& arena) {
  if (ranks.size == 1) return {parts[0], parts};
  std::size_t total = 0;
  for (const std::size_t size : sizes) total += size;
  const std::span<T> all = arena.take<T>(total);
  const auto received = arena.take<std::span<const T>>(ranks.size);
  const auto out = arena.take<std::span<const std::byte>>(ranks.size);
  const auto in = arena.take<std::span<std::byte>>(ranks.size);
  for (std::size_t r = 0, at = 0; r < ranks.size; at += sizes[r++]) {
    received[r] = all.subspan(at, sizes[r]);
    out[r] = std::as_bytes(parts[r]);
    in[r] = std::as_writable_bytes(all.subspan(at, sizes[r]));
  }
  detail::all_to_all(ranks, out, in);
  return {all, received};
}

/// parts[r] goes to rank r, whatever its size.
template <class T>
Received<T> all_to_all(const Ranks& ranks, std::span<const std::span<const T>> parts,
                       StepArena& arena) {
  if (ranks.size == 1) return {parts[0], parts};
  const auto mine = arena.take<std::size_t>(ranks.size);
  const auto each = arena.take<std::span<const std::size_t>>(ranks.size);
  const auto ones = arena.take<std::size_t>(ranks.size);
  for (std::size_t r = 0; r < ranks.size; ++r) {
    mine[r] = parts[r].size();
    each[r] = mine.subspan(r, 1);
    ones[r] = 1;
  }
  const auto sizes = all_to_all<std::size_t>(ranks, each, ones, arena).all;
  return all_to_all<T>(ranks, parts, sizes, arena);
}

/// The values of all ranks, in the order of ranks, on every rank.
template <class T>
Received<T> all_gather(const Ranks& ranks, std::span<const T> mine, StepArena& arena) {
  const auto parts = arena.take<std::span<const T>>(ranks.size);
  for (auto& part : parts) part = mine;
  return all_to_all<T>(ranks, parts, arena);
}

/// The values of all ranks, sizes[r] of rank r, on rank 0; nothing on the others.
template <class T>
Received<T> gather(const Ranks& ranks, std::span<const T> mine, std::span<const std::size_t> sizes,
                   StepArena& arena) {
  const auto parts = arena.take<std::span<const T>>(ranks.size);
  const auto expected = arena.take<std::size_t>(ranks.size);
  for (std::size_t r = 0; r < ranks.size; ++r) {
    parts[r] = r == 0 ? mine : std::span<const T>();
    expected[r] = ranks.first() ? sizes[r] : 0;
  }
  return all_to_all<T>(ranks, parts, expected, arena);
}

}  // namespace tessera
