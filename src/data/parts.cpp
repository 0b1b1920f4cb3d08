#include "data/parts.h"

#include <utility>

#include "base/random.h"

namespace tessera {

std::size_t part_of_user(std::string_view id, std::size_t parts) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return mix_bits(hash) % parts;
}

DatasetPart part_of(Dataset whole, std::size_t part, std::size_t parts) {
  if (parts == 1) return {std::move(whole), {}};
  DatasetPart result;
  Dataset& data = result.data;
  data.name = whole.name;
  data.simulated = whole.simulated;
  data.items = std::move(whole.items);
  data.split = whole.split;
  data.refit = whole.refit;
  for (std::size_t u = 0; u < whole.users(); ++u) {
    if (part_of_user(whole.user_ids[u], parts) != part) continue;
    result.users.push_back(static_cast<std::int32_t>(u));
    data.user_ids.push_back(whole.user_ids[u]);
    if (!whole.seen.empty()) data.seen.push_back(whole.seen[u]);
    data.events.insert(data.events.end(), whole.events.begin() + whole.offsets[u],
                       whole.events.begin() + whole.offsets[u + 1]);
    if (!whole.times.empty()) {
      data.times.insert(data.times.end(), whole.times.begin() + whole.offsets[u],
                        whole.times.begin() + whole.offsets[u + 1]);
    }
    if (!whole.weights.empty()) {
      data.weights.insert(data.weights.end(), whole.weights.begin() + whole.offsets[u],
                          whole.weights.begin() + whole.offsets[u + 1]);
    }
    if (!whole.cuts.empty()) {
      data.cuts.insert(data.cuts.end(), {whole.cuts[2 * u], whole.cuts[2 * u + 1]});
    }
    data.offsets.push_back(static_cast<std::int64_t>(data.events.size()));
  }
  hide_withheld(data);
  return result;
}

}  // namespace tessera
