#include "cli/print.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

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

void print_tokens(const CodeStatistics& statistics, const TokenAccount& account) {
  fmt::print("tokens: {} catalogue parameters, {:.2f} % below a table of 64 dims; {} bytes\n",
             grouped(account.catalogue_parameters), 100 * account.reduction,
             grouped(account.catalogue_bytes));
  if (statistics.activation.empty()) return;
  for (std::size_t l = 0; l < statistics.activation.size(); ++l) {
    fmt::print("  level {}: {:.2f} % of codes used, perplexity {:.1f}\n", l + 1,
               100 * statistics.activation[l], statistics.perplexity[l]);
  }
  fmt::print(
      "  {:.2f} % of items have a code tuple of their own, {:.2f} % distinct tuples; the "
      "largest collision has {} items\n",
      100 * statistics.unique_share, 100 * statistics.distinct_share, statistics.largest_collision);
}

}  // namespace tessera
