#include "store/rocks_store.h"

#include <fcntl.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/merge_operator.h>
#include <rocksdb/table.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>
#include <stop_token>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "store/private_folder.h"
#include "store/records.h"
#include "store/rocks_backups.h"

namespace tessera {
namespace {

using rocksdb::Slice;
using rocksdb::Status;

// 1 had no digests of batches, and is read as it is.
constexpr int kRocksSchema = 2;
constexpr std::string_view kSchemaKey = "schema";
// A key is one of these letters and the id, which needs no separator then.
constexpr char kHistoryPrefix = 'h', kItemPrefix = 'i', kTokensPrefix = 't', kAttributePrefix = 'a';
constexpr std::size_t kStripes = 256;
constexpr std::chrono::seconds kRecoveryPause{1};

Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view view(const Slice& bytes) { return {bytes.data(), bytes.size()}; }

std::string prefixed(char prefix, std::string_view id) {
  std::string key(1, prefix);
  key += id;
  return key;
}

/// An append is written as what it adds; RocksDB joins what was added when it reads or compacts, so
/// that a write costs the batch and not the history.
class JoinHistories final : public rocksdb::AssociativeMergeOperator {
 public:
  explicit JoinHistories(std::size_t history_limit) : history_limit_(history_limit) {}

  const char* Name() const override { return "tessera.JoinHistories"; }

  bool Merge(const Slice&, const Slice* before, const Slice& after, std::string* joint,
             rocksdb::Logger*) const override {
    auto earlier = before != nullptr ? decode_history(view(*before)) : HistoryRecord{};
    const auto later = decode_history(view(after));
    if (!earlier || !later) return false;
    *joint = encode_history(joined(std::move(*earlier), *later, history_limit_));
    return true;
  }

 private:
  std::size_t history_limit_;
};

/// RocksDB's own log is left out: this build of it aborts the process when the log meets a full
/// disk, and what matters is thrown.
class NoLog final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

/// Small, for user histories beside a model: some 60 MiB at most, and at most 48 MiB of log to read
/// when a killed process starts again.
rocksdb::Options rocks_options(std::size_t history_limit) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.merge_operator = std::make_shared<JoinHistories>(history_limit);
  options.write_buffer_size = 16 << 20;
  options.max_write_buffer_number = 2;
  options.max_total_wal_size = 48 << 20;
  options.max_successive_merges = 32;  // a popular user's history stays quick to read
  options.max_background_jobs = 2;
  options.manifest_preallocation_size = 64 << 10;
  options.max_open_files = 256;
  options.periodic_compaction_seconds = 24 * 60 * 60;  // erased data leaves the disk, see store.md
  options.stats_dump_period_sec = 0;
  options.info_log = std::make_shared<NoLog>();
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(16 << 20);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

class RocksStore final : public Store {
 public:
  RocksStore(const fs::path& directory, const StoreOptions& options)
      : name_(directory.string()), options_(options) {
    make_private_folder(directory, Folder::state);
    write_options_.sync = options.sync == Sync::kAlways;
    open();
    close_to_others(directory);
    if (options.sync == Sync::kInterval) {
      syncer_ = std::jthread([this](const std::stop_token& stop) { sync_until(stop); });
    }
  }

  ~RocksStore() override {
    if (syncer_.joinable()) {
      syncer_.request_stop();
      syncer_.join();
    }
    sync();
  }

  Append append_events(std::string_view user, std::span<const std::string> items,
                       std::string_view idempotency_key) override {
    check_append(user, items, idempotency_key);
    if (items.empty()) return Append::kDone;
    const std::string digest = batch_digest(items);
    HistoryRecord added;
    added.events.assign(items.end() - std::min(std::ssize(items), limit()), items.end());
    if (!idempotency_key.empty()) {
      added.keys.push_back(idempotency_key);
      added.digests.emplace_back(digest);
    }

    recover();
    const std::string key = prefixed(kHistoryPrefix, user);
    std::unique_lock<std::mutex> lock;
    if (!idempotency_key.empty()) {
      lock = std::unique_lock(stripe(user));
      const Append verdict = verdict_on(key, idempotency_key, digest);
      if (verdict != Append::kDone) return verdict;
    }
    rocksdb::WriteBatch batch;
    batch.Merge(key, encode_history(added));
    write(batch);
    return Append::kDone;
  }

