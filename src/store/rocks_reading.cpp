#include "store/rocks_reading.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/merge_operator.h>
#include <rocksdb/table.h>
#include <stdlib.h>

#include <charconv>
#include <limits>
#include <set>

#include "base/error.h"
#include "base/folders.h"

namespace tessera {
namespace {

using rocksdb::Slice;
using rocksdb::Status;

std::string_view view(const Slice& bytes) { return {bytes.data(), bytes.size()}; }

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

/// The tokens of the item at the iterator, which goes through them in the order of ids, or behind
/// it; "" if there are none.
std::string_view tokens_of(rocksdb::Iterator& at, std::string_view id) {
  for (; at.Valid() && view(at.key()).starts_with(kTokensPrefix); at.Next()) {
    const std::string_view there = view(at.key()).substr(1);
    if (there == id) return view(at.value());
    if (there > id) break;
  }
  return {};
}

}  // namespace

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

void check_rocks(const std::string& name, const Status& status) {
  if (status.ok()) return;
  if (status.IsIOError() && status.ToString().find("lock") != std::string::npos) {
    fail("{}: is in use; stop the other process or choose another directory", name);
  }
  if (status.IsNoSpace()) {
    fail("{}: the disk is full; make room, and writing goes on by itself", name);
  }
  fail("{}: {}", name, status.ToString());
}

void fail_broken_history(const std::string& name, std::string_view user) {
  fail("{}: the history of user '{}' is broken; erase it", name, user);
}

int schema_of(rocksdb::DB& db, const std::string& name) {
  std::string stored;
  const Status status = db.Get({}, Slice(kSchemaKey.data(), kSchemaKey.size()), &stored);
  if (status.IsNotFound()) {
    const std::unique_ptr<rocksdb::Iterator> first(db.NewIterator({}));
    first->SeekToFirst();
    if (first->Valid()) fail("{}: is no state of Tessera; choose another directory", name);
    check_rocks(name, first->status());
    return 0;
  }
  check_rocks(name, status);
  int version = 0;
  std::from_chars(stored.data(), stored.data() + stored.size(), version);
  if (version < 1 || version > kRocksSchema) {
    fail("{}: has schema version '{}', but this program knows {}; use a newer one", name, stored,
         kRocksSchema);
  }
  return version;
}

std::string for_each_history(rocksdb::DB& db, const std::string& name, std::string_view cursor,
                             const StoredState::VisitHistory& visit) {
  rocksdb::ReadOptions once;
  once.fill_cache = false;
  once.readahead_size = 2 << 20;
  const std::unique_ptr<rocksdb::Iterator> at(db.NewIterator(once));
  const std::string from = kHistoryPrefix + std::string(cursor);
  at->Seek(from);
  if (!cursor.empty() && at->Valid() && view(at->key()) == from) at->Next();
  for (; at->Valid(); at->Next()) {
    const std::string_view key = view(at->key());
    if (!key.starts_with(kHistoryPrefix)) break;
    const std::string_view user = key.substr(1);
    const auto record = decode_history(view(at->value()));
    const auto events = record ? record->whole_events() : std::nullopt;
    if (!events) fail_broken_history(name, user);
    if (!visit(user, *events)) return std::string(user);
  }
  check_rocks(name, at->status());
  return "";
}

void for_each_item(rocksdb::DB& db, const std::string& name,
                   const std::function<void(const StoredItem&)>& put,
                   const std::function<void(std::string_view)>& erased) {
  const std::unique_ptr<rocksdb::Iterator> at(db.NewIterator({}));
  const std::unique_ptr<rocksdb::Iterator> tokens(db.NewIterator({}));
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
      fail("{}: what is stored of item '{}' is broken; put the item again", name, id);
    }
  }
  check_rocks(name, at->status());
}

void for_each_attribute(
    rocksdb::DB& db, const std::string& name,
    const std::function<void(std::string_view id, const StoredAttribute&)>& visit) {
  const std::unique_ptr<rocksdb::Iterator> at(db.NewIterator({}));
  for (at->Seek(Slice(&kAttributePrefix, 1)); at->Valid(); at->Next()) {
    const std::string_view key = view(at->key());
    if (!key.starts_with(kAttributePrefix)) break;
    const auto names = decode_attribute_key(key.substr(1));
    if (!names) fail("{}: the attribute '{}' is broken; put it again", name, key.substr(1));
    visit(names->first, {std::string(names->second), std::string(view(at->value()))});
  }
  check_rocks(name, at->status());
}

std::string feedback_key(std::uint64_t number) {
  std::string key(1, kFeedbackPrefix);
  for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>((number >> shift) & 0xFFU);
  return key;
}

std::uint64_t feedback_number(std::string_view key) {
  std::uint64_t number = 0;
  for (const char c : key.substr(1)) number = (number << 8) | static_cast<unsigned char>(c);
  return number;
}

