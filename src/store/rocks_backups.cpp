#include "store/rocks_backups.h"

#include <rocksdb/env.h>
#include <rocksdb/utilities/backup_engine.h>

#include <algorithm>
#include <ctime>

#include "base/error.h"
#include "store/private_folder.h"
#include "store/rocks_reading.h"

namespace tessera {
namespace {

using rocksdb::Status;
using Backups = std::unique_ptr<rocksdb::BackupEngineReadOnly>;

/// Throws Error that names the directory.
void check_backup(const fs::path& directory, const Status& status) {
  if (!status.ok()) fail("{}: {}", directory.string(), status.ToString());
}

Backups open_backups(const fs::path& directory) {
  std::error_code ignored;
  if (!fs::is_directory(directory / "meta", ignored)) fail("{}: is no backup", directory.string());
  rocksdb::BackupEngineReadOnly* opened = nullptr;
  check_backup(directory,
               rocksdb::BackupEngineReadOnly::Open(rocksdb::BackupEngineOptions(directory.string()),
                                                   rocksdb::Env::Default(), &opened));
  return Backups(opened);
}

std::vector<BackupInfo> backups_in(const rocksdb::BackupEngineReadOnly& engine) {
  std::vector<rocksdb::BackupInfo> whole;
  std::vector<rocksdb::BackupID> corrupted;
  engine.GetBackupInfo(&whole);
  engine.GetCorruptedBackups(&corrupted);
  std::vector<BackupInfo> all;
  for (const rocksdb::BackupInfo& info : whole) {
    const Status status = engine.VerifyBackup(info.backup_id, true);
    all.push_back(
        {info.backup_id, info.timestamp, info.size, status.ok() ? "" : status.ToString()});
  }
  for (const rocksdb::BackupID id : corrupted)
    all.push_back({id, 0, 0, "its list of files is damaged"});
  std::ranges::sort(all, {}, &BackupInfo::id);
  return all;
}

/// The backup of this id, or the latest; throws Error if there is none or it is damaged.
BackupInfo chosen(const std::vector<BackupInfo>& all, std::optional<std::uint32_t> id,
                  const std::string& name) {
  if (all.empty()) fail("{}: holds no backup", name);
  const auto found = id ? std::ranges::find(all, *id, &BackupInfo::id) : all.end() - 1;
  if (found == all.end()) fail("{}: holds no backup {}; --list tells which there are", name, *id);
  if (found->damage.empty()) return *found;
  const auto is_whole = [](const BackupInfo& backup) { return backup.damage.empty(); };
  const auto older = std::find_if(all.rbegin(), all.rend(), is_whole);
  if (older == all.rend()) fail("{}: every backup is damaged: {}", name, found->damage);
  fail(
      "{}: backup {} is damaged ({}); the latest whole one is {} of {}: choose it with --backup-id "
      "{}",
      name, found->id, found->damage, older->id, backup_time(*older), older->id);
}

}  // namespace

Status add_backup(rocksdb::DB& db, const fs::path& directory) {
  constexpr std::uint32_t kKept = 3;
  make_private_folder(directory, Folder::backups);
  close_to_others(directory);
  rocksdb::BackupEngine* opened = nullptr;
  Status status = rocksdb::BackupEngine::Open(rocksdb::BackupEngineOptions(directory.string()),
                                              rocksdb::Env::Default(), &opened);
  const std::unique_ptr<rocksdb::BackupEngine> engine(opened);
  if (status.ok()) status = engine->CreateNewBackup(&db);
  if (status.ok()) status = engine->PurgeOldBackups(kKept);
  return status;
}

std::vector<BackupInfo> list_backups(const fs::path& directory) {
  return backups_in(*open_backups(directory));
}

std::string backup_time(const BackupInfo& backup) {
  if (backup.time == 0) return "an unknown time";
  const std::time_t seconds = backup.time;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::unique_ptr<StoredState> open_backup(const fs::path& backup, std::optional<std::uint32_t> id) {
  const Backups engine = open_backups(fs::absolute(backup));  // files are opened by whole paths
  const BackupInfo choice = chosen(backups_in(*engine), id, backup.string());
  rocksdb::BackupInfo info;
  check_backup(backup, engine->GetBackupInfo(choice.id, &info, true));
  return open_rocks_backup(backup, info);
}

BackupInfo restore_backup(const fs::path& backup, const fs::path& directory,
                          std::optional<std::uint32_t> id) {
  std::error_code ignored;
  check_new_folder(directory, Folder::state);
  const Backups engine = open_backups(backup);
  const BackupInfo choice = chosen(backups_in(*engine), id, backup.string());
  // Beside its place and renamed: nobody opens half a state.
  fs::path partial = directory;
  partial += ".restoring";
  fs::remove_all(partial);
  make_private_folder(partial, Folder::state);
  const std::string at = partial.string();
  check_backup(backup, engine->RestoreDBFromBackup(choice.id, at, at));
  fs::remove(directory, ignored);
  fs::rename(partial, directory);
  return choice;
}

}  // namespace tessera