  Append foresee_append(std::string_view user, std::span<const std::string> items,
                        std::string_view idempotency_key) const override {
    check_append(user, items, idempotency_key);
    recover();
    return verdict_on(prefixed(kHistoryPrefix, user), idempotency_key, batch_digest(items));
  }

  std::optional<std::vector<std::string>> history(std::string_view user) const override {
    check_id(user);
    recover();
    std::string bytes;
    const auto known = read_history(prefixed(kHistoryPrefix, user), bytes);
    if (!known) return std::nullopt;
    return std::vector<std::string>(known->events.begin(), known->events.end());
  }

  bool erase_history(std::string_view user) override {
    check_id(user);
    const std::string key = prefixed(kHistoryPrefix, user);
    recover();
    const std::lock_guard lock(stripe(user));
    std::string bytes;
    if (!read_history(key, bytes)) return false;
    rocksdb::WriteBatch batch;
    batch.Delete(key);
    write(batch);
    return true;
  }

  void put_item(const StoredItem& item) override {
    const StoredChange change = {item};
    change_items({&change, 1});
  }

  void change_items(std::span<const StoredChange> changes) override {
    recover();
    rocksdb::WriteBatch batch;
    for (const auto& [item, kind, attributes] : changes) {
      check_id(item.id);
      if (kind == StoredChange::Kind::put) {
        batch.Put(prefixed(kItemPrefix, item.id), encode_item(item));
        if (!item.tokens.empty()) batch.Put(prefixed(kTokensPrefix, item.id), item.tokens);
      } else if (kind == StoredChange::Kind::erase) {
        batch.Put(prefixed(kItemPrefix, item.id), encode_erased_item());
        batch.Delete(prefixed(kTokensPrefix, item.id));
      }
      for (const StoredAttribute& value : attributes) {
        const std::string key = encode_attribute_key(item.id, value.name);
        batch.Put(prefixed(kAttributePrefix, key), value.value);
      }
    }
    write(batch);
  }

  void keep_tokens(std::span<const StoredItem> items) override {
    recover();
    rocksdb::WriteBatch batch;
    for (const StoredItem& item : items) batch.Put(prefixed(kTokensPrefix, item.id), item.tokens);
    write(batch);
  }

  void check() const override {
    recover();
    std::string schema;
    check(Opened(*this)->Get({}, slice(kSchemaKey), &schema));
  }

  void erase_item(std::string_view id) override {
    const StoredChange change = {{std::string(id), "", ""}, StoredChange::Kind::erase};
    change_items({&change, 1});
  }

  void restore_item(std::string_view id) override {
    check_id(id);
    recover();
    rocksdb::WriteBatch batch;
    batch.Delete(prefixed(kItemPrefix, id));
    batch.Delete(prefixed(kTokensPrefix, id));
    write(batch);
  }

  void for_each_item(const std::function<void(const StoredItem&)>& put,
                     const std::function<void(std::string_view)>& erased) const override {
    recover();
    const Opened db(*this);
    const std::unique_ptr<rocksdb::Iterator> at(db->NewIterator({}));
    const std::unique_ptr<rocksdb::Iterator> tokens(db->NewIterator({}));
    tokens->Seek(Slice(&kTokensPrefix, 1));
    for (at->Seek(Slice(&kItemPrefix, 1)); at->Valid(); at->Next()) {
      const std::string_view key = view(at->key());
      if (!key.starts_with(kItemPrefix)) break;
      const std::string_view id = key.substr(1);
      const auto with_tokens = [&](const StoredItem& item) {
        StoredItem whole = item;
        whole.tokens = tokens_of(*tokens, id);
        put(whole);
      };
      if (!decode_item(id, view(at->value()), with_tokens, erased)) {
        fail("{}: what is stored of item '{}' is broken; put the item again", name_, id);
      }
    }
    check(at->status());
  }

