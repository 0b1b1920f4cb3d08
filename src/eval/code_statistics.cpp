#include "eval/code_statistics.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/half.h"

namespace tessera {

CodeStatistics code_statistics(std::span<const std::int32_t> codes, std::size_t codebooks,
                               std::size_t codebook_size) {
  CodeStatistics result;
  if (codebooks == 0 || codes.empty()) return result;
  const std::size_t items = codes.size() / codebooks;
  const auto total = static_cast<double>(items);
  for (std::size_t c = 0; c < codebooks; ++c) {
    std::vector<std::size_t> counts(codebook_size);
    for (std::size_t i = 0; i < items; ++i) {
      ++counts[static_cast<std::size_t>(codes[i * codebooks + c])];
    }
    double entropy = 0.0;
    std::size_t used = 0;
    for (const std::size_t count : counts) {
      if (count == 0) continue;
      ++used;
      const double share = static_cast<double>(count) / total;
      entropy -= share * std::log(share);
    }
    result.activation.push_back(static_cast<double>(used) / static_cast<double>(codebook_size));
    result.perplexity.push_back(std::exp(entropy));
  }
  std::vector<std::size_t> order(items);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto tuple = [&](std::size_t i) { return codes.subspan(i * codebooks, codebooks); };
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    return std::ranges::lexicographical_compare(tuple(a), tuple(b));
  });
  std::size_t distinct = 0;
  std::size_t unique = 0;
  for (std::size_t i = 0; i < items;) {
    std::size_t end = i + 1;
    while (end < items && std::ranges::equal(tuple(order[i]), tuple(order[end]))) ++end;
    ++distinct;
    unique += end - i == 1;
    result.largest_collision = std::max(result.largest_collision, end - i);
    i = end;
  }
  result.unique_share = static_cast<double>(unique) / total;
  result.distinct_share = static_cast<double>(distinct) / total;
  return result;
}

IdStatistics id_statistics(std::span<const float> tokens, std::span<const float> untaught) {
  const std::size_t dims = untaught.size();
  IdStatistics result{.dims = dims};
  if (dims == 0 || tokens.empty()) return result;
  std::size_t taught = 0;
  double lengths = 0.0;
  const std::size_t items = tokens.size() / dims;
  for (std::size_t i = 0; i < items; ++i) {
    const std::span<const float> token = tokens.subspan(i * dims, dims);
    if (std::ranges::equal(token, untaught)) continue;
    double square = 0.0;
    for (const float value : token) square += double{value} * value;
    lengths += std::sqrt(square);
    ++taught;
  }
  result.untaught_share = static_cast<double>(items - taught) / static_cast<double>(items);
  if (taught > 0) result.mean_length = lengths / static_cast<double>(taught);
  return result;
}

TokenAccount token_account(const Settings& settings, std::size_t items) {
  constexpr std::size_t kReferenceDims = 64;
  TokenAccount account;
  const std::size_t rows =
      settings.levels * settings.semantic_width() + settings.collaborative_width();
  const std::size_t ids = items * settings.id_width(), shared = settings.codebook_size * rows;
  account.catalogue_parameters = ids + shared;
  const std::size_t bits = static_cast<std::size_t>(std::bit_width(settings.codebook_size - 1));
  account.catalogue_bytes =
      ids * sizeof(Half) + shared * sizeof(float) + (items * settings.codes() * bits + 7) / 8;
  account.reduction = 1.0 - static_cast<double>(account.catalogue_parameters) /
                                static_cast<double>(items * kReferenceDims);
  return account;
}

TokenStatistics token_statistics(const Settings& settings, std::span<const std::int32_t> codes,
                                 std::size_t items) {
  const std::size_t count = settings.codes();
  const auto of_codebooks = [&](std::size_t first, std::size_t codebooks) {
    std::vector<std::int32_t> own;
    own.reserve(items * codebooks);
    for (std::size_t i = 0; i < items; ++i) {
      const auto kind = codes.subspan(i * count + first, codebooks);
      own.insert(own.end(), kind.begin(), kind.end());
    }
    return code_statistics(own, codebooks, settings.codebook_size);
  };
  const std::size_t levels = settings.has_semantics() ? settings.levels : 0;
  return {token_account(settings, items),
          of_codebooks(0, levels),
          of_codebooks(levels, count - levels),
          {}};
}

nlohmann::json to_json(const CodeStatistics& statistics) {
  return {{"activation", statistics.activation},
          {"perplexity", statistics.perplexity},
          {"unique_share", statistics.unique_share},
          {"distinct_share", statistics.distinct_share},
          {"largest_collision", statistics.largest_collision}};
}

nlohmann::json to_json(const IdStatistics& statistics) {
  return {{"dims", statistics.dims},
          {"untaught_share", statistics.untaught_share},
          {"mean_length", statistics.mean_length}};
}

nlohmann::json to_json(const TokenStatistics& statistics) {
  const TokenAccount& account = statistics.account;
  nlohmann::json json = to_json(statistics.semantic);
  json["catalogue_parameters"] = account.catalogue_parameters;
  json["catalogue_bytes"] = account.catalogue_bytes;
  json["reduction"] = account.reduction;
  if (!statistics.collaborative.activation.empty()) {
    json["collaborative"] = to_json(statistics.collaborative);
  }
  if (statistics.id.dims > 0) json["id"] = to_json(statistics.id);
  return json;
}

}  // namespace tessera
