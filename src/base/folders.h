#pragma once
#include "base/files.h"

namespace tessera {

/// What a folder that Tessera writes can be: a dataset, a model bundle, the state of a service,
/// backups of one, the bundles of refreshes, tokens of items, a search of settings.
enum class Folder { dataset, bundle, state, backups, models, tokens, tuning };

/// Whether the folder is of this kind, to judge by its content.
bool holds(const fs::path& directory, Folder kind);
/// Throws Error that says what was found, unless the folder is not there yet, is empty, or is such
/// a folder already (also one that a killed program left unfinished). Whatever writes a folder asks
/// this first, so that nobody's files are overwritten. Names that begin with a dot and `lost+found`
/// do not count: volumes have them, and nothing of Tessera's is called so. What is no folder is
/// left to whoever makes it.
void check_folder(const fs::path& directory, Folder kind);
/// As above, and such a folder is refused as well.
void check_new_folder(const fs::path& directory, Folder kind);

/// Throws Error unless the file is not there yet, is empty, or is one that `ours` knows by its
/// content as what is to be written, in words `what`. Devices and pipes are written to.
void check_output(const fs::path& file, const char* what,
                  const std::function<bool(std::string_view content)>& ours);
/// The same for a JSON object that is known by these fields.
void check_json_output(const fs::path& file, const char* what,
                       std::initializer_list<const char*> fields);

/// Keeps other processes from writing into the folder, which is made if need be; another lock is
/// refused with Error, whoever holds it. It is a file in the folder, held for as long as this
/// lives. Where that ends before the folder can be told by its content, the file stays and tells.
class FolderLock {
 public:
  FolderLock(const fs::path& directory, Folder kind);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  fs::path directory_;
  Folder kind_;
  bool made_ = false;  ///< the folder, which goes again if nothing comes into it
  int fd_ = -1;
};

}  // namespace tessera
