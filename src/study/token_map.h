#pragma once
#include <array>
#include <string>
#include <vector>

#include "model/bundle.h"

namespace tessera {

/// A code of one level, placed in the plane in which its codebook differs most.
struct CodePlace {
  std::array<float, 2> at{};
  std::size_t items = 0;  ///< that have it
};

/// A first-level code and some items that have it.
struct CodeSample {
  std::int32_t code = 0;
  std::size_t items = 0;
  std::vector<std::string> titles;
};

/// The learned tokens of a model, drawn in two dimensions.
struct TokenMap {
  std::vector<std::vector<CodePlace>> levels;
  std::vector<std::array<float, 2>> items;  ///< item vectors in their own plane
  std::vector<std::int32_t> first_codes;    ///< of the items
  std::vector<CodeSample> samples;          ///< the first level's commonest codes
};

/// Of a model with semantic tokens. `samples` codes are shown with up to `titles` items each, in
/// the order of their numbers, which is a random one.
TokenMap token_map(const Bundle& bundle, std::size_t samples, std::size_t titles);

/// Degrees for each first-level code: the direction in which its items lie from the middle, so that
/// neighbours have like colours.
std::vector<double> code_hues(const TokenMap& map);

}  // namespace tessera
