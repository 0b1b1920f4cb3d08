#pragma once
#include <barrier>
#include <cstring>
#include <memory>
#include <thread>

#include "base/parallel.h"
#include "ranks/ranks.h"

namespace tessera::testing {

/// Runs body(ranks) in `size` threads as the ranks of one group. Sums are made in the order of
/// ranks.
inline void run_as_ranks(std::size_t size, const std::function<void(const Ranks&)>& body) {
  struct Group {
    explicit Group(std::size_t members)
        : barrier(static_cast<std::ptrdiff_t>(members)),
          floats(members),
          doubles(members),
          bytes(members),
          out(members) {}
    std::barrier<> barrier;
    std::vector<std::span<float>> floats;
    std::vector<std::span<double>> doubles;
    std::vector<std::span<std::byte>> bytes;
    std::vector<Ranks::Out> out;
  } group(size);
  const auto add_up = [&group](auto& all, std::size_t rank, auto values) {
    all[rank] = values;
    group.barrier.arrive_and_wait();
    std::vector<typename decltype(values)::value_type> sum(values.size());
    for (const auto& part : all) {
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += part[i];
    }
    group.barrier.arrive_and_wait();
    std::ranges::copy(sum, values.begin());
    group.barrier.arrive_and_wait();
  };
  std::vector<std::jthread> threads;
  for (std::size_t r = 0; r < size; ++r) {
    threads.emplace_back([&, r] {
      work_alone();
      Ranks ranks;
      ranks.rank = r;
      ranks.size = size;
      ranks.links.add_floats = [&, r](std::span<float> values) { add_up(group.floats, r, values); };
      ranks.links.add_doubles = [&, r](std::span<double> values) {
        add_up(group.doubles, r, values);
      };
      ranks.links.broadcast = [&, r](std::span<std::byte> bytes) {
        group.bytes[r] = bytes;
        group.barrier.arrive_and_wait();
        if (r > 0) std::ranges::copy(group.bytes[0], bytes.begin());
        group.barrier.arrive_and_wait();
      };
      ranks.links.all_to_all = [&, r](Ranks::Out out, Ranks::In in) {
        group.out[r] = out;
        group.barrier.arrive_and_wait();
        for (std::size_t from = 0; from < size; ++from) {
          std::ranges::copy(group.out[from][r], in[from].begin());
        }
        group.barrier.arrive_and_wait();
      };
      body(ranks);
    });
  }
}

}  // namespace tessera::testing
