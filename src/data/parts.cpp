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
  // The user's part of what lies beside events, where there is such.
  const auto append = [&](std::size_t u, const auto& from, auto& to) {
    if (from.empty()) return;
    to.insert(to.end(), from.begin() + whole.offsets[u], from.begin() + whole.offsets[u + 1]);
  };
  for (std::size_t u = 0; u < whole.users(); ++u) {
    if (part_of_user(whole.user_ids[u], parts) != part) continue;
    result.users.push_back(static_cast<std::int32_t>(u));
    data.user_ids.push_back(whole.user_ids[u]);
    if (!whole.seen.empty()) data.seen.push_back(whole.seen[u]);
    append(u, whole.events, data.events);
    append(u, whole.times, data.times);
    append(u, whole.weights, data.weights);
    if (!whole.cuts.empty()) {
      data.cuts.insert(data.cuts.end(), {whole.cuts[2 * u], whole.cuts[2 * u + 1]});
    }
    data.offsets.push_back(static_cast<std::int64_t>(data.events.size()));
  }
  hide_withheld(data);
  return result;
}

}  // namespace tessera