  void put_attributes(std::string_view id, std::span<const StoredAttribute> values) override {
    const StoredChange change = {
        {std::string(id), "", ""}, StoredChange::Kind::attributes, {values.begin(), values.end()}};
    change_items({&change, 1});
  }

  void for_each_attribute(
      const std::function<void(std::string_view, const StoredAttribute&)>& visit) const override {
    recover();
    const Opened db(*this);
    const std::unique_ptr<rocksdb::Iterator> at(db->NewIterator({}));
    for (at->Seek(Slice(&kAttributePrefix, 1)); at->Valid(); at->Next()) {
      const std::string_view key = view(at->key());
      if (!key.starts_with(kAttributePrefix)) break;
      const auto names = decode_attribute_key(key.substr(1));
      if (!names) fail("{}: the attribute '{}' is broken; put it again", name_, key.substr(1));
      visit(names->first, {std::string(names->second), std::string(view(at->value()))});
    }
    check(at->status());
  }

  void backup(const fs::path& directory) override {
    recover();
    const std::lock_guard lock(backup_);
    const Opened db(*this);
    check(add_backup(*db.get(), directory));
  }

  void purge_erased() override {
    recover();
    const Opened db(*this);
    check(db->Flush({}));
    rocksdb::CompactRangeOptions everything;
    everything.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
    check(db->CompactRange(everything, nullptr, nullptr));
  }

 private:
  /// The tokens of the item at the iterator, which goes through them in the order of ids, or behind
  /// it; "" if there are none.
  static std::string_view tokens_of(rocksdb::Iterator& at, std::string_view id) {
    for (; at.Valid() && view(at.key()).starts_with(kTokensPrefix); at.Next()) {
      const std::string_view there = view(at.key()).substr(1);
      if (there == id) return view(at.value());
      if (there > id) break;
    }
    return {};
  }

  /// The database, kept open for as long as this lives. Throws Error if it could not be opened
  /// again after an error.
  class Opened {
   public:
    explicit Opened(const RocksStore& store) : lock_(store.opened_), db_(store.db_.get()) {
      if (db_ == nullptr) fail("{}: could not be opened again after an error", store.name_);
    }
    rocksdb::DB* get() const { return db_; }
    rocksdb::DB* operator->() const { return db_; }

   private:
    std::shared_lock<std::shared_mutex> lock_;
    rocksdb::DB* db_;
  };

  [[noreturn]] void fail_full() const {
    fail("{}: the disk is full; make room, and writing goes on by itself", name_);
  }

  /// Throws Error unless all is well.
  void check(const Status& status) const {
    if (status.ok()) return;
    if (status.IsIOError() && status.ToString().find("lock") != std::string::npos) {
      fail("{}: is in use; stop the other process or choose another directory", name_);
    }
    if (status.IsNoSpace()) fail_full();
    fail("{}: {}", name_, status.ToString());
  }

  /// What is known of the user under this key, nothing if nobody; the record borrows from `bytes`.
  std::optional<HistoryRecord> read_history(const std::string& key, std::string& bytes) const {
    const Status status = Opened(*this)->Get({}, key, &bytes);
    if (status.IsNotFound()) return std::nullopt;
    check(status);
    auto record = decode_history(bytes);
    if (!record) {
      fail("{}: the history of user '{}' is broken; erase it", name_, key.substr(1));
    }
    return record;
  }

  Append verdict_on(const std::string& key, std::string_view idempotency_key,
                    std::string_view digest) const {
    std::string bytes;
    const auto known = read_history(key, bytes);
    return known ? known->verdict(idempotency_key, digest) : Append::kDone;
  }

