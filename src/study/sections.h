#pragma once
#include <string>
#include <vector>

#include "study/results.h"
#include "study/token_map.h"

namespace tessera {

// The parts of the study's page for one dataset, each a piece of HTML. What is not measured yet is
// left open.

/// What the paper has figures of, ours beside: one table a kind of figure; "" without such figures.
std::string beside_paper_section(const Study& study, std::size_t dataset);
/// ID, semantic and unified tokens on both protocols, with rules that count and published peers.
std::string tokens_section(const Study& study, std::size_t dataset);
/// How well each distance uses the codebooks.
std::string distance_section(const Study& study, std::size_t dataset);
/// A comparison over one setting: `key` of StudyGrid.
std::string sweep_section(const Study& study, std::size_t dataset, const std::string& key);
/// What a catalogue costs and what it brings.
std::string cost_section(const Study& study, std::size_t dataset);
/// Validation over epochs, a panel a comparison.
std::string curve_section(const Study& study, std::size_t dataset);

/// The tokens of a model; `whole`: with items and samples, otherwise codebooks alone.
struct ModelMap {
  std::size_t dataset = 0;
  std::string label;
  bool whole = false;
  TokenMap map;
};
std::string map_section(const std::vector<ModelMap>& maps, std::size_t dataset);

}  // namespace tessera
