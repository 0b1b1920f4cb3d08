#pragma once
#include <algorithm>
#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "base/arena.h"
#include "base/progress.h"

namespace tessera {

/// The processes (ranks) that do one piece of work together, as plain functions. Each is called by
/// every rank, in the same order. The default is a process alone, and its functions are not called.
struct Ranks {
  using Out = std::span<const std::span<const std::byte>>;
  using In = std::span<const std::span<std::byte>>;

  std::size_t rank = 0;
  std::size_t size = 1;

  /// Adds up the values of all ranks, in place: the same bits everywhere.
  std::function<void(std::span<float>)> add_up;
  std::function<void(std::span<double>)> add_up_doubles;
  /// Everyone gets rank 0's bytes.
  std::function<void(std::span<std::byte>)> broadcast;
  /// out[r] goes to rank r, in[r] comes from it [size]. Sizes must match; parts of `out` may
  /// overlap.
  std::function<void(Out out, In in)> exchange;

  bool alone() const { return size == 1; }
  bool first() const { return rank == 0; }
};

/// What a rank has spent on exchanges with the others, and the bytes it had to send them: of a sum
/// those of a ring (Patarasuk and Yuan 2009), 2 (ranks − 1) / ranks of the values.
struct Traffic {
  double seconds = 0;
  double bytes = 0;
};
/// The same ranks, counted; `traffic` must outlive the result.
inline Ranks counted(const Ranks& ranks, Traffic& traffic) {
  Ranks result = ranks;
  const auto count = [&traffic](double bytes, const auto& work) {
    const Stopwatch watch;
    work();
    traffic.seconds += watch.seconds();
    traffic.bytes += bytes;
  };
  const double share = 2.0 * static_cast<double>(ranks.size - 1) / static_cast<double>(ranks.size);
  result.add_up = [=, add_up = ranks.add_up](std::span<float> values) {
    count(share * static_cast<double>(values.size_bytes()), [&] { add_up(values); });
  };
  result.add_up_doubles = [=, add_up = ranks.add_up_doubles](std::span<double> values) {
    count(share * static_cast<double>(values.size_bytes()), [&] { add_up(values); });
  };
  result.broadcast = [=, broadcast = ranks.broadcast](std::span<std::byte> bytes) {
    count(static_cast<double>(bytes.size()), [&] { broadcast(bytes); });
  };
  result.exchange = [=, exchange = ranks.exchange, rank = ranks.rank](Ranks::Out out,
                                                                      Ranks::In in) {
    double bytes = 0;
    for (std::size_t r = 0; r < out.size(); ++r) {
      if (r != rank) bytes += static_cast<double>(out[r].size());
    }
    count(bytes, [&] { exchange(out, in); });
  };
  return result;
}

/// What comes from each rank, end to end and by rank.
template <class T>
struct Received {
  std::span<T> all;
  std::span<std::span<T>> parts;  ///< [ranks]
};

/// parts[r] goes to rank r, whatever its length. The result lives in the arena.
template <class T>
Received<T> exchange_parts(const Ranks& ranks, std::span<const std::span<const T>> parts,
                           StepArena& arena) {
  const std::span<std::span<const std::byte>> out =
      arena.take<std::span<const std::byte>>(ranks.size);
  const std::span<std::span<std::byte>> in = arena.take<std::span<std::byte>>(ranks.size);
  const std::span<std::size_t> sizes = arena.take<std::size_t>(2 * ranks.size);
  const std::span<std::size_t> theirs = sizes.subspan(ranks.size);
  for (std::size_t r = 0; r < ranks.size; ++r) {
    sizes[r] = parts[r].size();
    out[r] = std::as_bytes(sizes.subspan(r, 1));
    in[r] = std::as_writable_bytes(theirs.subspan(r, 1));
  }
  ranks.exchange(out, in);

  std::size_t total = 0;
  for (const std::size_t size : theirs) total += size;
  Received<T> received{arena.take<T>(total), arena.take<std::span<T>>(ranks.size)};
  std::size_t at = 0;
  for (std::size_t r = 0; r < ranks.size; ++r) {
    received.parts[r] = received.all.subspan(at, theirs[r]);
    at += theirs[r];
    out[r] = std::as_bytes(parts[r]);
    in[r] = std::as_writable_bytes(received.parts[r]);
  }
  ranks.exchange(out, in);
  return received;
}

/// The values of all ranks, in the order of ranks, on every rank.
template <class T>
std::span<T> gather_all(const Ranks& ranks, std::span<const T> mine, StepArena& arena) {
  const std::span<std::span<const T>> parts = arena.take<std::span<const T>>(ranks.size);
  std::fill(parts.begin(), parts.end(), mine);
  return exchange_parts<T>(ranks, parts, arena).all;
}

}  // namespace tessera
