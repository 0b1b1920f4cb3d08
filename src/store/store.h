#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/task.h"

namespace tessera {

namespace fs = std::filesystem;

/// Ids are any bytes, 1 to this many.
constexpr std::size_t kMaxIdBytes = 64 * 1024;
/// The longest idempotency key.
constexpr std::size_t kMaxIdempotencyKeyBytes = 256;
/// How many idempotency keys are remembered of each user, the latest.
constexpr std::size_t kIdempotencyKeys = 64;

/// An item that was put over the API, as given: it outlives a change of model.
struct StoredItem {
  std::string id, title, text;
  /// What a model made of the text, to spare the next start the work: bytes that the store does not
  /// look into. They may be missing, or of another text or model, and say themselves of which.
  std::string tokens = {};

  bool operator==(const StoredItem&) const = default;
};

/// What an attribute of an item holds, as text that the store does not look into.
struct StoredAttribute {
  std::string name, value;

  bool operator==(const StoredAttribute&) const = default;
};

/// An event of a user: what, how and when. Times are milliseconds since 1970.
struct StoredEvent {
  std::string item;
  std::string kind = {};          ///< such as "purchase"; "" if nobody said
  std::optional<float> weight{};  ///< what it counts, as `prepare` weighs kinds
  /// By the clock of whoever sent it, or of the store where that said nothing; nothing for events
  /// from before times were kept.
  std::optional<std::int64_t> time{};
  /// When the store took it: never before what it took earlier, however clocks are set.
  std::optional<std::int64_t> received{};

  bool operator==(const StoredEvent&) const = default;
};

/// Events of which nothing but the items is known.
std::vector<StoredEvent> plain_events(std::span<const std::string> items);

/// What became of a list that was answered: it was shown, or an event followed from it. It names no
/// user.
struct StoredFeedback {
  std::int64_t time = 0;  ///< milliseconds since 1970
  std::string request;    ///< the id of the request that was answered with the list
  std::string variant;    ///< which model answered
  std::string kind = {};  ///< "impression": items that were shown; or an event's kind
  std::vector<std::string> items = {};

  static constexpr std::string_view kShown = "impression";
  bool shown() const { return kind == kShown; }
  bool operator==(const StoredFeedback&) const = default;
};

/// A change of an item, of its attributes, or of both.
struct StoredChange {
  enum class Kind {
    put,         ///< the item is put
    erase,       ///< it is gone
    attributes,  ///< only its attributes change
  };
  StoredItem item;
  Kind kind = Kind::put;
  std::vector<StoredAttribute> attributes = {};
};

/// Items and attributes that other processes changed, as they are now.
struct SharedChanges {
  std::vector<StoredItem> put = {};
  std::vector<std::string> erased = {};
  std::vector<std::string> restored = {};  ///< ids of which nothing is stored any more
  std::vector<std::pair<std::string, StoredAttribute>> attributes = {};  ///< by the item's id
  bool more = false;    ///< others follow, behind the place
  bool missed = false;  ///< some are no longer told: read everything anew
};

/// What became of a batch of events.
enum class Append {
  kDone,      ///< it was appended
  kRepeated,  ///< the same batch was appended before, with this key
  kConflict,  ///< another batch was appended with this key: nothing happened
};

/// What a store tells to whoever reads all of it. Throws Error that names the store when it cannot.
class StoredState {
 public:
  StoredState() = default;
  virtual ~StoredState() = default;
  StoredState(const StoredState&) = delete;
  StoredState& operator=(const StoredState&) = delete;

