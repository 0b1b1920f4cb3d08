#pragma once
#include "kernels/attention.h"

namespace tessera {

/// Causal depthwise convolution within each sequence: each column has its own weight for the
/// position itself and for those before it (Poli et al. 2023 put such short convolutions beside
/// long ones). `taps` [taps, width], the first being the position's own; x, y [positions, width].
/// Positions before a sequence count as 0.

/// y[i] += Σ_k taps[k] ⊙ x[i − k].
void add_causal_convolution(SequenceOffsets offsets, MatrixView<const float> x,
                            MatrixView<const float> taps, MatrixView<float> y);
/// The same at the last position of each sequence alone, y [sequences, width]; an empty sequence
/// stays as it is.
void add_last_convolution(SequenceOffsets offsets, MatrixView<const float> x,
                          MatrixView<const float> taps, MatrixView<float> y);
/// Of add_causal_convolution: adds to dx, sets dtaps. dx may not be dy. The results do not depend
/// on the thread count.
void causal_convolution_backward(SequenceOffsets offsets, MatrixView<const float> x,
                                 MatrixView<const float> taps, MatrixView<const float> dy,
                                 MatrixView<float> dx, MatrixView<float> dtaps);

}  // namespace tessera
