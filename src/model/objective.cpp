#include "model/objective.h"

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
  const std::size_t positions = states.rows;
  const std::span<float> dpositive = arena.take<float>(positions);
  gathered_dots(states, vectors, positives, dpositive);
  const MatrixView<float> shared = arena.matrix(negatives.size(), states.cols);
  gather_rows(vectors, negatives, shared);
  const MatrixView<float> dnegative = arena.matrix(positions, negatives.size());
  gemm(Transpose::no, Transpose::yes, 1.0F, states, shared, 0.0F, dnegative);
  const std::span<float> losses = arena.take<float>(positions);
  sampled_softmax(positives, negatives, shares, dpositive, dnegative, losses);

  gemm(Transpose::no, Transpose::no, 1.0F, dnegative, shared, 1.0F, dstates);
  gather_add_rows(vectors, positives, dpositive, dstates);
  const MatrixView<float> dshared = arena.matrix(negatives.size(), states.cols);
  gemm(Transpose::yes, Transpose::no, 1.0F, dnegative, states, 0.0F, dshared);
  scatter_add_rows(dshared, negatives, dvectors);
  scatter_add_rows(states, positives, dvectors, dpositive);
  return weighed<float>(losses, shares);
}

}  // namespace tessera