  void check_schema() const {
    std::string stored;
    const Status status = db_->Get({}, slice(kSchemaKey), &stored);
    if (status.IsNotFound()) {
      const std::unique_ptr<rocksdb::Iterator> first(db_->NewIterator({}));
      first->SeekToFirst();
      if (first->Valid()) fail("{}: is no state of Tessera; choose another directory", name_);
      check(first->status());
    } else {
      check(status);
    }
    int version = 0;
    std::from_chars(stored.data(), stored.data() + stored.size(), version);
    if (version == kRocksSchema) return;
    if (version > kRocksSchema || (version < 1 && !status.IsNotFound())) {
      fail("{}: has schema version '{}', but this program knows {}; use a newer one", name_, stored,
           kRocksSchema);
    }
    rocksdb::WriteOptions synced;
    synced.sync = true;
    check(db_->Put(synced, slice(kSchemaKey), std::to_string(kRocksSchema)));
  }

  void open() const {
    rocksdb::DB* opened = nullptr;
    const rocksdb::Options options = rocks_options(options_.history_limit);
    const Status status = rocksdb::DB::Open(options, name_, &opened);
    if (status.IsNoSpace() && rocksdb::DB::OpenForReadOnly(options, name_, &opened).ok()) {
      // What is there can be read until there is room to write.
      failed_ = true;
      db_.reset(opened);
      return;
    }
    check(status);
    db_.reset(opened);
    check_schema();
    failed_ = false;
  }

  /// Writes the batch as a whole.
  void write(rocksdb::WriteBatch& batch) {
    const Opened db(*this);
    const Status status = db->Write(write_options_, &batch);
    if (status.IsNotSupported()) fail_full();  // it is open to be read
    if (!status.ok()) failed_ = true;
    check(status);
  }

  /// After an error of the disk, such as that it is full, RocksDB refuses to write, and its
  /// Resume() is not to be trusted: with nothing to flush it goes on with the broken log, and
  /// aborts. So close and open again, as soon as there is room; until then reading goes on. Every
  /// function begins with this.
  void recover() const {
    if (!failed_) return;
    const std::lock_guard one(recovery_);
    const auto now = std::chrono::steady_clock::now();
    if (!failed_ || now < next_recovery_) return;
    next_recovery_ = now + kRecoveryPause;
    if (db_ && !has_room()) return;
    const std::lock_guard alone(opened_);
    db_.reset();
    open();
  }

  /// Whether what is in memory, and some more, could be written.
  bool has_room() const {
    std::uint64_t bytes = 0;
    db_->GetIntProperty(rocksdb::DB::Properties::kSizeAllMemTables, &bytes);
    const std::string probe = name_ + "/room.probe";
    const int file = ::open(probe.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return false;
    const bool room = ::posix_fallocate(file, 0, static_cast<off_t>(bytes + (1 << 20))) == 0;
    ::close(file);
    ::unlink(probe.c_str());
    return room;
  }

  void sync_until(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    while (!wake.wait_for(lock, stop, options_.sync_interval, [] { return false; }) &&
           !stop.stop_requested()) {
      sync();
    }
  }

  /// Asks the disk to keep all that was written. By an empty write and not by SyncWAL, which aborts
  /// the process after a failed write.
  void sync() {
    rocksdb::WriteOptions synced;
    synced.sync = true;
    rocksdb::WriteBatch nothing;
    const std::shared_lock use(opened_);
    if (db_ && !db_->Write(synced, &nothing).ok()) failed_ = true;
  }

  std::ptrdiff_t limit() const { return static_cast<std::ptrdiff_t>(options_.history_limit); }

  /// Held to look at a user's record and write as one step.
  std::mutex& stripe(std::string_view user) {
    return stripes_[std::hash<std::string_view>{}(user) % kStripes];
  }

  std::string name_;
  StoreOptions options_;
  rocksdb::WriteOptions write_options_;
  mutable std::shared_mutex opened_;  // shared to use db_
  mutable std::unique_ptr<rocksdb::DB> db_;
  mutable std::atomic<bool> failed_ = false;
  mutable std::mutex recovery_;
  mutable std::chrono::steady_clock::time_point next_recovery_{};
  std::array<std::mutex, kStripes> stripes_;
  std::mutex backup_;
  std::jthread syncer_;
};

}  // namespace

std::unique_ptr<Store> open_rocks_store(const fs::path& directory, const StoreOptions& options) {
  return std::make_unique<RocksStore>(directory, options);
}

}  // namespace tessera
