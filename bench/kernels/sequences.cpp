// Attention over packed sequences and layer norms.
#include <cmath>
#include <functional>

#include "compare.h"
#include "kernels/attention.h"
#include "kernels/full_attention.h"
#include "kernels/layer_norm.h"

namespace tessera::bench {
namespace {

constexpr std::size_t kHeads = 2, kHidden = 64, kHeadDims = kHidden / kHeads;

/// One head of one sequence at a time, by the definition.
struct PlainAttention {
  std::span<const std::int32_t> offsets;
  const Matrix &q, &k, &v;
  bool causal;

  /// body(first, length, first column of the head) for each sequence and head.
  void each_head(const std::function<void(std::size_t, std::size_t, std::size_t)>& body) const {
    for (std::size_t s = 0; s + 1 < offsets.size(); ++s) {
      const auto first = static_cast<std::size_t>(offsets[s]);
      for (std::size_t head = 0; head < kHeads; ++head) {
        body(first, static_cast<std::size_t>(offsets[s + 1]) - first, head * kHeadDims);
      }
    }
  }
  std::size_t reach(std::size_t i, std::size_t length) const { return causal ? i + 1 : length; }

  void probabilities_of(std::size_t first, std::size_t length, std::size_t column, std::size_t i,
                        std::vector<float>& p) const {
    p.resize(reach(i, length));
    float sum = 0;
    for (std::size_t j = 0; j < p.size(); ++j) {
      float score = 0;
      for (std::size_t c = column; c < column + kHeadDims; ++c)
        score += q[first + i][c] * k[first + j][c];
      p[j] = std::exp(score / std::sqrt(static_cast<float>(kHeadDims)));
      sum += p[j];
    }
    for (float& x : p) x /= sum;
  }
  void forward(Matrix& out) const {
    std::vector<float> p;
    each_head([&](std::size_t first, std::size_t length, std::size_t column) {
      for (std::size_t i = 0; i < length; ++i) {
        probabilities_of(first, length, column, i, p);
        for (std::size_t c = column; c < column + kHeadDims; ++c) {
          float sum = 0;
          for (std::size_t j = 0; j < p.size(); ++j) sum += p[j] * v[first + j][c];
          out[first + i][c] = sum;
        }
      }
    });
  }
  void backward(const Matrix& dout, Matrix& dq, Matrix& dk, Matrix& dv) const {
    for (Matrix* gradient : {&dq, &dk, &dv}) std::ranges::fill(gradient->span(), 0.0F);
    std::vector<float> p, dp;
    each_head([&](std::size_t first, std::size_t length, std::size_t column) {
      for (std::size_t i = 0; i < length; ++i) {
        probabilities_of(first, length, column, i, p);
        dp.assign(p.size(), 0.0F);
        float mean = 0;
        for (std::size_t j = 0; j < p.size(); ++j) {
          for (std::size_t c = column; c < column + kHeadDims; ++c) {
            dp[j] += dout[first + i][c] * v[first + j][c];
            dv[first + j][c] += p[j] * dout[first + i][c];
          }
          mean += p[j] * dp[j];
        }
        for (std::size_t j = 0; j < p.size(); ++j) {
          const float ds = p[j] * (dp[j] - mean) / std::sqrt(static_cast<float>(kHeadDims));
          for (std::size_t c = column; c < column + kHeadDims; ++c) {
            dq[first + i][c] += ds * k[first + j][c];
            dk[first + j][c] += ds * q[first + i][c];
          }
        }
      }
    });
  }
};

void add_attention(Operands& operands) {
  const auto hidden = [&]() -> Matrix& { return operands.matrix(kPositions, kHidden); };
  Matrix &q = hidden(), &k = hidden(), &v = hidden(), &out = hidden();
  Matrix &dq = hidden(), &dk = hidden(), &dv = hidden();
  const std::vector<std::int32_t>& offsets = operands.offsets();
  const std::span<float> probabilities = operands.vector(attention_probabilities(offsets, kHeads));
  const std::span<float> scratch = operands.vector(full_attention_scratch(offsets));
  const AttentionShape shape{.offsets = offsets, .heads = kHeads};
  // Products of vectors of a head: n(n+1)/2 pairs of positions a sequence and head.
  const double pair_flops = 2.0 * kHeadDims * static_cast<double>(probabilities.size());
  std::vector<std::size_t> starts(offsets.size());
  compare(
      "causal_attention", {.flops = 2 * pair_flops},
      [&, shape, probabilities, starts]() mutable {
        causal_attention(shape, q, k, v, probabilities, starts, out);
      },
      [&] { PlainAttention{offsets, q, k, v, true}.forward(out); });
  causal_attention(shape, q, k, v, probabilities, starts, out);
  compare(
      "causal_attention_backward", {.flops = 4 * pair_flops},
      [&, shape, probabilities, starts] {
        causal_attention_backward(shape, q, k, v, probabilities, starts, out, dq, dk, dv);
      },
      [&] { PlainAttention{offsets, q, k, v, true}.backward(out, dq, dk, dv); });
  compare(
      "full_attention", {.flops = 4 * pair_flops},
      [&, scratch] { full_attention(offsets, kHeads, q, k, v, scratch, out); },
      [&] { PlainAttention{offsets, q, k, v, false}.forward(out); });
}

void plain_layer_norm(const Matrix& x, std::span<const float> gamma, std::span<const float> beta,
                      Matrix& normalized, std::span<float> inverse_std, Matrix& y) {
  for (std::size_t i = 0; i < x.rows(); ++i) {
    float mean = 0, variance = 0;
    for (std::size_t c = 0; c < x.cols(); ++c) mean += x[i][c];
    mean /= static_cast<float>(x.cols());
    for (std::size_t c = 0; c < x.cols(); ++c) variance += (x[i][c] - mean) * (x[i][c] - mean);
    inverse_std[i] = 1 / std::sqrt(variance / static_cast<float>(x.cols()) + 1e-12F);
    for (std::size_t c = 0; c < x.cols(); ++c) {
      normalized[i][c] = (x[i][c] - mean) * inverse_std[i];
      y[i][c] = gamma[c] * normalized[i][c] + beta[c];
    }
  }
}

void plain_layer_norm_backward(const Matrix& normalized, std::span<const float> inverse_std,
                               std::span<const float> gamma, const Matrix& dy, Matrix& dx,
                               std::span<float> dgamma, std::span<float> dbeta) {
  std::ranges::fill(dgamma, 0.0F);
  std::ranges::fill(dbeta, 0.0F);
  const auto cols = static_cast<float>(dy.cols());
  for (std::size_t i = 0; i < dy.rows(); ++i) {
    float sum = 0, product = 0;
    for (std::size_t c = 0; c < dy.cols(); ++c) {
      dgamma[c] += dy[i][c] * normalized[i][c];
      dbeta[c] += dy[i][c];
      sum += gamma[c] * dy[i][c];
      product += gamma[c] * dy[i][c] * normalized[i][c];
    }
    for (std::size_t c = 0; c < dy.cols(); ++c) {
      dx[i][c] =
          inverse_std[i] * (gamma[c] * dy[i][c] - sum / cols - normalized[i][c] * product / cols);
    }
  }
}

void add_layer_norms(Operands& operands) {
  const auto wide = [&]() -> Matrix& { return operands.matrix(kPositions, kItemDims); };
  Matrix &x = wide(), &y = wide(), &normalized = wide(), &residual = wide();
  const std::span<float> gamma = operands.vector(kItemDims), beta = operands.vector(kItemDims),
                         bias = operands.vector(kItemDims), dgamma = operands.vector(kItemDims),
                         dbeta = operands.vector(kItemDims),
                         inverse_std = operands.vector(kPositions);
  const Work work{.bytes = 12.0 * static_cast<double>(x.size())};
  compare(
      "layer_norm", work,
      [&, gamma, beta, inverse_std] {
        layer_norm(x, gamma, beta, 1e-12F, normalized, inverse_std, y);
      },
      [&, gamma, beta, inverse_std] {
        plain_layer_norm(x, gamma, beta, normalized, inverse_std, y);
      });
  compare(
      "layer_norm_backward", work,
      [&, gamma, dgamma, dbeta, inverse_std] {
        layer_norm_backward(normalized, inverse_std, gamma, x, y, dgamma, dbeta);
      },
      [&, gamma, dgamma, dbeta, inverse_std] {
        plain_layer_norm_backward(normalized, inverse_std, gamma, x, y, dgamma, dbeta);
      });
  const DropoutMask mask{.probability = 0.5F, .stream = 7};
  compare(
      "residual_layer_norm", work,
      [&, gamma, beta, bias, inverse_std, mask] {
        residual_layer_norm(residual, bias, mask, gamma, beta, 1e-12F, y, normalized, inverse_std);
      },
      [&, gamma, beta, bias, inverse_std, mask] {
        Random random(mask.stream);
        for (std::size_t i = 0; i < kPositions; ++i) {
          for (std::size_t c = 0; c < kItemDims; ++c) {
            const bool kept = random.uniform() >= 0.5;
            y[i][c] = residual[i][c] + (kept ? 2 * (y[i][c] + bias[c]) : 0);
          }
        }
        plain_layer_norm(y, gamma, beta, normalized, inverse_std, y);
      });
  compare(
      "residual_layer_norm_backward", work,
      [&, gamma, dgamma, dbeta, inverse_std, mask] {
        residual_layer_norm_backward(normalized, inverse_std, gamma, mask, x, y, dgamma, dbeta);
      },
      [&, gamma, dgamma, dbeta, inverse_std, mask] {
        plain_layer_norm_backward(normalized, inverse_std, gamma, x, x, dgamma, dbeta);
        Random random(mask.stream);
        for (std::size_t i = 0; i < x.size(); ++i) {
          y.span()[i] = random.uniform() >= 0.5 ? 2 * x.span()[i] : 0;
        }
      });
}

}  // namespace

void add_sequences(Operands& operands) {
  add_attention(operands);
  add_layer_norms(operands);
}

}  // namespace tessera::bench
