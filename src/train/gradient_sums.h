#pragma once
#include "base/ranks.h"
#include "nn/parameter.h"

namespace tessera {

/// Adds up the gradients of dense parameters over the ranks while the backward pass goes on. Large
/// ones are sent from where they lie, small ones together at the end: a message costs its start
/// too.
class GradientSums {
 public:
  /// The ranks must outlive it; null where there are none to add up over.
  explicit GradientSums(const Ranks* ranks) : ranks_(ranks) {}

  /// Gradients of this rank that are complete. All ranks must give the same, in the same order.
  void start(const ParameterList& complete);
  /// Waits until every gradient that was given is the sum over all ranks.
  void finish();

 private:
  const Ranks* ranks_;
  ParameterList small_;
  std::vector<float> packed_;
};

}  // namespace tessera