  using VisitHistory = std::function<bool(std::string_view user, std::span<const StoredEvent>)>;
  /// Calls visit for users with their events, oldest first, in an order of the store's own, from
  /// behind `cursor` ("": all) until it returns false, which the store may heed a few users later.
  /// Returns the cursor behind the last one, "" at the end. One user is in memory at a time, or a
  /// few. Redis may tell a user twice while its table shrinks.
  virtual std::string for_each_history(std::string_view cursor,
                                       const VisitHistory& visit) const = 0;
  /// About how many users there are, items counted in; 0 if nobody knows.
  virtual std::size_t about_users() const { return 0; }
  /// Calls put(item) for every stored item and erased(id) for every erased one, in any order.
  virtual void for_each_item(const std::function<void(const StoredItem&)>& put,
                             const std::function<void(std::string_view)>& erased) const = 0;
  /// Calls visit for all attributes of items, in any order.
  virtual void for_each_attribute(
      const std::function<void(std::string_view id, const StoredAttribute&)>& visit) const = 0;
  /// Calls visit for what became of lists, oldest first.
  virtual void for_each_feedback(const std::function<void(const StoredFeedback&)>& visit) const = 0;
};

/// What the service must not lose: user histories and live items, by external ids. A write that
/// returned is durable as docs/store.md states for the implementation; one that threw may or may
/// not have happened, so repeat it with its idempotency key. Every function may be called from
/// several threads at once. They throw UsageError for an id or key of a forbidden length, and Error
/// that names the store when it cannot do its work; it can be used on, and works again as soon as
/// the cause is gone.
class Store : public StoredState {
 public:
  /// Appends events to the end of the user's history, bounds it and remembers the key, in one
  /// atomic step; does nothing if the key (not empty) is among the last kIdempotencyKeys of this
  /// user. No events: nothing happens, the key is not remembered. Events without a time get that
  /// of the store's clock, a millisecond later where the batch has the same item and kind before.
  virtual Append append_events(std::string_view user, std::span<const StoredEvent> events,
                               std::string_view idempotency_key) = 0;
  /// What append_events would do with this batch, without doing it.
  virtual Append foresee_append(std::string_view user, std::span<const StoredEvent> events,
                                std::string_view idempotency_key) const = 0;
  /// The items of the events, oldest first; nothing for an unknown user.
  virtual std::optional<std::vector<std::string>> history(std::string_view user) const = 0;
  /// Forgets the user with the idempotency keys; false if there was nothing.
  virtual bool erase_history(std::string_view user) = 0;

  virtual void put_item(const StoredItem& item) = 0;
  /// Keeps the tokens of items that are stored, and may lose them.
  virtual void keep_tokens(std::span<const StoredItem> items) = 0;
  /// The item is gone, whether it was put over the API or belongs to the model's catalogue.
  virtual void erase_item(std::string_view id) = 0;
  /// Forgets that the item was erased, or what was put in its place.
  virtual void restore_item(std::string_view id) = 0;

  /// Keeps attributes of an item, all in one atomic step, over what was kept of them before. The
  /// item may be any, stored or not, and its end does not change them.
  virtual void put_attributes(std::string_view id, std::span<const StoredAttribute> values) = 0;
  /// Many changes in order, which costs much less than one by one. If it throws some of them may be
  /// there: repeat them all.
  virtual void change_items(std::span<const StoredChange> changes) {
    for (const StoredChange& change : changes) {
      if (change.kind == StoredChange::Kind::put) put_item(change.item);
      if (change.kind == StoredChange::Kind::erase) erase_item(change.item.id);
      if (!change.attributes.empty()) put_attributes(change.item.id, change.attributes);
    }
  }

  /// The place of the latest change of an item or attribute; nothing where no other process shares
  /// the store. What for_each_item and for_each_attribute tell from here on has all up to it.
  virtual std::optional<std::string> latest_change() { return std::nullopt; }
  /// What others changed behind `place`, which goes on, some hundreds at a time; where some are
  /// missed it stays. Of items that are put or restored all attributes of these names are told,
  /// changed or not: whoever did not know the item may have passed them over.
  virtual SharedChanges changes_behind(std::string& place,
                                       std::span<const std::string> attributes) const {
    static_cast<void>(place), static_cast<void>(attributes);
    return {};
  }

  /// Keeps what became of a list, and forgets the oldest beyond StoreOptions::feedback_limit. It
  /// outlives the process; of the last seconds before a power cut some may be lost.
  virtual void add_feedback(const StoredFeedback& feedback) = 0;

  /// By how much the clock stands before that of events which were taken earlier: it went back.
  virtual std::chrono::milliseconds clock_behind() const { return {}; }
  /// Throws Error if the store cannot be read.
  virtual void check() const {}

