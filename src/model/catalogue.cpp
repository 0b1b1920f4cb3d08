#include "model/catalogue.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "base/error.h"
#include "base/half.h"
#include "base/held_signals.h"
#include "base/parallel.h"
#include "kernels/elementwise.h"
#include "kernels/gemm.h"
#include "kernels/rows.h"

namespace tessera {
namespace {

constexpr std::size_t kItemBlock = 2048;
constexpr std::size_t kHistoryBlock = 512;

// In full precision whatever the training used: codes do not depend on the CPU's instructions.
MatrixView<float> encode_text(const UnifiedItemEncoder& encoder, MatrixView<float> text,
                              StepArena& arena) {
  return encoder.encoder.forward(text, arena).output;
}

// What the shared tokens of codes [levels] make of an item vector, if there are any.
void decode(const Recommender& model, const std::int32_t* codes, float* vector) {
  const Settings& settings = model.settings;
  if (settings.has_semantics()) model.item_encoder.quantizer.decode(codes, vector);
  if (settings.has_collaborative()) {
    model.item_encoder.collaborative.decode(codes + settings.levels,
                                            vector + settings.semantic_width());
  }
}

}  // namespace

Catalogue encode_catalogue(const Recommender& model, MatrixView<const float> text) {
  const std::size_t items = model.items();
  std::vector<std::int32_t> codes;
  if (model.settings.has_semantics()) {
    const UnifiedItemEncoder& encoder = model.item_encoder;
    const std::size_t levels = encoder.quantizer.levels.size();
    const std::size_t parts = encoder.collaborative.parts;
    codes.reserve(items * (levels + parts));
    StepArena arena;
    for (std::size_t first = 0; first < items; first += kItemBlock) {
      arena.reset();
      const std::size_t count = std::min(kItemBlock, items - first);
      const MatrixView<float> block = arena.matrix(count, text.cols);
      for (std::size_t i = 0; i < count; ++i) std::copy_n(text[first + i], text.cols, block[i]);
      const auto found = encoder.quantizer.forward(encode_text(encoder, block, arena), arena);
      for (std::size_t i = 0; i < count; ++i) {
        const auto semantic = found.codes.subspan(i * levels, levels);
        const auto collaborative =
            std::span(encoder.collaborative.codes).subspan((first + i) * parts, parts);
        codes.insert(codes.end(), semantic.begin(), semantic.end());
        codes.insert(codes.end(), collaborative.begin(), collaborative.end());
      }
    }
  }
  Catalogue catalogue = catalogue_of_codes(model, std::move(codes));
  for (std::size_t r = 0; r < catalogue.vectors.rows(); ++r) {
    const std::span<float> id = catalogue.vectors.view().row(r).last(model.settings.id_width());
    std::ranges::transform(id, id.begin(), half_precision);
  }
  return catalogue;
}

Catalogue catalogue_of_codes(const Recommender& model, std::vector<std::int32_t> codes) {
  const Settings& settings = model.settings;
  const std::size_t items = model.items();
  Catalogue catalogue;
  catalogue.places = settings.codes();
  catalogue.codes = std::move(codes);
  catalogue.rows.resize(items);
  std::iota(catalogue.rows.begin(), catalogue.rows.end(), 0);
  std::vector<std::int32_t> first_item(catalogue.rows);  // of each row
  if (!settings.has_ids()) {
    first_item.clear();
    std::map<std::vector<std::int32_t>, std::int32_t> row_of;
    for (std::size_t i = 0; i < items; ++i) {
      const auto* tuple = catalogue.codes.data() + i * catalogue.places;
      const auto [at, added] = row_of.try_emplace({tuple, tuple + catalogue.places},
                                                  static_cast<std::int32_t>(row_of.size()));
      if (added) first_item.push_back(static_cast<std::int32_t>(i));
      catalogue.rows[i] = at->second;
    }
  }
  catalogue.vectors = Matrix(first_item.size(), settings.width());
  for (std::size_t r = 0; r < first_item.size(); ++r) {
    const auto item = static_cast<std::size_t>(first_item[r]);
    float* vector = catalogue.vectors[r];
    decode(model, catalogue.codes.data() + item * catalogue.places, vector);
    if (settings.has_ids()) {
      std::copy_n(model.item_encoder.ids.value[item], settings.id_width(),
                  vector + settings.shared_width());
    }
  }
  return catalogue;
}

std::vector<std::int32_t> encode_items(const Recommender& model, MatrixView<const float> text,
                                       StepArena& arena) {
  const UnifiedItemEncoder& encoder = model.item_encoder;
  if (!model.settings.has_semantics()) fail("the model has no semantic tokens: it reads no text");
  if (text.cols != encoder.text_dims()) {
    fail("the text embedding has {} dims where the model reads {}", text.cols, encoder.text_dims());
  }
  const MatrixView<float> rows = arena.matrix(text.rows, text.cols);
  copy_rows(text, rows);
  const auto found = encoder.quantizer.forward(encode_text(encoder, rows, arena), arena);
  const std::size_t levels = encoder.quantizer.levels.size(), places = model.settings.codes();
  std::vector<std::int32_t> codes(text.rows * places);
  for (std::size_t i = 0; i < text.rows; ++i) {
    std::ranges::copy(found.codes.subspan(i * levels, levels), codes.data() + i * places);
  }
  if (model.settings.has_collaborative()) {
    encoder.collaborative.predict(text, codes.data() + levels, places, arena);
  }
  return codes;
}

std::vector<float> item_vector(const Recommender& model, std::span<const std::int32_t> codes,
                               std::span<const float> id) {
  std::vector<float> vector(model.settings.shared_width());
  if (!codes.empty()) decode(model, codes.data(), vector.data());
  vector.insert(vector.end(), id.begin(), id.end());
  return vector;
}

void sequence_states(const Recommender& model, MatrixView<const float> vectors,
                     SequenceOffsets offsets, StepArena& arena, MatrixView<float> states) {
  copy_rows(model.transformer.final_states(vectors, offsets, arena), states);
}

CopyVectors copy_from(const Catalogue& catalogue) {
  return [&catalogue](History items, MatrixView<float> rows) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      const auto row = static_cast<std::size_t>(catalogue.rows[static_cast<std::size_t>(items[i])]);
      std::copy_n(catalogue.vectors[row], rows.cols, rows[i]);
    }
  };
}

