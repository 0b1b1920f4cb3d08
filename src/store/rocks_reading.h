#pragma once
#include <rocksdb/db.h>
#include <rocksdb/utilities/backup_engine.h>

#include "store/records.h"
#include "store/store.h"

namespace tessera {

// 1 had no digests of batches, 2 no times of events. Records of each are read as they are.
constexpr int kRocksSchema = 3;
constexpr std::string_view kSchemaKey = "schema", kClockKey = "clock";
// A key is one of these letters and the id, which needs no separator then.
constexpr char kHistoryPrefix = 'h', kItemPrefix = 'i', kTokensPrefix = 't', kAttributePrefix = 'a';
// Behind this one stands a number of 8 bytes, the largest first, that counts on.
constexpr char kFeedbackPrefix = 'f';

/// How the database is opened, small, for user histories beside a model: some 60 MiB at most, and
/// at most 48 MiB of log to read when a killed process starts again.
rocksdb::Options rocks_options(std::size_t history_limit);

/// Throws Error that names the database unless all is well.
void check_rocks(const std::string& name, const rocksdb::Status& status);
[[noreturn]] void fail_broken_history(const std::string& name, std::string_view user);

/// The version of what is kept; 0 of an empty database. Throws Error for one of something else, or
/// of a newer version.
int schema_of(rocksdb::DB& db, const std::string& name);

// What StoredState tells, of a database that is open.
std::string for_each_history(rocksdb::DB& db, const std::string& name, std::string_view cursor,
                             const StoredState::VisitHistory& visit);
void for_each_item(rocksdb::DB& db, const std::string& name,
                   const std::function<void(const StoredItem&)>& put,
                   const std::function<void(std::string_view)>& erased);
void for_each_attribute(
    rocksdb::DB& db, const std::string& name,
    const std::function<void(std::string_view id, const StoredAttribute&)>& visit);

void for_each_feedback(rocksdb::DB& db, const std::string& name,
                       const std::function<void(const StoredFeedback&)>& visit);
/// The key of a record of feedback, and the number in one.
std::string feedback_key(std::uint64_t number);
std::uint64_t feedback_number(std::string_view key);

/// A directory that may be in use, to be read as it is now.
std::unique_ptr<StoredState> open_rocks_state(const fs::path& directory);
/// A backup, whose files `info` lists.
std::unique_ptr<StoredState> open_rocks_backup(const fs::path& backup,
                                               const rocksdb::BackupInfo& info);

}  // namespace tessera
