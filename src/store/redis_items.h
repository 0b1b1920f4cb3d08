#pragma once
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "store/redis_keys.h"
#include "store/redis_servers.h"
#include "store/store.h"

namespace tessera {

/// Items and attributes in Redis, each change of which is a line of a stream for those who share
/// them: the part of RedisStore that knows no users. Functions are as Store's.
class RedisItems {
 public:
  /// `redis` must outlive it. The stream keeps about `limit` changes.
  RedisItems(const RedisServers& redis, const RedisKeys& keys, std::size_t limit);

  void put(const StoredItem& item);
  void erase(std::string_view id);
  void restore(std::string_view id);
  void keep_tokens(std::span<const StoredItem> items);
  void put_attributes(std::string_view id, std::span<const StoredAttribute> values);
  void change(std::span<const StoredChange> changes);

  std::optional<std::string> latest_change();
  SharedChanges changes_behind(std::string& place, std::span<const std::string> names) const;
  void for_each(const std::function<void(const StoredItem&)>& put,
                const std::function<void(std::string_view)>& erased) const;
  void for_each_attribute(
      const std::function<void(std::string_view, const StoredAttribute&)>& visit) const;

 private:
  using Names = std::set<std::string, std::less<>>;

  void change_all(const RedisWords& fours);
  std::string own() const;
  void tell_items(std::span<redisReply* const> fields, Names& seen,
                  const std::function<void(const StoredItem&)>& put,
                  const std::function<void(std::string_view)>& erased) const;
  void tell_item(std::string_view id, const redisReply& record, const redisReply& tokens,
                 const std::function<void(const StoredItem&)>& put,
                 const std::function<void(std::string_view)>& erased) const;
  RedisReply fields_of(const std::string& hash, const Names& names) const;
  void read_items(const Names& ids, SharedChanges& changes) const;
  void read_attributes(const Names& keys, SharedChanges& changes) const;

  const RedisServers& redis_;
  const std::string limit_;
  // The keys of the hashes of items, of what models made of them, and of attributes; and of the
  // stream.
  const std::string items_, tokens_, attributes_, changes_;
  const RedisScript change_;
  mutable std::mutex mutex_;  // guards what follows
  std::string own_;           // what this process calls itself in the stream
};

}  // namespace tessera
