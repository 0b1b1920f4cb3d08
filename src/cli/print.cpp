#include "cli/print.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/error.h"
#include "base/files.h"
#include "base/numbers.h"

namespace tessera {

void print_json(const nlohmann::json& json) { fmt::print("{}\n", dump_json(json)); }

std::string printable(std::string_view text, std::size_t width) {
  std::string result = printable(text);
  std::size_t shown = 0;
  std::size_t fits = 0;  // bytes of the first width − 1 characters
  for (std::size_t at = 0; at < result.size(); ++at) {
    if ((static_cast<unsigned char>(result[at]) & 0xC0) == 0x80) continue;
    if (shown + 1 == width) fits = at;
    if (++shown > width) {
      result.resize(fits);
      return result + "…";
    }
  }
  return result;
}

void print_account(const TokenAccount& account) {
  fmt::print("tokens: {} catalogue parameters, {:.2f} % {} a table of 64 dims; {} bytes\n",
             grouped(account.catalogue_parameters), std::abs(100 * account.reduction),
             account.reduction < 0 ? "above" : "below", grouped(account.catalogue_bytes));
}

void print_codes(const char* codebook, const CodeStatistics& statistics) {
  for (std::size_t c = 0; c < statistics.activation.size(); ++c) {
    fmt::print("  {} {}: {:.2f} % of codes used, perplexity {:.1f}\n", codebook, c + 1,
               100 * statistics.activation[c], statistics.perplexity[c]);
  }
  fmt::print(
      "  {:.2f} % of items have a code tuple of their own, {:.2f} % distinct tuples; the "
      "largest collision has {} items\n",
      100 * statistics.unique_share, 100 * statistics.distinct_share, statistics.largest_collision);
}

void print_ids(const IdStatistics& statistics) {
  if (statistics.dims == 0) return;
  fmt::print(
      "  ID tokens of {} dims, mean length {:.3f}; {:.2f} % of items have that of "
      "new ones, as no event of theirs was trained on\n",
      statistics.dims, statistics.mean_length, 100 * statistics.untaught_share);
}

void print_codes(const TokenStatistics& statistics, bool all) {
  const CodeStatistics& semantic = statistics.semantic;
  const CodeStatistics& collaborative = statistics.collaborative;
  if (semantic.activation.empty()) return;
  print_codes("level", semantic);
  if (collaborative.activation.empty()) return;
  if (all) return print_codes("collaborative part", collaborative);
  const auto mean = [](const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  };
  fmt::print(
      "  and {} collaborative codebooks (--all): {:.2f} % of codes used, perplexity {:.1f}\n",
      collaborative.activation.size(), 100 * mean(collaborative.activation),
      mean(collaborative.perplexity));
}

}  // namespace tessera