void user_states(const Recommender& model, const CopyVectors& copy_vectors,
                 std::span<const History> histories, MatrixView<float> states) {
  const auto readable = [&](History history) {
    return history.last(std::min(history.size(), model.settings.max_length));
  };
  StepArena arena;
  std::vector<std::int32_t> offsets;
  for (std::size_t first = 0; first < histories.size(); first += kHistoryBlock) {
    const HeldSignals held;  // once for all products of a block
    arena.reset();
    const auto block = histories.subspan(first, std::min(kHistoryBlock, histories.size() - first));
    offsets.assign(1, 0);
    for (const History history : block) {
      offsets.push_back(offsets.back() + static_cast<std::int32_t>(readable(history).size()));
    }
    const MatrixView<float> vectors =
        arena.matrix(static_cast<std::size_t>(offsets.back()), model.settings.width());
    for (std::size_t i = 0; i < block.size(); ++i) {
      const History read = readable(block[i]);
      copy_vectors(read, vectors.row_block(static_cast<std::size_t>(offsets[i]), read.size()));
    }
    sequence_states(model, vectors, offsets, arena, states.row_block(first, block.size()));
  }
}

void user_states(const Recommender& model, const Catalogue& catalogue,
                 std::span<const History> histories, MatrixView<float> states) {
  user_states(model, copy_from(catalogue), histories, states);
}

void score_catalogue(const Catalogue& catalogue, MatrixView<const float> states,
                     MatrixView<float> scores) {
  if (catalogue.vectors.rows() == catalogue.items()) {
    gemm(Transpose::no, Transpose::yes, 1.0F, states, catalogue.vectors, 0.0F, scores);
    return;
  }
  Matrix distinct(states.rows, catalogue.vectors.rows());
  gemm(Transpose::no, Transpose::yes, 1.0F, states, catalogue.vectors, 0.0F, distinct);
  parallel_for(states.rows, 4, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      for (std::size_t item = 0; item < catalogue.items(); ++item) {
        scores[i][item] = distinct[i][catalogue.rows[item]];
      }
    }
  });
}

void score_candidates(const Catalogue& catalogue, MatrixView<const float> states,
                      MatrixView<const std::int32_t> candidates, MatrixView<float> scores) {
  parallel_for(states.rows, 16, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      for (std::size_t j = 0; j < candidates.cols; ++j) {
        const auto item = static_cast<std::size_t>(candidates[i][j]);
        const auto row = static_cast<std::size_t>(catalogue.rows[item]);
        scores[i][j] = dot({states[i], states.cols}, {catalogue.vectors[row], states.cols});
      }
    }
  });
}

}  // namespace tessera
