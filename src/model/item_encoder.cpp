#include "model/item_encoder.h"

#include <algorithm>
#include <cmath>

#include "kernels/elementwise.h"
#include "kernels/rows.h"

namespace tessera {
namespace {

double weighted_sum(std::span<const float> weights, std::span<const float> values) {
  double sum = 0.0;
  for (std::size_t i = 0; i < weights.size(); ++i) sum += double{weights[i]} * values[i];
  return sum;
}

// scale · weights[i]
std::span<float> scaled(std::span<const float> weights, double scale, StepArena& arena) {
  const std::span<float> result = arena.take<float>(weights.size());
  for (std::size_t i = 0; i < weights.size(); ++i) {
    result[i] = static_cast<float>(scale) * weights[i];
  }
  return result;
}

}  // namespace

UnifiedItemEncoder::UnifiedItemEncoder(const Settings& model_settings, std::size_t items,
                                       std::size_t text_dims)
    : settings(model_settings) {
  if (settings.has_semantics()) {
    std::vector<std::size_t> widths = settings.encoder_widths(text_dims);
    encoder = Mlp("item_encoder", widths);
    std::reverse(widths.begin(), widths.end());
    decoder = Mlp("item_decoder", widths);
    quantizer = ResidualQuantizer(settings.level_distances(), settings.codebook_size,
                                  settings.semantic_dims);
  }
  if (settings.has_collaborative()) {
    collaborative = CollaborativeTokens(settings.collaborative_tokens, settings.codebook_size,
                                        settings.collaborative_dims, items, text_dims);
  }
  if (settings.has_ids()) {
    ids = Parameter::table(kIdTokens, items, settings.id_width());
    new_id.resize(settings.id_width());
  }
}

void UnifiedItemEncoder::initialise(Random& random, std::size_t items, const RowSelection& held) {
  std::vector<float> row(ids.value.cols());
  for (std::size_t item = 0, next = 0; settings.has_ids() && item < items; ++item) {
    fill_normal(row, 0.02, random);
    if (next == ids.value.rows() || item != held.first + next * held.step) continue;
    std::ranges::copy(row, ids.value[next++]);
  }
  encoder.initialise(random);
  decoder.initialise(random);
  fill_normal(collaborative.vectors.value.span(), 0.02, random);
}

void UnifiedItemEncoder::collect(ParameterList& list) {
  if (settings.has_ids()) list.push_back(&ids);
  encoder.collect(list);
  decoder.collect(list);
  if (settings.has_collaborative()) list.push_back(&collaborative.vectors);
}

TokenTable UnifiedItemEncoder::token_table(std::size_t place) const {
  if (place < settings.levels) return {quantizer.levels[place].codebook, 0};
  const MatrixView<const float> part = collaborative.part(place - settings.levels);
  return {part, settings.semantic_width() + (place - settings.levels) * part.cols};
}

Mlp::Cache UnifiedItemEncoder::encode_text(MatrixView<const float> text,
                                           std::span<const std::int32_t> items,
                                           StepArena& arena) const {
  if (settings.training_precision() == Precision::bf16) {
    const MatrixView<Bf16> rows = arena.matrix<Bf16>(items.size(), text.cols);
    gather_rows(text, items, rows);
    return encoder.forward(rows, arena);
  }
  const MatrixView<float> rows = arena.matrix(items.size(), text.cols);
  gather_rows(text, items, rows);
  return encoder.forward(rows, arena);
}

UnifiedItemEncoder::Cache UnifiedItemEncoder::forward(MatrixView<const float> text,
                                                      const StepItems& step,
                                                      StepArena& arena) const {
  arena.stages.enter(Stage::item_encoder);
  Cache cache;
  cache.step = step;
  cache.text = text;
  const std::size_t distinct = step.items.size();
  const std::size_t semantic = settings.semantic_width();
  cache.vectors = arena.matrix(distinct, settings.width());
  if (settings.has_semantics()) {
    cache.encoder = encode_text(text, step.items, arena);
    arena.stages.enter(Stage::quantizer);
    cache.quantized = quantizer.forward(cache.encoder.output, arena);
    copy_rows(cache.quantized.semantic, cache.vectors.col_block(0, semantic));
  }
  if (settings.has_collaborative()) {
    collaborative.gather(step.items,
                         cache.vectors.col_block(semantic, settings.collaborative_width()));
  }
  if (settings.has_ids()) {
    gather_rows(ids.value, step.items,
                cache.vectors.col_block(settings.shared_width(), settings.id_width()));
  }
  return cache;
}

ItemLosses UnifiedItemEncoder::backward(const Cache& cache, MatrixView<const float> dvectors,
                                        StepArena& arena) {
  arena.stages.enter(Stage::item_encoder_backward);
  ItemLosses losses;
  const std::size_t semantic = settings.semantic_width();
  if (settings.has_ids()) {
    for (const std::int32_t row : ids.touched) {
      std::ranges::fill(ids.grad.view().row(static_cast<std::size_t>(row)), 0.0F);
    }
    ids.touched.assign(cache.step.items.begin(), cache.step.items.end());
    scatter_add_rows(dvectors.col_block(settings.shared_width(), settings.id_width()),
                     cache.step.items, ids.grad);
  }
  if (settings.has_collaborative()) {
    collaborative.backward(cache.step.items,
                           dvectors.col_block(semantic, settings.collaborative_width()));
  }
  if (!settings.has_semantics()) return losses;

  const MatrixView<float> dz = arena.matrix(dvectors.rows, semantic);
  copy_rows(dvectors.col_block(0, semantic), dz);
  add_commitment(cache, dz, losses, arena);
  add_reconstruction(cache, dz, losses, arena);
  arena.stages.enter(Stage::item_encoder_backward);
  encoder.backward(cache.encoder, dz, {}, arena);
  return losses;
}

void UnifiedItemEncoder::add_commitment(const Cache& cache, MatrixView<float> dz,
                                        ItemLosses& losses, StepArena& arena) const {
  arena.stages.enter(Stage::quantizer);
  const std::span<const float> weights = cache.step.input_weights;
  const std::size_t levels = quantizer.levels.size();
  const auto dims = static_cast<double>(dz.cols);
  losses.commitment = arena.take<double>(levels);
  losses.residual_norm = arena.take<double>(levels);
  const std::span<float> squares = arena.take<float>(weights.size());
  const std::span<float> scales = scaled(weights, 2.0 * settings.commitment_weight / dims, arena);
  // What level l leaves over, r_l − sg(c), is the next level's residual. r_l = z − const, so all of
  // its gradient reaches z.
  for (std::size_t l = 0; l <= levels; ++l) {
    const MatrixView<float> residual = cache.quantized.residuals[l].row_block(0, weights.size());
    row_dots(residual, residual, squares);
    if (l > 0) {
      losses.commitment[l - 1] = weighted_sum(weights, squares) / dims;
      add_scaled_rows(scales, residual, dz.row_block(0, weights.size()));
    }
    if (l == levels) break;
    for (float& square : squares) square = std::sqrt(square);
    losses.residual_norm[l] = weighted_sum(weights, squares);
  }
}

void UnifiedItemEncoder::add_reconstruction(const Cache& cache, MatrixView<float> dz,
                                            ItemLosses& losses, StepArena& arena) {
  arena.stages.enter(Stage::item_decoder);
  const std::span<const float> weights = cache.step.input_weights;
  const std::size_t inputs = weights.size();
  const MatrixView<float> semantic = cache.quantized.semantic.row_block(0, inputs);
  const Mlp::Cache decoded = settings.training_precision() == Precision::bf16
                                 ? decoder.forward(rounded(semantic, arena), arena)
                                 : decoder.forward(semantic, arena);
  const std::span<float> squares = arena.take<float>(inputs);
  squared_errors(cache.text, cache.step.items.first(inputs),
                 scaled(weights, 2.0 * settings.reconstruction_weight, arena), decoded.output,
                 squares);
  losses.reconstruction = weighted_sum(weights, squares);
  // Straight-through: the gradient of what was decoded goes on to z.
  const MatrixView<float> dsemantic = arena.matrix(inputs, dz.cols);
  decoder.backward(decoded, decoded.output, dsemantic, arena);
  add_scaled(1.0F, dsemantic, dz.row_block(0, inputs));
}

}  // namespace tessera
