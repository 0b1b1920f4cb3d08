#pragma once
#include "base/arena.h"
#include "base/half.h"
#include "base/progress.h"
#include "base/safetensors.h"
#include "kernels/attention.h"
#include "text/text_encoder_file.h"
#include "text/wordpiece.h"

namespace tessera {

/// What becomes a text's vector: the mean of its tokens' states, or the first token's.
enum class Pooling { mean, first };

struct SentenceSettings {
  std::size_t layers = 0, heads = 0, width = 0, feed_forward = 0, positions = 0;
  float epsilon = 1e-12F;      ///< of the layer norms
  std::size_t max_tokens = 0;  ///< of a text, [CLS] and [SEP] included; the rest is cut off
  Pooling pooling = Pooling::mean;
  bool unit_length = false;
};

/// Text → vector by a pre-trained BERT encoder (Devlin et al. 2019), pooled and scaled as
/// sentence-transformers does (Reimers and Gurevych 2019). Computes in single precision; word
/// embeddings and the weights of dense layers have half precision's values, as in the file:
/// embeddings made after loading equal those made before saving.
struct SentenceEncoder {
  /// y = x · weightᵀ + bias; weight [out, in], bias [1, out].
  struct Dense {
    Matrix weight, bias;
  };
  struct Norm {
    Matrix gamma, beta;  ///< [1, width]
  };
  struct Layer {
    Dense query_key_value;  ///< to three times the width
    Dense attended;
    Norm attention_norm;
    Dense expand, contract;
    Norm feed_forward_norm;
  };

  SentenceSettings settings;
  WordPiece tokenizer;
  std::vector<Half> words;  ///< [vocabulary, width]
  Matrix positions;         ///< [positions, width], the segment's embedding added
  Norm input_norm;
  std::vector<Layer> layers;

  std::size_t dims() const { return settings.width; }
  /// [texts, width]; a text without a piece is a zero row. Long and short texts are packed end to
  /// end, those of like length together. Told of each batch.
  Matrix encode(std::span<const std::string_view> texts,
                const ProgressFunction& progress = {}) const;

  /// One .safetensors file with the weights, the vocabulary and the settings.
  void save(const fs::path& file) const;
  /// Throws Error that names the file if something is missing or does not fit.
  static SentenceEncoder load(const SafeTensors& file);

  /// Rounds the weights of dense layers to half precision.
  void round_weights();
  /// Throws Error that starts with `source` if the settings are none of a model that can be.
  void check(const std::string& source) const;

 private:
  MatrixView<float> states(std::span<const std::int32_t> ids, SequenceOffsets offsets,
                           StepArena& arena) const;
  void pool(MatrixView<const float> states, std::span<float> vector) const;
};

}  // namespace tessera
