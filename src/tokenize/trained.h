#pragma once
#include "model/item_encoder.h"
#include "tokenize/fit.h"

namespace tessera {

/// The item encoder of the paper with its quantizer and decoder, trained to give rows of x [n,
/// dims] back: the losses of training without recommendation (commitment and reconstruction, by
/// Adam, codebooks by moving averages). `step` is told after each update.
UnifiedItemEncoder train_quantizer(const Matrix& x, const TokenizerOptions& options,
                                   LevelDistances distance, const Step& step);

}  // namespace tessera
