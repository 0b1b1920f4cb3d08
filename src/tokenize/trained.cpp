#include "tokenize/trained.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "kernels/adam.h"

namespace tessera {
namespace {

constexpr std::size_t kBatch = 1024;

// Places in x, all of them in a random order before any comes again.
class Batches {
 public:
  Batches(std::size_t rows, std::uint64_t seed) : rows_(rows), random_(seed, {2}) {}

  std::span<const std::int32_t> next() {
    const std::size_t count = std::min(kBatch, rows_);
    if (at_ + count > order_.size()) {
      order_ = random_.permutation(rows_);
      at_ = 0;
    }
    at_ += count;
    return std::span(order_).subspan(at_ - count, count);
  }

 private:
  std::size_t rows_, at_ = 0;
  Random random_;
  std::vector<std::int32_t> order_;
};

}  // namespace

UnifiedItemEncoder train_quantizer(const Matrix& x, const TokenizerOptions& options,
                                   LevelDistances distance, const Step& step) {
  Settings settings;
  settings.tokens = Tokens::semantic;
  settings.distance = distance;
  settings.levels = options.sizes.size();
  settings.codebook_size = options.sizes.front();
  settings.semantic_dims = options.code_dims;
  UnifiedItemEncoder encoder(settings, 0, x.cols());
  Random weights_stream(options.seed, {3});
  encoder.initialise(weights_stream, 0, {});
  ParameterList parameters;
  encoder.collect(parameters);
  const AdamSettings adam{.learning_rate = static_cast<float>(settings.learning_rate),
                          .decay_updates = options.updates};
  Random random(options.seed, {4});
  Batches batches(x.rows(), options.seed);
  StepArena arena;
  for (std::uint64_t update = 1; update <= options.updates; ++update) {
    arena.reset();
    const std::span<const std::int32_t> rows = batches.next();
    const std::span<float> shares = arena.take<float>(rows.size());
    const std::span<float> counts = arena.take<float>(rows.size());
    std::ranges::fill(shares, 1.0F / static_cast<float>(rows.size()));
    std::ranges::fill(counts, 1.0F);
    UnifiedItemEncoder::Cache cache = encoder.forward(x, {rows, shares}, arena);
    if (update == 1) {
      encoder.quantizer.initialise(cache.encoder.output, counts, random, arena);
      cache = encoder.forward(x, {rows, shares}, arena);
    }
    const MatrixView<float> nothing = arena.zeros(rows.size(), settings.width());
    const ItemLosses losses = encoder.backward(cache, nothing, arena);
    if (!std::isfinite(losses.reconstruction)) {
      fail("training the quantizer diverged at update {}: are the vectors of sensible size?",
           update);
    }
    encoder.quantizer.update(cache.quantized, counts, random, arena);
    for (Parameter* p : parameters) {
      adam_update(adam, update, p->grad.span(), p->m.span(), p->v.span(), p->value.span());
    }
    step();
  }
  return encoder;
}

}  // namespace tessera
