#include "store/rocks_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <shared_mutex>
#include <stop_token>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "store/private_folder.h"
#include "store/receipt_clock.h"
#include "store/rocks_backups.h"
#include "store/rocks_reading.h"

namespace tessera {
namespace {

using rocksdb::Slice;
using rocksdb::Status;

constexpr std::size_t kStripes = 256;
constexpr std::chrono::seconds kRecoveryPause{1};

Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

std::string prefixed(char prefix, std::string_view id) {
  std::string key(1, prefix);
  key += id;
  return key;
}

class RocksStore final : public Store {
 public:
  RocksStore(const fs::path& directory, const StoreOptions& options)
      : name_(directory.string()), options_(options), clock_(options.clock) {
    make_private_folder(directory, Folder::state);
    write_options_.sync = options.sync == Sync::kAlways;
    open();
    find_feedback();
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

  Append append_events(std::string_view user, std::span<const StoredEvent> events,
                       std::string_view idempotency_key) override {
    check_append(user, events, idempotency_key);
    if (events.empty()) return Append::kDone;
    const std::string digest = batch_digest(events);
    recover();
    const std::string key = prefixed(kHistoryPrefix, user);
    std::unique_lock<std::mutex> lock;
    if (!idempotency_key.empty()) {
      lock = std::unique_lock(stripe(user));
      const Append verdict = verdict_on(key, idempotency_key, digest);
      if (verdict != Append::kDone) return verdict;
    }
    const Receipt receipt = clock_.receive();
    const auto received = received_events(events, options_.history_limit, receipt);
    HistoryRecord added;
    added.events.assign(received.begin(), received.end());
    if (!idempotency_key.empty()) {
      added.keys.push_back(idempotency_key);
      added.digests.emplace_back(digest);
    }
    rocksdb::WriteBatch batch;
    batch.Merge(key, encode_history(added));
    const auto bound = clock_.bound_to_keep(receipt);
    if (bound) batch.Put(slice(kClockKey), std::to_string(*bound));
    write(batch);
    return Append::kDone;
  }

  Append foresee_append(std::string_view user, std::span<const StoredEvent> events,
                        std::string_view idempotency_key) const override {
    check_append(user, events, idempotency_key);
    recover();
    return verdict_on(prefixed(kHistoryPrefix, user), idempotency_key, batch_digest(events));
  }

  std::optional<std::vector<std::string>> history(std::string_view user) const override {
    check_id(user);
    recover();
    std::string bytes;
    const auto known = read_history(prefixed(kHistoryPrefix, user), bytes);
    if (!known) return std::nullopt;
    auto items = known->items();
    if (!items) fail_broken_history(name_, user);
    return items;
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

  std::string for_each_history(std::string_view cursor, const VisitHistory& visit) const override {
    recover();
    return tessera::for_each_history(*Opened(*this).get(), name_, cursor, visit);
  }

  void for_each_item(const std::function<void(const StoredItem&)>& put,
                     const std::function<void(std::string_view)>& erased) const override {
    recover();
    tessera::for_each_item(*Opened(*this).get(), name_, put, erased);
  }

  void put_attributes(std::string_view id, std::span<const StoredAttribute> values) override {
    const StoredChange change = {
        {std::string(id), "", ""}, StoredChange::Kind::attributes, {values.begin(), values.end()}};
    change_items({&change, 1});
  }

  void for_each_attribute(
      const std::function<void(std::string_view, const StoredAttribute&)>& visit) const override {
    recover();
    tessera::for_each_attribute(*Opened(*this).get(), name_, visit);
  }

  void add_feedback(const StoredFeedback& feedback) override {
    recover();
    rocksdb::WriteBatch batch;
    const std::lock_guard lock(feedback_);
    batch.Put(feedback_key(feedback_end_), encode_feedback(feedback));
    std::uint64_t begin = feedback_begin_;
    while (feedback_end_ + 1 - begin > options_.feedback_limit) batch.Delete(feedback_key(begin++));
    write(batch, rocksdb::WriteOptions());  // not worth waiting for the disk
    ++feedback_end_;
    feedback_begin_ = begin;
  }

  void for_each_feedback(const std::function<void(const StoredFeedback&)>& visit) const override {
    recover();
    tessera::for_each_feedback(*Opened(*this).get(), name_, visit);
  }

  std::chrono::milliseconds clock_behind() const override { return clock_.behind(); }

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

  void check(const Status& status) const { check_rocks(name_, status); }

  /// What is known of the user under this key, nothing if nobody; the record borrows from `bytes`.
  std::optional<HistoryRecord> read_history(const std::string& key, std::string& bytes) const {
    const Status status = Opened(*this)->Get({}, key, &bytes);
    if (status.IsNotFound()) return std::nullopt;
    check(status);
    auto record = decode_history(bytes);
    if (!record) fail_broken_history(name_, key.substr(1));
    return record;
  }

  Append verdict_on(const std::string& key, std::string_view idempotency_key,
                    std::string_view digest) const {
    std::string bytes;
    const auto known = read_history(key, bytes);
    return known ? known->verdict(idempotency_key, digest) : Append::kDone;
  }

  /// What older versions kept is read as it is; so that they do not read what is written now, the
  /// version is raised, which is one write.
  void raise_schema() const {
    if (schema_of(*db_, name_) == kRocksSchema) return;
    rocksdb::WriteOptions synced;
    synced.sync = true;
    check(db_->Put(synced, slice(kSchemaKey), std::to_string(kRocksSchema)));
  }

  void go_on_with_clock() const {
    std::string bound;
    const Status status = db_->Get({}, slice(kClockKey), &bound);
    if (status.IsNotFound()) return;
    check(status);
    clock_.go_on_from(std::strtoll(bound.c_str(), nullptr, 10));
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
    raise_schema();
    go_on_with_clock();
    failed_ = false;
  }

  /// Finds where the records of feedback begin and end.
  void find_feedback() {
    const std::string behind(1, static_cast<char>(kFeedbackPrefix + 1));
    const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator({}));
    at->Seek(Slice(&kFeedbackPrefix, 1));
    const auto here = [&] {
      return at->Valid() && at->key().starts_with(Slice(&kFeedbackPrefix, 1));
    };
    feedback_begin_ = here() ? feedback_number(at->key().ToStringView()) : 0;
    at->SeekForPrev(behind);
    feedback_end_ = here() ? feedback_number(at->key().ToStringView()) + 1 : feedback_begin_;
    check(at->status());
  }

  /// Writes the batch as a whole.
  void write(rocksdb::WriteBatch& batch) { write(batch, write_options_); }
  void write(rocksdb::WriteBatch& batch, const rocksdb::WriteOptions& how) {
    const Opened db(*this);
    const Status status = db->Write(how, &batch);
    if (status.IsNotSupported()) check(Status::NoSpace());  // it is open to be read
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

  /// Held to look at a user's record and write as one step.
  std::mutex& stripe(std::string_view user) {
    return stripes_[std::hash<std::string_view>{}(user) % kStripes];
  }

  std::string name_;
  StoreOptions options_;
  rocksdb::WriteOptions write_options_;
  mutable ReceiptClock clock_;
  mutable std::shared_mutex opened_;  // shared to use db_
  mutable std::unique_ptr<rocksdb::DB> db_;
  mutable std::atomic<bool> failed_ = false;
  mutable std::mutex recovery_;
  mutable std::chrono::steady_clock::time_point next_recovery_{};
  std::array<std::mutex, kStripes> stripes_;
  std::mutex backup_;
  std::mutex feedback_;  // guards the numbers of the first record of feedback and of the next
  std::uint64_t feedback_begin_ = 0, feedback_end_ = 0;
  std::jthread syncer_;
};

}  // namespace

std::unique_ptr<Store> open_rocks_store(const fs::path& directory, const StoreOptions& options) {
  return std::make_unique<RocksStore>(directory, options);
}

}  // namespace tessera
