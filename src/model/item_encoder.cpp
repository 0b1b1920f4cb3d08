#include "model/item_encoder.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "kernels/codes.h"
#include "kernels/elementwise.h"

namespace tessera {
namespace {

// text width → 512 → 256 → semantic dims (method: the authors' RQ-VAE).
std::vector<std::size_t> encoder_widths(std::size_t text_dims, std::size_t semantic_dims) {
  return {text_dims, 512, 256, semantic_dims};
}

// Σ_i weights[i] · ‖rows[i]‖² by way of `squares`, whose order of summing is fixed.
double weighted_squares(MatrixView<const float> rows, std::span<const float> weights,
                        std::span<float> squares) {
  row_dots(rows, rows, squares);
  double sum = 0.0;
  for (std::size_t i = 0; i < weights.size(); ++i) sum += double{weights[i]} * squares[i];
  return sum;
}

}  // namespace

UnifiedItemEncoder::UnifiedItemEncoder(const Settings& model_settings, std::size_t items,
                                       std::size_t text_dims)
    : settings(model_settings) {
  if (settings.has_semantics()) {
    std::vector<std::size_t> widths = encoder_widths(text_dims, settings.semantic_dims);
    encoder = Mlp("item_encoder", widths);
    std::reverse(widths.begin(), widths.end());
    decoder = Mlp("item_decoder", widths);
    quantizer = ResidualQuantizer(settings.level_distances(), settings.codebook_size,
                                  settings.semantic_dims);
  }
  if (settings.has_ids()) ids = Parameter("id_tokens", items, settings.id_width());
}

void UnifiedItemEncoder::initialise(Random& random) {
  fill_normal(ids.value.span(), 0.02, random);
  encoder.initialise(random);
  decoder.initialise(random);
}

void UnifiedItemEncoder::collect(ParameterList& list) {
  if (settings.has_ids()) list.push_back(&ids);
  encoder.collect(list);
  decoder.collect(list);
}

UnifiedItemEncoder::Cache UnifiedItemEncoder::forward(MatrixView<const float> text,
                                                      const StepItems& step,
                                                      StepArena& arena) const {
  Cache cache;
  arena.stages.enter(Stage::item_encoder);
  cache.step = step;
  const std::size_t distinct = step.items.size();
  const std::size_t semantic = settings.semantic_width();
  cache.vectors = arena.matrix(distinct, settings.width());
  if (settings.has_semantics()) {
    cache.text = arena.matrix(distinct, text.cols);
    gather_rows(text, step.items, cache.text);
    cache.encoder = encoder.forward(cache.text, arena);
    arena.stages.enter(Stage::quantizer);
    cache.quantized = quantizer.forward(cache.encoder.back(), arena);
  }
  for (std::size_t i = 0; i < distinct; ++i) {
    float* vector = cache.vectors[i];
    if (semantic > 0) std::copy_n(cache.quantized.semantic[i], semantic, vector);
    if (settings.has_ids()) {
      std::copy_n(ids.value[static_cast<std::size_t>(step.items[i])], settings.id_width(),
                  vector + semantic);
    }
  }
  return cache;
}

ItemLosses UnifiedItemEncoder::backward(const Cache& cache, MatrixView<const float> dvectors,
                                        StepArena& arena) {
  ItemLosses losses;
  arena.stages.enter(Stage::item_encoder_backward);
  const std::size_t semantic = settings.semantic_width();
  if (settings.has_ids()) {
    std::fill(ids.grad.span().begin(), ids.grad.span().end(), 0.0F);
    scatter_add_rows(dvectors.col_block(semantic, settings.id_width()), cache.step.items, ids.grad);
  }
  if (!settings.has_semantics()) return losses;

  arena.stages.enter(Stage::quantizer);
  const std::span<const float> weights = cache.step.input_weights;
  const std::size_t inputs = weights.size();
  const std::span<float> squares = arena.take<float>(inputs);
  const MatrixView<float> dz = arena.matrix(dvectors.rows, semantic);
  for (std::size_t i = 0; i < dz.rows; ++i) std::copy_n(dvectors[i], semantic, dz[i]);

  losses.commitment = arena.take<double>(quantizer.levels.size());
  losses.residual_norm = arena.take<double>(quantizer.levels.size());
  // Commitment: mean_dims (r_l − sg(c))² at each level; r_l = z − const, so all of it reaches z.
  for (std::size_t l = 0; l < quantizer.levels.size(); ++l) {
    const MatrixView<float> residual = cache.quantized.residuals[l].row_block(0, inputs);
    row_dots(residual, residual, squares);
    double norm = 0.0;
    for (std::size_t i = 0; i < inputs; ++i) norm += double{weights[i]} * std::sqrt(squares[i]);
    losses.residual_norm[l] = norm;
    const MatrixView<float> rest = cache.quantized.residuals[l + 1].row_block(0, inputs);
    losses.commitment[l] = weighted_squares(rest, weights, squares) / static_cast<double>(semantic);
    const auto scale =
        static_cast<float>(2.0 * settings.commitment_weight / static_cast<double>(semantic));
    for (std::size_t i = 0; i < inputs; ++i) {
      for (std::size_t c = 0; c < semantic; ++c) dz[i][c] += scale * weights[i] * rest[i][c];
    }
  }

  // Reconstruction: ‖decoder(semantic) − text‖²; straight-through, its gradient goes on to z.
  arena.stages.enter(Stage::item_decoder);
  const Mlp::Cache decoded = decoder.forward(cache.quantized.semantic.row_block(0, inputs), arena);
  const MatrixView<float> error = decoded.back();
  add_scaled(-1.0F, cache.text.row_block(0, inputs), error);
  losses.reconstruction = weighted_squares(error, weights, squares);
  parallel_for(inputs, 16, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const float scale = static_cast<float>(2.0 * settings.reconstruction_weight) * weights[i];
      for (float& e : error.row(i)) e *= scale;
    }
  });
  const MatrixView<float> dsemantic = arena.matrix(inputs, semantic);
  decoder.backward(decoded, error, dsemantic, arena);
  add_scaled(1.0F, dsemantic, dz.row_block(0, inputs));
  arena.stages.enter(Stage::item_encoder_backward);
  encoder.backward(cache.encoder, dz, {}, arena);
  return losses;
}

}  // namespace tessera
