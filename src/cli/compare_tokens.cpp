#include "cli/compare_tokens.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/numbers.h"
#include "cli/print.h"
#include "eval/code_comparison.h"

namespace tessera {
namespace {

constexpr std::size_t kShown = 5;
constexpr std::size_t kShownOfAll = 100;
constexpr std::size_t kInJson = 1000;

double percent(std::size_t part, std::size_t whole) {
  return whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

std::string words_of(std::span<const std::int32_t> codes) {
  std::string words;
  for (const std::int32_t code : codes)
    words += fmt::format("{}{}", words.empty() ? "" : "-", code);
  return words;
}

void print_levels(const CodeComparison& found, bool all) {
  std::size_t least = found.common, most = 0, kept = 0;
  for (std::size_t l = 0; l < found.levels.size(); ++l) {
    const LevelChange& level = found.levels[l];
    const bool semantic = l < found.semantic_levels;
    if (semantic || all) {
      fmt::print("  {} {:<3} {:5.1f} % kept their code ({} codes have another number)\n",
                 semantic ? "level             " : "collaborative part",
                 semantic ? l + 1 : l + 1 - found.semantic_levels,
                 percent(level.kept, found.common), level.renamed);
    }
    if (semantic) continue;
    least = std::min(least, level.kept);
    most = std::max(most, level.kept);
    kept += level.kept;
  }
  const std::size_t parts = found.levels.size() - found.semantic_levels;
  if (parts == 0 || all) return;
  fmt::print("  collaborative parts: {:.1f} % in the mean of {}, from {:.1f} % to {:.1f} %\n",
             percent(kept, parts * found.common), parts, percent(least, found.common),
             percent(most, found.common));
}

}  // namespace

void compare_tokens(const std::filesystem::path& earlier, const std::filesystem::path& later,
                    bool json, bool all) {
  const CodeComparison found = compare_codes(read_bundle(earlier), read_bundle(later));
  if (json) return print_json(to_json(found, kInJson));
  fmt::print("{} items of both, {} new, {} gone; codes by the names that match best:\n",
             grouped(found.common), grouped(found.added.size()), grouped(found.gone.size()));
  print_levels(found, all);
  fmt::print("  {:.1f} % kept all their semantic codes, {:.1f} % all their codes\n",
             percent(found.kept_semantic, found.common), percent(found.kept_all, found.common));
  const std::size_t most = all ? kShownOfAll : kShown;
  const std::size_t levels = found.semantic_levels;
  const auto first = [&](const auto& list) {
    return std::span(list).first(std::min(most, list.size()));
  };
  if (!found.moved.empty()) fmt::print("Moved furthest, in lengths of their vectors:\n");
  for (const MovedItem& item : first(found.moved)) {
    fmt::print("  {:.2f}  {}  {} -> {}  {}\n", item.distance, item.id,
               words_of(std::span(item.before).first(levels)),
               words_of(std::span(item.after).first(levels)), printable(item.title, 50));
  }
  if (!found.added.empty()) fmt::print("New:\n");
  for (const AddedItem& item : first(found.added)) {
    fmt::print("  {}  {}  shared with {} items  {}\n", item.id,
               words_of(std::span(item.codes).first(levels)), item.shared,
               printable(item.title, 50));
  }
}

}  // namespace tessera
