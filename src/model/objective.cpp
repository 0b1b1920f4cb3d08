#include "model/objective.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "base/parallel.h"
#include "kernels/gemm.h"
#include "kernels/rows.h"
#include "kernels/sampled_softmax.h"

namespace tessera {
namespace {

double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }

float sigmoid(float x) { return 1.0F / (1.0F + std::exp(-x)); }

template <class Loss>
double weighed(std::span<const Loss> losses, std::span<const float> shares) {
  return std::transform_reduce(losses.begin(), losses.end(), shares.begin(), 0.0, std::plus(),
                               [](double loss, double share) { return loss * share; });
}

}  // namespace

double binary_objective(const ObjectiveInput& input, MatrixView<float> dstates,
                        MatrixView<float> dvectors, StepArena& arena) {
  const auto& [states, vectors, positives, negatives, shares] = input;
  const std::size_t positions = states.rows;
  const std::span<float> dpositive = arena.take<float>(positions);
  const std::span<float> dnegative = arena.take<float>(positions);
  gathered_dots(states, vectors, positives, dpositive);
  gathered_dots(states, vectors, negatives, dnegative);
  const std::span<double> losses = arena.take<double>(positions);
  parallel_for(positions, 64, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      losses[i] = softplus(-double{dpositive[i]}) + softplus(double{dnegative[i]});
      dpositive[i] = -shares[i] * sigmoid(-dpositive[i]);
      dnegative[i] = shares[i] * sigmoid(dnegative[i]);
    }
  });
  gather_add_rows(vectors, positives, dpositive, dstates);
  gather_add_rows(vectors, negatives, dnegative, dstates);
  scatter_add_rows(states, positives, dvectors, dpositive);
  scatter_add_rows(states, negatives, dvectors, dnegative);
  return weighed<double>(losses, shares);
}

double softmax_objective(const ObjectiveInput& input, MatrixView<float> dstates,
                         MatrixView<float> dvectors, StepArena& arena) {
  const auto& [states, vectors, positives, negatives, shares] = input;
  const std::size_t positions = states.rows, width = states.cols;
  const std::span<float> dpositive = arena.take<float>(positions);
  gathered_dots(states, vectors, positives, dpositive);
  const MatrixView<float> shared = arena.matrix(negatives.size(), width);
  gather_rows(vectors, negatives, shared);
  const std::span<float> losses = arena.take<float>(positions);

  // Each thread takes block after block of its positions, whose logits [negatives, block] stay in
  // its cache for all that is done with them, and adds up its own gradient of the negatives.
  constexpr std::size_t kBlock = 96;
  const std::size_t parts =
      std::clamp<std::size_t>(positions / kBlock, 1, static_cast<std::size_t>(thread_count()));
  const MatrixView<float> logits = arena.matrix(parts, negatives.size() * kBlock);
  const MatrixView<float> dshared = arena.zeros(parts * negatives.size(), width);
  const auto add_block = [&](std::size_t part, std::size_t first, std::size_t count) {
    const MatrixView<const float> block = states.row_block(first, count);
    const MatrixView<float> dnegative(logits[part], negatives.size(), count);
    gemm(Transpose::no, Transpose::yes, 1.0F, shared, block, 0.0F, dnegative);
    sampled_softmax(positives.subspan(first, count), negatives, shares.subspan(first, count),
                    dpositive.subspan(first, count), dnegative, losses.subspan(first, count));
    gemm(Transpose::yes, Transpose::no, 1.0F, dnegative, shared, 1.0F,
         dstates.row_block(first, count));
    gemm(Transpose::no, Transpose::no, 1.0F, dnegative, block, 1.0F,
         dshared.row_block(part * negatives.size(), negatives.size()));
  };
  parallel_for(parts, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t part = begin; part < end; ++part) {
      const std::size_t last = positions * (part + 1) / parts;
      for (std::size_t first = positions * part / parts; first < last; first += kBlock) {
        add_block(part, first, std::min(kBlock, last - first));
      }
    }
  });

  gather_add_rows(vectors, positives, dpositive, dstates);
  for (std::size_t part = 0; part < parts; ++part) {
    scatter_add_rows(dshared.row_block(part * negatives.size(), negatives.size()), negatives,
                     dvectors);
  }
  scatter_add_rows(states, positives, dvectors, dpositive);
  return weighed<float>(losses, shares);
}

}  // namespace tessera
