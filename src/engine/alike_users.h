#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "tessera/model.h"

namespace tessera {

/// The users whose states are most like that after a history, of users that come one by one, of
/// whom some hundreds are held at a time.
class AlikeUsers {
 public:
  struct User {
    double cosine;
    std::string user;
  };

  /// The `k` best. The model and the history, which is not empty, must outlive it.
  AlikeUsers(const Model& model, History history, std::size_t k)
      : model_(model), history_(history), k_(k) {}

  /// Of an empty history there is no state: the user is passed over.
  void add(std::string_view user, std::vector<std::int32_t> history);
  /// The largest cosines first; of equal ones by the users' ids.
  const std::vector<User>& best();

 private:
  void compare();

  const Model& model_;
  const History history_;
  const std::size_t k_;
  std::vector<std::string> users_;
  std::vector<std::vector<std::int32_t>> histories_;
  std::vector<User> best_;
};

}  // namespace tessera
