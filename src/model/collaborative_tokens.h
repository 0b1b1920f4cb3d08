#pragma once
#include "base/arena.h"
#include "data/dataset.h"
#include "model/text_kernel.h"
#include "nn/parameter.h"

namespace tessera {

/// Tokens that say with what an item is chosen, as semantic tokens say what it is. Factors of the
/// items are cut into parts, and a part's nearest centre is its code (product quantization, Jégou
/// et al. 2011; of items as RecJPQ, Petrov and Macdonald 2024). Codes are found once, before
/// training; the vectors behind them start at the centres and are learned on.
///
/// Factors of an item mix what its n training events taught and what its text predicts by kernel
/// ridge regression on the other items. Their shares of the squared length are as n · m to
/// `text_events` · 12, where m is the mean of n over the items: few events say little, and items of
/// like text then share codes (shrinkage to a regression, Efron and Morris 1973), and an event says
/// more the better known the items are that it joins. The mixture gets the length that the events
/// taught, since what disagrees adds up to something short, and scores are inner products: items of
/// few events would be outscored by all others. Factors of an item without events, as a new one,
/// are predicted altogether, at the length of the others.
struct CollaborativeTokens {
  std::size_t parts = 0;            ///< tokens an item; 0: none
  std::size_t codebook_size = 0;    ///< of each part
  Parameter vectors;                ///< [parts · codebook size, dims / parts]
  std::vector<std::int32_t> codes;  ///< [items, parts], each within its part's codebook
  Matrix centres;                   ///< of factors, as `vectors`
  TextKernel by_text;               ///< factors by texts, as long as others'

  CollaborativeTokens() = default;
  CollaborativeTokens(std::size_t part_count, std::size_t size, std::size_t dims, std::size_t items,
                      std::size_t text_dims);

  std::size_t dims() const { return parts * vectors.value.cols(); }
  /// The vectors of one part's codes, [codebook size, dims / parts].
  MatrixView<const float> part(std::size_t p) const;

  /// Finds codes, centres and what texts predict. `factors` [items, dims], as the training events
  /// taught them; `text` [items, text dims]. With `earlier`, tokens of a table that this one was
  /// trained on from, centres move from where they were, so that codes mean what they meant, and
  /// the vectors behind them are those that were learned.
  void fit(const Dataset& data, Matrix factors, MatrixView<const float> text, double text_events,
           std::uint64_t seed, const CollaborativeTokens* earlier = nullptr);
  /// Codes of items that the events do not know, by their text embeddings [items, text dims]: those
  /// of the i-th are codes[i · code_stride + 0…parts). Scratch comes from the arena.
  void predict(MatrixView<const float> text, std::int32_t* item_codes, std::size_t code_stride,
               StepArena& arena) const;

  /// The item vector's part behind codes [parts].
  void decode(const std::int32_t* item_codes, float* out) const;
  /// out[i] = that of items[i], [n, dims].
  void gather(std::span<const std::int32_t> items, MatrixView<float> out) const;
  /// Sets the gradient of the vectors from that of `gather`.
  void backward(std::span<const std::int32_t> items, MatrixView<const float> dout);
};

}  // namespace tessera