void for_each_feedback(rocksdb::DB& db, const std::string& name,
                       const std::function<void(const StoredFeedback&)>& visit) {
  rocksdb::ReadOptions once;
  once.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> at(db.NewIterator(once));
  for (at->Seek(Slice(&kFeedbackPrefix, 1)); at->Valid(); at->Next()) {
    if (!view(at->key()).starts_with(kFeedbackPrefix)) break;
    const auto feedback = decode_feedback(view(at->value()));
    if (!feedback) fail("{}: a record of feedback is broken", name);
    visit(*feedback);
  }
  check_rocks(name, at->status());
}

namespace {

/// A folder that goes when this does.
class PassingFolder {
 public:
  PassingFolder() {
    std::string name = (fs::temp_directory_path() / "tessera-read.XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) fail("{}: cannot be made", name);
    path_ = name;
  }
  ~PassingFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  PassingFolder(const PassingFolder&) = delete;
  PassingFolder& operator=(const PassingFolder&) = delete;
  std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

class RocksState final : public StoredState {
 public:
  RocksState(std::string name, std::unique_ptr<rocksdb::DB> db,
             std::shared_ptr<rocksdb::Env> env = nullptr)
      : name_(std::move(name)), env_(std::move(env)), db_(std::move(db)) {
    if (schema_of(*db_, name_) == 0) fail("{}: holds no state", name_);
  }

  std::string for_each_history(std::string_view cursor, const VisitHistory& visit) const override {
    return tessera::for_each_history(*db_, name_, cursor, visit);
  }
  std::size_t about_users() const override {
    std::uint64_t keys = 0;
    db_->GetIntProperty(rocksdb::DB::Properties::kEstimateNumKeys, &keys);
    return keys;
  }
  void for_each_item(const std::function<void(const StoredItem&)>& put,
                     const std::function<void(std::string_view)>& erased) const override {
    tessera::for_each_item(*db_, name_, put, erased);
  }
  void for_each_attribute(
      const std::function<void(std::string_view, const StoredAttribute&)>& visit) const override {
    tessera::for_each_attribute(*db_, name_, visit);
  }
  void for_each_feedback(const std::function<void(const StoredFeedback&)>& visit) const override {
    tessera::for_each_feedback(*db_, name_, visit);
  }

 private:
  std::string name_;
  std::shared_ptr<rocksdb::Env> env_;
  std::unique_ptr<rocksdb::DB> db_;
};

rocksdb::Options reading_options() {
  // Whoever wrote it knows how long histories are.
  rocksdb::Options options = rocks_options(std::numeric_limits<std::size_t>::max());
  options.create_if_missing = false;
  options.max_open_files = -1;  // what a writer removes meanwhile stays readable
  return options;
}

/// One look at the database, which may be written to meanwhile.
struct Look {
  Status status;
  std::unique_ptr<rocksdb::DB> db;
  std::set<std::string> tables;  // the names of its files
};

Look look_at(const std::string& name, const std::string& scratch) {
  Look look;
  rocksdb::DB* opened = nullptr;
  look.status = rocksdb::DB::OpenAsSecondary(reading_options(), name, scratch, &opened);
  look.db.reset(opened);
  if (!look.status.ok()) return look;
  std::vector<rocksdb::LiveFileMetaData> files;
  look.db->GetLiveFilesMetaData(&files);
  for (const rocksdb::LiveFileMetaData& file : files) look.tables.insert(file.name);
  return look;
}

}  // namespace

std::unique_ptr<StoredState> open_rocks_state(const fs::path& directory) {
  constexpr int kLooks = 50;
  const std::string name = directory.string();
  if (!holds(directory, Folder::state)) fail("{}: is no state of a service", name);
  const PassingFolder scratch;
  // RocksDB reads the list of tables first and the log of writes then. A writer that moves writes
  // from the log into a table in between would hide them from both; so look again, until the list
  // is as it was: nothing was moved between the two looks, and the first one saw all.
  Look look = look_at(name, scratch.path());
  for (int i = 0; i < kLooks; ++i) {
    Look next = look_at(name, scratch.path());
    if (look.status.ok() && next.status.ok() && look.tables == next.tables) {
      return std::make_unique<RocksState>(name, std::move(look.db));
    }
    look = std::move(next);
  }
  check_rocks(name, look.status);
  fail("{}: is written to too fast to be read; stop the service, or read a backup", name);
}

std::unique_ptr<StoredState> open_rocks_backup(const fs::path& backup,
                                               const rocksdb::BackupInfo& info) {
  rocksdb::Options options = reading_options();
  options.env = info.env_for_open.get();
  rocksdb::DB* opened = nullptr;
  check_rocks(backup.string(), rocksdb::DB::OpenForReadOnly(options, info.name_for_open, &opened));
  return std::make_unique<RocksState>(backup.string(), std::unique_ptr<rocksdb::DB>(opened),
                                      info.env_for_open);
}

}  // namespace tessera
