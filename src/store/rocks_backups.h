#pragma once
#include <rocksdb/db.h>

#include "store/store.h"

namespace tessera {

/// Adds a backup of the database to the directory, made if need be, and keeps the latest three.
/// Throws Error for a directory that holds anything else.
rocksdb::Status add_backup(rocksdb::DB& db, const fs::path& directory);

}  // namespace tessera
