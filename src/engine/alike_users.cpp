#include "engine/alike_users.h"

#include <algorithm>

namespace tessera {
namespace {

constexpr std::size_t kAtOnce = 256;

}  // namespace

void AlikeUsers::add(std::string_view user, std::vector<std::int32_t> history) {
  if (history.empty()) return;
  users_.emplace_back(user);
  histories_.push_back(std::move(history));
  if (users_.size() == kAtOnce) compare();
}

const std::vector<AlikeUsers::User>& AlikeUsers::best() {
  compare();
  return best_;
}

void AlikeUsers::compare() {
  const std::vector<History> others(histories_.begin(), histories_.end());
  const std::vector<double> cosines = model_.likeness(history_, others);
  for (std::size_t i = 0; i < users_.size(); ++i) {
    best_.push_back({cosines[i], std::move(users_[i])});
  }
  users_.clear();
  histories_.clear();
  std::ranges::sort(best_, [](const User& a, const User& b) {
    return a.cosine != b.cosine ? a.cosine > b.cosine : a.user < b.user;
  });
  if (best_.size() > k_) best_.resize(k_);
}

}  // namespace tessera
