#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <vector>

namespace tessera {

/// Where a target stands among its candidates: `better` score higher, `tied` others score the same.
struct Rank {
  std::uint32_t better = 0;
  std::uint32_t tied = 0;
};

/// Means over users. With ties each is the mean of its value at ranks better+1 … better+1+tied.
struct Metrics {
  std::size_t users = 0;
  double hr1 = 0, hr5 = 0, hr10 = 0, ndcg5 = 0, ndcg10 = 0, mrr = 0;
};

/// The metrics of one user (users = 1).
Metrics metrics_of(Rank rank);
/// Their means; all zero for no users.
Metrics metrics_of(std::span<const Rank> ranks);

/// {"HR@1", "HR@5", "HR@10", "NDCG@5", "NDCG@10", "MRR"}.
nlohmann::json to_json(const Metrics& metrics);
Metrics metrics_from_json(const nlohmann::json& json, std::size_t users);

}  // namespace tessera