  // The same for callers whose threads should not wait while the store is far away. What arguments
  // refer to must live until the task is done. Where nothing is far it is done by whoever awaits
  // it.
  virtual Task<Append> append_events_async(std::string_view user,
                                           std::span<const StoredEvent> events,
                                           std::string_view idempotency_key) {
    co_return append_events(user, events, idempotency_key);
  }
  virtual Task<Append> foresee_append_async(std::string_view user,
                                            std::span<const StoredEvent> events,
                                            std::string_view idempotency_key) const {
    co_return foresee_append(user, events, idempotency_key);
  }
  virtual Task<std::optional<std::vector<std::string>>> history_async(std::string_view user) const {
    co_return history(user);
  }
  virtual Task<bool> erase_history_async(std::string_view user) { co_return erase_history(user); }
  /// True, or throws.
  virtual Task<bool> add_feedback_async(const StoredFeedback& feedback) {
    add_feedback(feedback);
    co_return true;
  }
  /// True, or throws.
  virtual Task<bool> check_async() const {
    check();
    co_return true;
  }

  /// Adds a consistent backup to the directory while the store is in use. Throws Error if this kind
  /// of store is backed up in another way.
  virtual void backup(const fs::path& directory) = 0;
  /// Removes what was erased from the disk, too, where the store would only do so in time.
  virtual void purge_erased() {}
};

/// When RocksDB asks the disk to keep what was written. Whatever the policy, an acknowledged write
/// survives the end of the process; the policy decides about power loss and a crash of the kernel.
enum class Sync {
  kAlways,    ///< before a write returns: nothing acknowledged is lost
  kInterval,  ///< at intervals: at most the last one is lost
  kNone,      ///< when the kernel likes, usually within half a minute
};

struct StoreOptions {
  std::size_t history_limit = 1000;  ///< the latest events of a user that are kept, 1 or more
  Sync sync = Sync::kAlways;
  std::chrono::milliseconds sync_interval{1000};
  std::size_t feedback_limit = 1'000'000;  ///< the latest records of feedback that are kept
  std::size_t change_limit = 100'000;  ///< the latest changes of items that sharers can catch up on
  std::string redis_prefix = "tessera:";  ///< of every key, so that others may use the server
  std::chrono::milliseconds redis_timeout{1000};  ///< to connect, and to get each answer
  /// Milliseconds since 1970; none: by the system's clock.
  std::function<std::int64_t()> clock = {};
};

/// Sets the sync policy by its name: "always", "none" or an interval such as "250ms" (1 ms to a
/// minute). Throws UsageError.
void set_sync(StoreOptions& options, std::string_view policy);

/// Opens the store that `spec` names. A directory belongs to its owner alone (mode 0700), and an
/// older one is made so:
///   ""                                              in memory, gone with the process
///   redis://[[user]:password@]host[:port][/number]  Redis or Valkey (valkey://)
///   redis-sentinel://…host[:port],…/master[/number] the master that Sentinels name
///   redis-cluster://…host[:port],…                  a cluster, by some of its nodes
///   rediss://…[?ca=FILE]                            each of them by TLS (valkeys://)
///   unix:PATH                                       the same, by a socket file
///   anything else                                   RocksDB in that directory, made if need be
/// Throws UsageError for a spec or option that makes no sense, Error if the store cannot be opened,
/// or if the directory holds anything else.
std::unique_ptr<Store> open_store(const std::string& spec, const StoreOptions& options = {});

/// Opens what `spec` names as open_store does, only to read it: nothing is written, and a directory
/// may be in use by a service, whose acknowledged writes are seen as of now. Throws UsageError or
/// Error, also if there is no state.
std::unique_ptr<StoredState> open_state(const std::string& spec, const StoreOptions& options = {});
/// The same of a backup, of this id or the latest, without restoring it.
std::unique_ptr<StoredState> open_backup(const fs::path& backup,
                                         std::optional<std::uint32_t> id = std::nullopt);

/// A backup of a directory of them.
struct BackupInfo {
  std::uint32_t id = 0;
  std::int64_t time = 0;    ///< seconds since 1970; 0 if it is too damaged to tell
  std::uint64_t bytes = 0;  ///< of its files
  std::string damage;       ///< what is wrong with it; "" if it is whole
};

/// The backups in `directory`, oldest first, their checksums verified. Throws Error.
std::vector<BackupInfo> list_backups(const fs::path& directory);

/// Makes the state directory (which must not exist or be empty) from the backup of this id in
/// `backup`, or from the latest, and returns which it was; its checksums are verified. Throws
/// Error, which names the latest whole backup if the one asked for is damaged; the directory is
/// then as before.
BackupInfo restore_backup(const fs::path& backup, const fs::path& directory,
                          std::optional<std::uint32_t> id = std::nullopt);

/// "2026-01-31 23:59:59 UTC".
std::string backup_time(const BackupInfo& backup);

}  // namespace tessera
