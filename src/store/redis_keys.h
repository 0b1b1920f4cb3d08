#pragma once
#include <string>
#include <string_view>

#include "base/error.h"

namespace tessera {

/// The names under which a store is kept in Redis. In a cluster the keys of a user lie in one slot,
/// and so do those of all items: what one step changes must.
class RedisKeys {
 public:
  /// Throws UsageError for a prefix that would decide about slots.
  RedisKeys(std::string prefix, bool cluster) : prefix_(std::move(prefix)), cluster_(cluster) {
    if (cluster && prefix_.find('{') != prefix_.npos) {
      fail_usage("the prefix '{}' of keys may have no {{ in a cluster", prefix_);
    }
  }

  // The user's events, idempotency keys, and digests of their batches.
  std::string history(std::string_view user) const { return of_user('h', user); }
  std::string keys(std::string_view user) const { return of_user('k', user); }
  std::string digests(std::string_view user) const { return of_user('d', user); }
  /// What belongs to no user.
  std::string shared(std::string_view name) const {
    return prefix_ + (cluster_ ? "{shared}" : "") + std::string(name);
  }

  /// Whose history a key is.
  std::string_view user_of(std::string_view history_key) const {
    history_key.remove_prefix(prefix_.size() + (cluster_ ? 3 : 2));
    if (cluster_) history_key.remove_suffix(1);
    return history_key;
  }
  /// Of all histories' keys, as SCAN takes it.
  std::string histories() const {
    return escaped(prefix_ + (cluster_ ? "h{:" : "h:")) + (cluster_ ? "*}" : "*");
  }

 private:
  /// The tag is never empty, whatever the user is called: it begins with the colon.
  std::string of_user(char what, std::string_view user) const {
    std::string key = prefix_ + what;
    if (cluster_) key += '{';
    key += ':';
    key += user;
    if (cluster_) key += '}';
    return key;
  }
  /// A text that a pattern of keys finds as it is.
  static std::string escaped(std::string_view text) {
    std::string pattern;
    for (const char c : text) {
      if (std::string_view("*?[]\\").find(c) != std::string_view::npos) pattern += '\\';
      pattern += c;
    }
    return pattern;
  }

  std::string prefix_;
  bool cluster_;
};

}  // namespace tessera
